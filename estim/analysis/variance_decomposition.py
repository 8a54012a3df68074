"""How much of the variance of what cannot be forecast each shock brings."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from estim.analysis.impulse_responses import impulse_responses, shock_impact
from estim.linalg import solve_discrete_lyapunov
from estim.solution.representations import StateSpace
from estim.status import Status
from estim.typing import Array


def variance_decomposition(state_space: StateSpace, horizons: Sequence[int | float]) -> Array:
    """Shares ``[n_horizons, n_obs, n_shocks + 1]`` of the forecast-error variance; the last is measurement error.

    Args:
        state_space: the model's solution.
        horizons: periods ahead, from 1; ``inf`` is the unconditional variance.

    Returns:
        Shares that add to one; NaN for an observable that does not move.
    """
    finite = [int(h) for h in horizons if h != float("inf")]
    squares = impulse_responses(state_space, max(finite, default=1)) ** 2
    cumulated = jnp.cumsum(squares, axis=0)
    unconditional = _unconditional(state_space) if len(finite) < len(horizons) else cumulated[0]
    by_shock = jnp.stack([unconditional if h == float("inf") else cumulated[int(h) - 1] for h in horizons])
    error = jnp.broadcast_to(jnp.diagonal(state_space.obs_cov)[None, :, None], (*by_shock.shape[:2], 1))
    parts = jnp.concatenate([by_shock, error], axis=2)
    return parts / parts.sum(axis=2, keepdims=True)


def _unconditional(state_space: StateSpace) -> Array:
    """Variance ``[n_obs, n_shocks]`` of each observable that each shock would bring alone."""

    def alone(impact: Array) -> Array:
        cov, status = solve_discrete_lyapunov(state_space.transition, impact[:, None] * impact[None, :])
        variance = jnp.einsum("is,st,it->i", state_space.design, cov, state_space.design)
        return jnp.where(status == Status.OK, variance, jnp.nan)

    return jax.vmap(alone, in_axes=1, out_axes=1)(shock_impact(state_space))
