"""Responses of the observables to a shock of one standard deviation."""

from functools import partial, singledispatch

import jax
import jax.numpy as jnp

from estim.arguments import Positive, checked
from estim.numerics import matrix_powers, semidefinite_cholesky
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.representations.pruned import PrunedStateSpace
from estim.typing import Array


@checked
def impulse_responses(solution: StateSpace | MovingAverage | PrunedStateSpace, horizon: Positive) -> Array:
    """Z T^h R Q^1/2 or IRF_h Q^1/2, ``[horizon, n_obs, n_shocks]``; the first row is the period of the shock.

    Where shocks are correlated they are made orthogonal in their order: the first one moves
    all, the last one only itself (Sims 1980). A moving average without a tail has no more than its own horizon. Those
    of a perturbation are generalised ones, on average over states (`generalised_impulse_responses`).
    """
    return _impulse_responses(solution, horizon)


@singledispatch
@partial(jax.jit, static_argnames="horizon")
def _impulse_responses(solution: StateSpace, horizon: int) -> Array:
    T, Z = solution.transition, solution.design

    def step(state, _):
        return T @ state, Z @ state

    return jax.lax.scan(step, shock_impact(solution), length=horizon)[1]


@_impulse_responses.register
@partial(jax.jit, static_argnames="horizon")
def _(solution: MovingAverage, horizon: int) -> Array:
    return _up_to(solution, horizon) @ semidefinite_cholesky(solution.shock_cov)


def by_shock(solution: MovingAverage) -> list[MovingAverage]:
    """The part of the observables that each shock brings, made orthogonal as above."""
    root = semidefinite_cholesky(solution.shock_cov)
    return [solution.responses_to(root[:, [j]]) for j in range(len(root))]


def _up_to(solution: MovingAverage, horizon: int) -> Array:
    responses, tail = solution.impulse_responses[:horizon], solution.tail
    if tail is None or horizon <= len(responses):
        return responses
    after = tail.loading @ matrix_powers(tail.transition, horizon - len(responses)) @ tail.impact
    return jnp.concatenate([responses, after])


def shock_impact(state_space: StateSpace) -> Array:
    """R Q^1/2 ``[n_states, n_shocks]``."""
    return state_space.selection @ semidefinite_cholesky(state_space.state_cov)
