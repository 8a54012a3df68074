"""Responses of the observables to a shock of one standard deviation."""

from functools import partial

import jax

from estim.arguments import Positive, checked
from estim.linalg import semidefinite_cholesky
from estim.solution.representations import MovingAverage, StateSpace
from estim.typing import Array


@checked
@partial(jax.jit, static_argnames="horizon")
def impulse_responses(solution: StateSpace | MovingAverage, horizon: Positive) -> Array:
    """Z T^h R Q^1/2 or IRF_h Q^1/2, ``[horizon, n_obs, n_shocks]``; the first row is the period of the shock.

    Where shocks are correlated they are made orthogonal in their order: the first one moves
    all, the last one only itself (Sims 1980). A moving average has no more than its own horizon.
    """
    if isinstance(solution, MovingAverage):
        return solution.impulse_responses[:horizon] @ semidefinite_cholesky(solution.shock_cov)
    T, Z = solution.transition, solution.design

    def step(state, _):
        return T @ state, Z @ state

    return jax.lax.scan(step, shock_impact(solution), length=horizon)[1]


def shock_impact(state_space: StateSpace) -> Array:
    """R Q^1/2 ``[n_states, n_shocks]``."""
    return state_space.selection @ semidefinite_cholesky(state_space.state_cov)
