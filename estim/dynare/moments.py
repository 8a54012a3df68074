"""`method_of_moments`: an estimate by moments of the data, or by responses to shocks that were estimated elsewhere."""

import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from estim.analysis.impulse_responses import impulse_responses
from estim.analysis.overidentification import overidentification_test
from estim.dynare.asked import Command
from estim.dynare.drawings import Drawings
from estim.dynare.history_commands import whole
from estim.dynare.modfile import ModFile
from estim.estimation import build_posterior
from estim.likelihood.moment_matching import EstimatedMoments, MomentMatching
from estim.model import ModelError
from estim.numerics import solve_discrete_lyapunov
from estim.posterior import Posterior
from estim.representations.linear import StateSpace
from estim.samplers.constrain import constrain
from estim.samplers.mode import find_mode
from estim.typing import Array, Position

_LAGS = 20
"""Dynare's `bartlett_kernel_lag`."""


_WEIGHTS = ("identity_matrix", "diagonal", "optimal")
"""Dynare's weighting matrices: of ones, of the inverses of variances, of the inverse of the covariance."""


def posterior_of_moments(
    mod: ModFile, method: str = "gmm", lags: int = _LAGS, data: Any = None, weights: str = "optimal"
) -> Posterior:
    """The posterior given the moments that a file matches; with flat priors its mode is the estimate of the generalised
    method of moments, by the weights that the data give. With other weights it is no posterior, and has the mode of the
    estimate by these.

    Args:
        mod: the file.
        method: "gmm" or "smm", the same here, as moments at first order need no simulation, or "irf_matching".
        lags: how far rows of the data depend on each other, of the weights of Newey and West.
        data: a file or frame; the file's own where None.
        weights: "optimal", "diagonal" or "identity_matrix".

    Raises:
        ModelError: the file has no moments or responses of that kind.
        DataError: the data cannot be read.
    """
    if method == "irf_matching":
        if not mod.matched.responses:
            raise ModelError(f"{mod.model.name}: 'irf_matching' needs a block 'matched_irfs'")
        rows = [
            (variable, shock, t, *given)
            for (variable, shock), path in mod.matched.responses.items()
            for t, given in path.items()
        ]
        values = np.array([row[3] for row in rows])
        given = EstimatedMoments(values, np.array([row[4] for row in rows]) ** -0.5)
        places = _places(mod, rows)
        horizon = int(places[0].max()) + 1
        matching = MomentMatching(lambda solution: impulse_responses(solution, horizon)[places])
        return build_posterior(mod.model, given, likelihood=matching)
    if not mod.matched.products:
        raise ModelError(f"{mod.model.name}: 'method_of_moments' needs a block 'matched_moments'")
    products = mod.matched.products
    centred, names = mod.estimation.prefilter, mod.model.observables._fields

    def of_data(columns: Any) -> Array:
        return jnp.stack([_row_by_row(columns, product) for product in products], axis=1)

    def of_model(solution: StateSpace) -> Array:
        return _moments(solution, [[(names.index(n), lead) for n, lead in p] for p in products], centred)

    matching, frame = MomentMatching(of_model, of_data, lags=lags), mod.load_data(data)
    if weights == "optimal":
        return build_posterior(mod.model, frame, likelihood=matching)
    values, *covariance = np.transpose(matching.select(mod.model, frame))
    variances = np.diag(covariance) if weights == "diagonal" else np.ones(len(values))
    given = EstimatedMoments(values, variances**0.5)
    return build_posterior(mod.model, given, likelihood=MomentMatching(of_model))


