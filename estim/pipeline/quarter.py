"""A quarter more of data: a run that begins from what another knows.

Draws theta_i of the old posterior are draws of the new one with the weights

    w_i ~ p(y_new | theta_i) / p(y_old | theta_i),

as long as the tail of the weights allows it: the Pareto k-hat of Vehtari, Simpson, Gelman, Yao and Gabry (2024,
J. Machine Learning Research 25). Where it does not, the samplers run again, the search from the old mode. Where
k-hat is below one, the two posteriors overlap: then chains begin at old draws, picked by their weights, with the step
size, metric and transport map that the old warm-up ended with, and a quarter of the warm-up is enough to mend them.
A surrogate learns from the old draws too, whose log-likelihoods under the new data are known by then.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from estim.arguments import ArgumentError
from estim.evaluations import Evaluations
from estim.experiment import Experiment, Route
from estim.numerics import resample_systematically
from estim.pipeline.learning import EVALUATED
from estim.pipeline.routes import begun_file
from estim.posterior import Posterior
from estim.results.analysis import thin
from estim.results.contents import finished_routes, read_route
from estim.results.describe import describe_model
from estim.results.diagnostics import summarise, superchains_of
from estim.results.report.verdict import best
from estim.results.store import RunDirectory
from estim.results.verify import require_intact, require_run
from estim.samplers.adaptation import NUM_WINDOWS
from estim.samplers.constrain import unconstrain
from estim.samplers.registry import is_population
from estim.specification import Specification
from estim.surrogate.estimates import effective_size, pareto_khat, reliable_khat
from estim.surrogate.evaluate import evaluate_posterior

REWEIGHTED = "reweighted"
PREVIOUS = "previous.npz"
"""The mode of the run that this one was begun from."""
_DRAWS = 4000
_EFFECTIVE = 400
_OVERLAP = 10
_SHORTER = 4
_DENSITIES = ("loglikelihood", "logprior")
_SAME = ("variables", "shocks", "observables", "prior", "calibrated")


class Reweighted(NamedTuple):
    """Old draws ``params`` ``[chain, draw, n_params]`` of a ``route``, their evaluations ``[chain * draw]`` under the
    new data, the sampler's statistics of them, their weights ``[chain, draw]``, and what these are worth."""

    route: str
    params: np.ndarray
    evaluations: Evaluations
    stats: dict[str, np.ndarray]
    weight: np.ndarray
    khat: float
    effective: float

    @property
    def enough(self) -> bool:
        """May the weights be trusted, and are they worth enough draws?"""
        wanted = min(_EFFECTIVE, 0.5 * self.weight.size)
        return self.khat <= reliable_khat(self.weight.size) and self.effective >= wanted

    @property
    def note(self) -> str:
        """What was found, in words."""
        found = (
            f"{self.weight.size:,} draws of its route {self.route} weighed by the new data: Pareto k-hat "
            f"{self.khat:.2f}, as good as {self.effective:,.0f} draws"
        )
        if self.enough:
            return f"{found}; they stand for the new posterior"
        return f"{found}: not enough" + ("; chains begin from them" if self.near else "")

    @property
    def near(self) -> bool:
        """Do the two posteriors overlap, so that what was learnt of the old one is a beginning?"""
        return self.khat < 1 and self.effective >= _OVERLAP


def open_previous(path: Any, model: Specification) -> RunDirectory:
    """The run to begin from.

    Raises:
        StoreError: no run, or a damaged one.
        ArgumentError: it has another model, or no draws.
    """
    run = RunDirectory(path)
    require_run(run)
    require_intact(run)
    there, here = run.read_json("model.json"), describe_model(model)
    if differ := [key for key in _SAME if there.get(key) != here.get(key)]:
        raise ArgumentError(
            f"{path} is a run of another model (its {', '.join(differ)}): nothing of it can be used"
        )
    if not finished_routes(run):
        raise ArgumentError(f"{path} has no draws yet: let it finish first")
    return run


