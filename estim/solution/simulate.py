"""Draw observations from a solved model."""

from functools import partial, singledispatch
from typing import Any

import jax
import jax.numpy as jnp

from estim.arguments import Positive, checked
from estim.numerics import solve_discrete_lyapunov
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage, Tail
from estim.representations.trend import trend_path
from estim.solution.initial_state import stationary_part
from estim.status import Status
from estim.typing import Array, Key


@checked
def simulate(solution: StateSpace | MovingAverage, rng_key: Key, num_periods: Positive) -> Array:
    """Observations ``[num_periods, n_obs]``, shocks and measurement errors drawn anew, their trend included."""
    return _simulate(solution, rng_key, num_periods)


@singledispatch
def _simulate(solution: Any, rng_key: Key, num_periods: int) -> Array:
    return _simulate_states(solution, rng_key, num_periods)[2]


@_simulate.register
@partial(jax.jit, static_argnames="num_periods")
def _(solution: MovingAverage, rng_key: Key, num_periods: int) -> Array:
    key_shocks, key_errors = jax.random.split(rng_key)
    horizon = solution.impulse_responses.shape[0]
    shocks = _normal(key_shocks, solution.shock_cov, horizon - 1 + num_periods)
    convolve = jax.vmap(lambda irf, e: jnp.convolve(e, irf, mode="valid"), (1, 1))
    by_observable = jax.vmap(lambda irf: convolve(irf, shocks).sum(0), 1, 1)
    errors = _normal(key_errors, solution.obs_cov, num_periods)
    level = solution.obs_intercept[None, :] + trend_path(solution, num_periods)
    y = by_observable(solution.impulse_responses) + level + errors
    if solution.tail is not None:
        y += _simulate_tail(
            solution.tail, solution.shock_cov, jax.random.fold_in(rng_key, 2), shocks[:num_periods]
        )
    return y


def _simulate_tail(tail: Tail, shock_cov: Array, rng_key: Key, shocks: Array) -> Array:
    """What the shocks of the horizon T and more ago do, ``[num_periods, n_obs]``: C z_{t-T}, z_t = F z_{t-1} + G e_t.

    ``shocks`` are those from horizon - 1 periods before the first observation on.
    """
    C, F, G = tail
    cov, status = solve_discrete_lyapunov(F, G @ shock_cov @ G.T)
    before = _normal(rng_key, jnp.where(status == Status.OK, cov, 0.0), 1)[0]

    def step(z, shock):
        return F @ z + G @ shock, z

    return jax.lax.scan(step, before, shocks)[1] @ C.T


def simulate_states(solution: StateSpace, rng_key: Key, num_periods: int) -> tuple[Array, Array, Array]:
    """States, shocks and observations, leading axis ``[num_periods]``.

    The state before the first period is drawn from its stationary distribution, and at rest in the directions
    of unit roots, where there is none.
    """
    T, R, Q, Z, d, H = solution[:6]
    keys = jax.random.split(rng_key, 3)
    past = _normal(keys[0], stationary_part(solution)[0], 1)[0]
    shocks, errors = _normal(keys[1], Q, num_periods), _normal(keys[2], H, num_periods)
    scales = solution.scales(num_periods)
    shocks = shocks if scales is None else scales * shocks

    def step(state, shock):
        state = T @ state + R @ shock
        return state, state

    states = jax.lax.scan(step, past, shocks)[1]
    return states, shocks, states @ Z.T + d[None, :] + trend_path(solution, num_periods) + errors


_simulate_states = jax.jit(simulate_states, static_argnames="num_periods")


def _normal(rng_key: Key, cov: Array, num: int) -> Array:
    """Draws ``[num, n]`` of N(0, cov); `cov` may be singular."""
    values, vectors = jnp.linalg.eigh(cov)
    root = vectors * jnp.sqrt(jnp.maximum(values, 0.0))[None, :]
    return jax.random.normal(rng_key, (num, cov.shape[0])) @ root.T
