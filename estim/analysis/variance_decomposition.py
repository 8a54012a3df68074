"""How much of the variance of what cannot be forecast each shock brings."""

from collections.abc import Sequence
from functools import singledispatch
from typing import Annotated

import jax
import jax.numpy as jnp

from estim.analysis.impulse_responses import by_shock, impulse_responses, shock_impact
from estim.arguments import Number, at_least, checked
from estim.likelihood.moving_average.toeplitz import autocovariances
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.solution.initial_state import stationary_part
from estim.typing import Array

Horizon = Annotated[Number, at_least(1)]


@checked
def variance_decomposition(solution: StateSpace | MovingAverage, horizons: Sequence[Horizon]) -> Array:
    """Shares ``[n_horizons, n_obs, n_shocks + 1]`` of the forecast-error variance; the last is measurement error.

    Args:
        solution: the model's.
        horizons: periods ahead, from 1; ``inf`` is the unconditional variance.

    Returns:
        Shares that add to one; NaN for an observable that does not move, and at ``inf`` for one that depends on a
        unit root.
    """
    finite = [int(h) for h in horizons if h != float("inf")]
    squares = impulse_responses(solution, max(finite, default=1)) ** 2
    cumulated = jnp.cumsum(squares, axis=0)
    unconditional = _unconditional(solution) if len(finite) < len(horizons) else cumulated[0]
    by_shock = jnp.stack([unconditional if h == float("inf") else cumulated[int(h) - 1] for h in horizons])
    error = jnp.broadcast_to(jnp.diagonal(solution.obs_cov)[None, :, None], (*by_shock.shape[:2], 1))
    parts = jnp.concatenate([by_shock, error], axis=2)
    return parts / parts.sum(axis=2, keepdims=True)


@singledispatch
@jax.jit
def _unconditional(solution: StateSpace) -> Array:
    """Variance ``[n_obs, n_shocks]`` of each observable that each shock would bring alone."""

    def alone(impact: Array) -> Array:
        one = solution._replace(selection=impact[:, None], state_cov=jnp.ones((1, 1)))
        cov, level_free = stationary_part(one)
        variance = jnp.einsum("is,st,it->i", solution.design, cov, solution.design)
        return jnp.where(level_free, jnp.maximum(variance, 0.0), jnp.nan)

    return jax.vmap(alone, in_axes=1, out_axes=1)(shock_impact(solution))


@_unconditional.register
@jax.jit
def _(solution: MovingAverage) -> Array:
    parts = [autocovariances(part, 1)[0] for part in by_shock(solution)]
    return jnp.stack([jnp.diagonal(variance) for variance in parts], axis=1)