def _places(mod: ModFile, rows: list[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of responses: period, observable, shock, from 0 on."""
    observables, shocks = mod.model.observables._fields, mod.model.shocks._fields
    found = [(t - 1, observables.index(variable), shocks.index(shock)) for variable, shock, t, *_ in rows]
    period, observable, shock = np.array(found).T
    return period, observable, shock


def _row_by_row(columns: Any, product: tuple[tuple[str, int], ...]) -> Array:
    """The product in each period; NaN where a lead or lag lies outside the data."""
    result: Any = 1.0
    for name, lead in product:
        column = getattr(columns, name)
        at = jnp.arange(len(column)) + lead
        inside = (at >= 0) & (at < len(column))
        result = result * jnp.where(inside, column[jnp.clip(at, 0, len(column) - 1)], jnp.nan)
    return result


def _moments(solution: StateSpace, products: list[list[tuple[int, int]]], centred: bool) -> Array:
    """Means of products of observables ``[n]``, which are normal (Isserlis 1918, Biometrika 12)."""
    T, R, Q, Z, d, H = solution[:6]
    cov, _ = solve_discrete_lyapunov(T, R @ Q @ R.T)
    mean = jnp.zeros_like(d) if centred else d

    @cache
    def covariance(a: tuple[int, int], b: tuple[int, int]) -> Array:
        (i, first), (j, second) = sorted((a, b), key=lambda p: -p[1])
        apart = first - second  # of y_i,t+apart and y_j,t
        return Z[i] @ jnp.linalg.matrix_power(T, apart) @ cov @ Z[j] + (H[i, j] if apart == 0 else 0.0)

    def moment(factors: list[tuple[int, int]]) -> Any:
        if not factors:
            return 1.0
        first, *others = factors
        pairs = (covariance(first, o) * moment(others[:k] + others[k + 1 :]) for k, o in enumerate(others))
        return mean[first[0]] * moment(others) + sum(pairs)

    return jnp.stack([moment(product) for product in products])


def method_of_moments(mod: ModFile, command: Command) -> dict[str, str]:
    """Estimates with standard errors, and Hansen's test where there are more moments than parameters.

    Raises:
        ModelError: there is nothing to match, or the method is none of Dynare's.
        DataError: the data cannot be read.
    """
    method = (command.options.get("mom_method") or "").strip("'\"").lower()
    if method not in ("gmm", "smm", "irf_matching"):
        raise ModelError(
            f"line {command.line}: 'mom_method' must be GMM, SMM or IRF_MATCHING, not '{method}'"
        )
    if whole(command, "order", 1) > 1:
        raise ModelError(
            f"line {command.line}: moments are those of first order, and the command asks for another"
        )
    weights = re.findall(r"\w+", (command.options.get("weighting_matrix") or "optimal").lower())[-1]
    if weights not in _WEIGHTS:
        raise ModelError(f"line {command.line}: 'weighting_matrix' must be of {_WEIGHTS}, not '{weights}'")
    lags = whole(command, "bartlett_kernel_lag", _LAGS)
    optimal = posterior = posterior_of_moments(mod, method, lags)
    if method != "irf_matching" and weights != "optimal":
        posterior = posterior_of_moments(mod, method, lags, weights=weights)
    mode = find_mode(posterior, jax.random.key(0), density="params").position
    estimate = constrain(posterior, mode[None])[0]
    spread = _standard_errors(posterior, jnp.asarray(mode), np.asarray(optimal.data.read.scale_tril))
    table = pd.DataFrame({"estimate": estimate, "s.e.": spread}, posterior.param_names)
    tables = {f"METHOD OF MOMENTS ({method.upper()})": table.to_string(float_format="{:.6g}".format)}
    if posterior is optimal and posterior.data.read.moments.size > len(posterior.param_names):
        test = overidentification_test(posterior, jnp.asarray(mode))
        words = f"J = {test.statistic:.6g} with {test.degrees} degrees of freedom, p-value {test.p_value:.4g}"
        compared = pd.DataFrame({"data": test.data, "model": test.model}, _labels(mod, method))
        tables |= {"MATCHED": compared.to_string(float_format="{:.6g}".format), "J TEST": words}
    return tables


def _standard_errors(posterior: Posterior, mode: Position, root: np.ndarray) -> np.ndarray:
    """Of the moments alone ``[dim]``, which have the covariance V = ``root root'`` and are weighed by W.

    Of (D' W D)^-1 D' W V W D (D' W D)^-1, D their derivatives in the parameters (Hansen 1982, theorem 3.1).
    """
    evaluation: Any = posterior.likelihood

    def missed(position: Position) -> Array:
        solution = evaluation.solution(position, posterior.data)
        return evaluation.likelihood.standardised(solution, posterior.data.read)

    values = lambda position: jnp.stack(list(posterior.parameters.constrain_fn(position).values()))
    D, move = jax.jit(lambda x: (jax.jacrev(missed)(x), jax.jacrev(values)(x)))(mode)
    spread = np.linalg.pinv(D) @ np.linalg.solve(np.asarray(posterior.data.read.scale_tril), root)
    return np.linalg.norm(move @ spread, axis=1)


def _labels(mod: ModFile, method: str) -> list[str]:
    dated = lambda name, lead: f"{name}({lead:+d})" if lead else name
    if method != "irf_matching":
        return ["*".join(dated(*factor) for factor in product) for product in mod.matched.products]
    return [f"{v} after {e}, period {t}" for (v, e), path in mod.matched.responses.items() for t in path]


def table(mod: ModFile, drawings: Drawings) -> dict[str, Callable[[Command], dict[str, str]]]:
    """The commands of this module: each gives texts by their titles."""
    return {"method_of_moments": partial(method_of_moments, mod)}
