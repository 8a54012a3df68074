"""What a report shows beside the draws themselves, computed from a posterior at chosen positions."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.analysis.historical_decomposition import historical_decomposition
from estim.analysis.impulse_responses import impulse_responses
from estim.analysis.variance_decomposition import variance_decomposition
from estim.model import Model
from estim.observations import in_whole_blocks
from estim.posterior import Posterior
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.samplers.mode import Laplace
from estim.samplers.solutions import solutions
from estim.status import Status
from estim.surrogate.evaluate import evaluate_posterior
from estim.typing import Array

_HORIZONS = (1, 4, 20, float("inf"))


def slice_positions(laplace: Laplace, num_points: int = 41, reach: float = 3.0) -> np.ndarray:
    """Points along each parameter, the others at the mode, ``[dim, num_points, dim]``.

    They reach `reach` conditional standard deviations to both sides.
    """
    width = reach / np.sqrt(np.diag(np.linalg.inv(laplace.covariance)))
    offsets = np.linspace(-1, 1, num_points)
    return laplace.mode + offsets[None, :, None] * np.diag(width)[:, None, :]


def logdensities(posterior: Posterior, positions: np.ndarray) -> np.ndarray:
    """The log-posterior ``[...]`` at ``positions`` ``[..., dim]``."""
    evaluated = evaluate_posterior(posterior, positions.reshape(-1, positions.shape[-1]))
    return np.asarray(evaluated.logdensity).reshape(positions.shape[:-1])


def implications(
    model: Model, posterior: Posterior, positions: np.ndarray, observations: np.ndarray, horizon: int = 24
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What the model says at positions ``[n_routes, n, dim]``, each of which is solved once.

    Returns:
        Responses of the observables to one standard deviation of each shock,
        ``[n_routes, n, horizon, n_obs, n_shocks]``; and where the observables' movements come from, by the
        first route: ``horizons`` ``[n_horizons]``; ``shares`` ``[n, n_horizons, n_obs, n_shocks + 1]`` of the
        variance of the error of forecasting so far ahead, the last for measurement error; ``history``
        ``[n_periods, n_obs, n_shocks + 2]`` at the mean of the positions: what each shock, the state before the
        sample and measurement error did, period by period. NaN where a position has no solution.
    """
    n_routes, n, dim = positions.shape
    mean = np.asarray(positions[0], float).mean(axis=0)
    found = solutions(posterior, np.vstack([positions.reshape(-1, dim), mean]))
    solved = found.status == Status.OK

    @jax.jit
    def history(solution: StateSpace | MovingAverage, observations: Array) -> Array:
        parts = historical_decomposition(solution, observations)
        rest = jnp.stack([parts.initial, parts.measurement_error], axis=2)
        return jnp.concatenate([parts.shocks, rest], axis=2)

    respond = jax.jit(jax.vmap(partial(impulse_responses, horizon=horizon)))
    responses = np.array(respond(found))[:-1]
    responses[~solved[:-1]] = np.nan
    shares = np.array(
        jax.jit(jax.vmap(partial(variance_decomposition, horizons=_HORIZONS)))(
            jax.tree.map(lambda leaf: leaf[:n], found)
        )
    )
    shares[~solved[:n]] = np.nan
    last = jax.tree.map(lambda leaf: leaf[-1], found)
    rows = in_whole_blocks(observations) if isinstance(last, StateSpace) else observations
    parts = {
        "horizons": np.array(_HORIZONS),
        "shares": shares,
        "history": np.asarray(history(last, jnp.asarray(rows)))[: len(observations)],
    }
    return responses.reshape(n_routes, n, *responses.shape[1:]), parts


def thin(rows: Any, num: int) -> Any:
    """At most `num` rows, evenly spaced."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, num).astype(int))]
