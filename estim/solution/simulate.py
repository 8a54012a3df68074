"""Draw observations from a solved model."""

import jax
import jax.numpy as jnp

from estim.solution.representations import MovingAverage, StateSpace
from estim.typing import Array, Key


def simulate(
    solution: StateSpace | MovingAverage, rng_key: Key, num_periods: int, burn_in: int = 200
) -> Array:
    """Observations ``[num_periods, n_obs]``, shocks and measurement errors drawn anew.

    A state space starts at rest `burn_in` periods earlier, a moving average one horizon earlier.
    """
    key_shocks, key_errors = jax.random.split(rng_key)
    n_obs = solution.obs_intercept.shape[0]
    errors = _normal(key_errors, solution.obs_cov, num_periods)
    if isinstance(solution, StateSpace):
        shocks = _normal(key_shocks, solution.state_cov, burn_in + num_periods) @ solution.selection.T
        _, states = jax.lax.scan(
            lambda s, e: (solution.transition @ s + e,) * 2, jnp.zeros(shocks.shape[1]), shocks
        )
        systematic = states[burn_in:] @ solution.design.T
    else:
        horizon = solution.impulse_responses.shape[0]
        shocks = _normal(key_shocks, solution.shock_cov, horizon - 1 + num_periods)
        convolve = jax.vmap(lambda irf, e: jnp.convolve(e, irf, mode="valid"), (1, 1))
        by_observable = jax.vmap(lambda irf: convolve(irf, shocks).sum(0), 1, 1)
        systematic = by_observable(solution.impulse_responses)
    return systematic + jnp.broadcast_to(solution.obs_intercept, (num_periods, n_obs)) + errors


def _normal(rng_key: Key, cov: Array, num: int) -> Array:
    """Draws ``[num, n]`` of N(0, cov); `cov` may be singular."""
    values, vectors = jnp.linalg.eigh(cov)
    return (
        jax.random.normal(rng_key, (num, cov.shape[0]))
        @ (vectors * jnp.sqrt(jnp.maximum(values, 0.0))[None, :]).T
    )