def reweigh(posterior: Posterior, previous: RunDirectory) -> Reweighted:
    """The draws of the old run's best exact route, weighed by the new data."""
    routes = finished_routes(previous)
    settings = previous.read_json("settings.json")
    summaries = {
        name: summarise(read_route(previous, name).params, superchains_of(settings, name)) for name in routes
    }
    route = best(summaries)
    result = read_route(previous, route)
    each = max(1, _DRAWS // len(result.params))
    params, old = (
        np.stack([thin(chain, each) for chain in x]) for x in (result.params, result.loglikelihood)
    )
    stats = {name: np.stack([thin(chain, each) for chain in x]) for name, x in result.stats.items()}
    positions = unconstrain(posterior, params.reshape(-1, params.shape[-1]).astype(float))
    found = evaluate_posterior(posterior, positions)
    new = np.asarray(found.loglikelihood).reshape(old.shape)
    log_weight = np.where(np.isfinite(new), new - old, -np.inf)
    if not np.isfinite(log_weight).any():
        nothing = np.full(old.shape, 1 / old.size)
        return Reweighted(route, params, found, stats, nothing, np.inf, 0.0)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    khat = pareto_khat(log_weight.ravel())
    _, same = np.unique(positions, axis=0, return_inverse=True)  # a draw that stands there twice is one
    effective = effective_size(np.bincount(same.ravel(), weight.ravel()))
    return Reweighted(route, params, found, stats, weight, khat, effective)


def resampled(found: Reweighted, seed: int) -> dict[str, np.ndarray]:
    """The chunk of a route: as many draws with equal weights, each chain's from its own."""
    uniform = np.random.default_rng(seed).random(len(found.weight))
    rows = [resample_systematically(w / w.sum(), u) for u, w in zip(uniform, found.weight, strict=True)]
    pick = lambda x: np.stack([chain[row] for chain, row in zip(x, rows, strict=True)])
    return {
        "params": pick(found.params),
        **{name: pick(getattr(found.evaluations, name).reshape(found.weight.shape)) for name in _DENSITIES},
        "num_evaluations": np.asarray(found.weight.size),
        **{f"stats.{name}": pick(values) for name, values in found.stats.items()},
    }


class Beginning(NamedTuple):
    """What a run begins from: its experiment, files to write by name, and a note for the report."""

    experiment: Experiment
    files: dict[str, Mapping[str, Any]]
    note: str


def begin_from(path: Any, experiment: Experiment, model: Specification, posterior: Posterior) -> Beginning:
    """The old draws as the one route, where they stand for the new posterior; the search for the mode from the old one.

    Args:
        path: of the old run.
        experiment, model, posterior: of the new data.

    Raises:
        StoreError, ArgumentError: as `open_previous`.
    """
    old = open_previous(path, model)
    found = reweigh(posterior, old)
    files: dict[str, Mapping[str, Any]] = {}
    if old.has("mode.npz"):
        files[PREVIOUS] = {"params": old.read_arrays("mode.npz")["params"]}
    if found.enough:
        experiment = _with_old_draws(experiment, found, old.read_json("settings.json")["routes"])
        files[f"{REWEIGHTED}/chunk-00000.npz"] = resampled(found, experiment.seed)
    elif found.near:
        experiment, learnt = _with_old_tuning(experiment, found, old)
        files |= learnt
        if experiment.surrogate:
            known = found.evaluations._asdict().items()
            files[EVALUATED] = {name: np.asarray(x) for name, x in known if x is not None}
    return Beginning(replace(experiment, num_starts=1), files, f"begun from {path}: {found.note}")


def _with_old_draws(experiment: Experiment, found: Reweighted, routes: Mapping[str, Any]) -> Experiment:
    """The experiment whose one route is the reweighted draws, by the algorithm that made them.

    Args:
        experiment: of the new data.
        found: the draws.
        routes: the old run's, as its settings have them.
    """
    made = routes.get(found.route)  # a surrogate's draws have no route
    route = Route(**made) if made else next(iter(experiment.routes.values()))
    chains, draws = found.weight.shape
    route = replace(route, num_samples=draws, num_chains=chains, num_warmup=0)
    return replace(experiment, routes={REWEIGHTED: route}, surrogate=None)


def _with_old_tuning(
    experiment: Experiment, found: Reweighted, old: RunDirectory
) -> tuple[Experiment, dict[str, Mapping[str, Any]]]:
    """Routes that the old run had too begin from what it learnt, with less warm-up; the files that say so."""
    files: dict[str, Mapping[str, Any]] = {}
    made, routes = old.read_json("settings.json")["routes"], dict(experiment.routes)
    draws = np.asarray(found.evaluations.position)
    for name, route in experiment.routes.items():
        chunks = old.chunks(name)
        same = name in made and made[name]["algorithm"] == route.algorithm
        if is_population(route.algorithm) or not (same and chunks):
            continue
        rng = np.random.default_rng([experiment.seed, *name.encode()])
        points = route.num_superchains or route.num_chains
        begun = draws[resample_systematically(found.weight.ravel(), rng.random(), points)]
        begun = np.repeat(begun, route.num_chains // points, axis=0)
        files[begun_file(name)] = {"position": begun} | old.read_arrays(chunks[-1], "state.")
        warmup = min(route.num_warmup, max(NUM_WINDOWS, route.num_warmup // _SHORTER))
        routes[name] = replace(route, num_warmup=warmup)
    return replace(experiment, routes=routes), files


def from_old_mode(posterior: Posterior, run: RunDirectory) -> Posterior:
    """The same posterior; searches begin at the mode of the run that this one was begun from, where there is one."""
    if not run.has(PREVIOUS):
        return posterior
    mode = run.read_arrays(PREVIOUS)["params"]
    values = dict(zip(posterior.param_names, map(float, mode), strict=True))
    return replace(posterior, start=posterior.unconstrain_fn(values))
