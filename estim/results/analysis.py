"""What a report shows beside the draws themselves, computed from a posterior at chosen positions."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.analysis.historical_decomposition import historical_decomposition
from estim.analysis.impulse_responses import impulse_responses
from estim.analysis.variance_decomposition import variance_decomposition
from estim.model import Model
from estim.posterior import Posterior, build_solver, without_trend
from estim.samplers.mode import Laplace
from estim.status import Status
from estim.surrogate.evaluate import evaluate_posterior
from estim.typing import Array

_HORIZONS = (1, 4, 20, float("inf"))
_TILE = 4096


def constrain(posterior: Posterior, position: Any) -> np.ndarray:
    """Parameters in the model's units ``[..., dim]`` at positions ``[..., dim]``.

    In the precision of the positions (float32 of a surrogate's draws).
    """
    return _in_tiles(partial(_constrain_tile, posterior.constrain_fn, posterior.param_names), position)


def unconstrain(posterior: Posterior, params: Any) -> np.ndarray:
    """The inverse of `constrain`, up to rounding."""
    return _in_tiles(partial(_unconstrain_tile, posterior.unconstrain_fn, posterior.param_names), params)


def _in_tiles(function: Callable[[Any], Array], values: Any) -> np.ndarray:
    """`function` of ``[n, dim]`` over all rows of `values`, in tiles of one shape: any number compiles once."""
    values = np.asarray(values)
    flat = values.astype(float).reshape(-1, values.shape[-1])
    padded = np.concatenate([flat, np.repeat(flat[:1], -len(flat) % _TILE, axis=0)])
    tiles = [function(tile) for tile in padded.reshape(-1, _TILE, flat.shape[-1])]
    return np.concatenate(tiles)[: len(flat)].reshape(values.shape).astype(values.dtype)


@partial(jax.jit, static_argnums=(0, 1))
def _constrain_tile(constrain_fn: Callable[[Array], Any], names: tuple[str, ...], tile: Array) -> Array:
    values = jax.vmap(constrain_fn)(tile)
    return jnp.stack([values[name] for name in names], axis=-1)


@partial(jax.jit, static_argnums=(0, 1))
def _unconstrain_tile(unconstrain_fn: Callable[[Any], Array], names: tuple[str, ...], tile: Array) -> Array:
    return jax.vmap(lambda row: unconstrain_fn(dict(zip(names, row, strict=True))))(tile)


def posterior_slices(
    exact: Posterior, surrogate: Posterior, laplace: Laplace, num_points: int = 41, reach: float = 3.0
) -> dict[str, np.ndarray]:
    """Two log-posteriors along each parameter, the others at the mode.

    Returns:
        ``grids`` in the model's units, ``exact`` and ``surrogate``, each ``[dim, num_points]``: the
        log-posteriors less the exact one at the mode, up to `reach` conditional standard
        deviations away from it; ``mode`` ``[dim]``.
    """
    dim = len(laplace.mode)
    width = reach / np.sqrt(np.diag(np.linalg.inv(laplace.covariance)))
    offsets = np.linspace(-1, 1, num_points)
    positions = laplace.mode + offsets[None, :, None] * (np.eye(dim) * width)[:, None, :]
    flat: Any = positions.reshape(-1, dim)
    values = [evaluate_posterior(p, flat).logdensity.reshape(dim, num_points) for p in (exact, surrogate)]
    params = constrain(exact, positions)
    return {
        "grids": np.stack([params[i, :, i] for i in range(dim)]),
        "exact": values[0] - laplace.logdensity,
        "surrogate": values[1] - laplace.logdensity,
        "mode": constrain(exact, laplace.mode[None])[0],
    }


def draw_impulse_responses(
    model: Model, posterior: Posterior, positions: np.ndarray, horizon: int = 24
) -> np.ndarray:
    """Responses of the observables to one standard deviation of each shock.

    At positions ``[n, dim]`` they are ``[n, horizon, n_obs, n_shocks]``, and so for any leading
    axes; NaN where a position has no solution.
    """
    solve = build_solver(model)

    def respond(position: Array) -> Array:
        solution = solve(posterior.constrain_fn(position))
        return jnp.where(solution.status == Status.OK, impulse_responses(solution, horizon), jnp.nan)

    flat = np.asarray(positions, float).reshape(-1, positions.shape[-1])
    responses = np.asarray(_over(respond, flat))
    return responses.reshape(*positions.shape[:-1], *responses.shape[1:])


def decompositions(
    model: Model, posterior: Posterior, positions: np.ndarray, observations: np.ndarray
) -> dict[str, np.ndarray]:
    """Where the movements of the observables come from, at positions ``[n, dim]``.

    Returns:
        ``horizons`` ``[n_horizons]``; ``shares`` ``[n, n_horizons, n_obs, n_shocks + 1]`` of the variance of
        the error of forecasting so far ahead, the last for measurement error, NaN where a position has no
        solution; ``history`` ``[n_periods, n_obs, n_shocks + 2]`` at the mean of the positions: what each shock, the
        state before the sample and measurement error did, period by period.
    """
    solve = build_solver(model)

    def shares(position: Array) -> Array:
        solution = solve(posterior.constrain_fn(position))
        return jnp.where(solution.status == Status.OK, variance_decomposition(solution, _HORIZONS), jnp.nan)

    @jax.jit
    def history(position: Array) -> Array:
        values = posterior.constrain_fn(position)
        stationary = without_trend(model, model.params(values), observations)
        parts = historical_decomposition(solve(values), stationary)
        rest = jnp.stack([parts.initial, parts.measurement_error], axis=2)
        return jnp.concatenate([parts.shocks, rest], axis=2)

    return {
        "horizons": np.array(_HORIZONS),
        "shares": np.asarray(_over(shares, positions)),
        "history": np.asarray(history(positions.mean(axis=0))),
    }


def _over(function: Callable[[Array], Array], positions: np.ndarray) -> Array:
    """`function` at every position ``[n, dim]``, some at a time: a solution in sequence space is large."""
    return jax.jit(lambda x: jax.lax.map(function, x, batch_size=32))(np.asarray(positions, float))


def thin(rows: Any, num: int) -> Any:
    """At most `num` rows, evenly spaced."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, num).astype(int))]
