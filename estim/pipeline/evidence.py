"""The marginal likelihood by several methods, where one of the routes is a population that estimates it on its way.

Tempered SMC begins from the whole prior, the chains around the modes that a search found: a mode that the chains miss
is missing from their marginal likelihood, and too few particles are too few for SMC's. That the two agree says
more than either does.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm, t

from estim.analysis.bridge import bridge_sampling
from estim.analysis.marginal_likelihood import modified_harmonic_mean
from estim.experiment.settings import Route
from estim.posterior import Posterior
from estim.progress import Progress
from estim.results.contents import RouteResult, read_route
from estim.results.store import RunDirectory
from estim.samplers.constrain import unconstrain
from estim.samplers.mode import Laplace
from estim.samplers.registry import is_population
from estim.typing import Key

_NUM_PROPOSALS = 1000
_TRUNCATION = 0.5
_SIGNIFICANCE = 0.001


def populations(routes: Mapping[str, Route]) -> list[str]:
    """The routes that move populations."""
    return [name for name, route in routes.items() if is_population(route.algorithm)]


def compare_evidence(
    run: RunDirectory,
    posterior: Posterior,
    laplace: Laplace,
    routes: Mapping[str, Route],
    rng_key: Key,
    progress: Progress,
) -> None:
    """Write ``evidence.json``, where one of the routes is a population: see `judged`.

    Args:
        rng_key: for the proposals of bridge sampling, a thousand evaluations of the posterior.
    """
    if not populations(routes) or run.has("evidence.json"):
        return
    progress("marginal likelihood", 0, 1, "")
    with run.timed("marginal likelihood"):
        rows = [_row("Laplace", None, laplace.log_marginal_likelihood)]
        rows += [_of_population(name, read_route(run, name)) for name in populations(routes)]
        chains = [name for name in routes if name not in populations(routes)]
        if chains:
            rows += _of_chains(posterior, chains[0], read_route(run, chains[0]), rng_key)
        comparison = judged(rows)
    run.write_json("evidence.json", comparison)
    progress("marginal likelihood", 1, 1, "" if comparison["agree"] else "the methods disagree")


def judged(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The rows, and which of the populations and the methods of the chains differ by more than their errors allow.

    Two estimates differ where the standardised gap is one in a thousand if both were right: of a Student
    distribution with as many degrees of freedom as the runs of the population leave, for their spread is itself an
    estimate.
    """
    apart = []
    for ours in rows:
        for other in rows:
            if ours["runs"] is None or other["runs"] is not None or None in (ours["error"], other["error"]):
                continue
            gap = abs(ours["value"] - other["value"])
            error = float(np.hypot(ours["error"], other["error"]))
            freedom = ours["runs"] - 1
            allowed = error * float(
                t.ppf(1 - _SIGNIFICANCE / 2, freedom) if freedom < 100 else norm.ppf(1 - _SIGNIFICANCE / 2)
            )
            if not gap <= allowed:
                methods = [f"{row['method']} ({row['route']})" for row in (ours, other)]
                apart.append({"methods": methods, "gap": gap, "allowed": allowed})
    return {"rows": rows, "apart": apart, "agree": not apart}


def _of_population(name: str, result: RouteResult) -> dict[str, Any]:
    """The log of the average of the runs, and its error from their spread; None where there is one run."""
    logs = result.stats["log_marginal_likelihood"][:, 0]
    value = float(logsumexp(logs) - np.log(len(logs)))
    ratio = np.exp(logs - value)
    error = float(ratio.std(ddof=1) / np.sqrt(len(logs))) if len(logs) > 1 else None
    return _row("tempered SMC", name, value, error, len(logs))


def _of_chains(posterior: Posterior, name: str, result: RouteResult, rng_key: Key) -> list[dict[str, Any]]:
    """By bridge sampling and by the harmonic mean, of a route of chains; those that its draws are enough for."""
    position: Any = unconstrain(posterior, result.params)
    logdensity: Any = result.loglikelihood + result.logprior
    rows = []
    try:
        bridge = bridge_sampling(posterior, position, logdensity, rng_key, num_proposals=_NUM_PROPOSALS)
        rows.append(_row("bridge sampling", name, bridge.log_marginal_likelihood, bridge.standard_error))
        harmonic = modified_harmonic_mean(position, logdensity, (_TRUNCATION,))
        value, error = harmonic.log_marginal_likelihood[0], harmonic.standard_error[0]
        rows.append(_row("harmonic mean", name, float(value), float(error)))
    except (ValueError, np.linalg.LinAlgError):  # too few draws for a covariance
        pass
    return [row for row in rows if np.isfinite(row["value"]) and np.isfinite(row["error"])]


def _row(
    method: str, route: str | None, value: float, error: float | None = None, runs: int | None = None
) -> dict[str, Any]:
    return {"method": method, "route": route, "value": float(value), "error": error, "runs": runs}
