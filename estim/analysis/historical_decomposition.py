"""What each shock did to each observable, period by period."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.likelihood.smoothing import smooth
from estim.solution.representations import StateSpace
from estim.typing import Array


class HistoricalDecomposition(NamedTuple):
    """Parts that add up to y_t - d wherever y_t is observed.

    ``shocks`` ``[n_periods, n_obs, n_shocks]``, ``initial`` (the state before the sample) and
    ``measurement_error`` ``[n_periods, n_obs]``; the last is NaN where y_t is missing.
    """

    shocks: Array
    initial: Array
    measurement_error: Array


def historical_decomposition(state_space: StateSpace, observations: Array) -> HistoricalDecomposition:
    """The smoothed history of the observables as a sum over shocks.

    Args:
        state_space: the model's solution.
        observations: y ``[n_periods, n_obs]``; NaN marks a missing number.
    """
    T, R, _, Z, d, _, _ = state_space
    states, shocks = (part.mean for part in smooth(state_space, observations))

    def step(parts, shock):
        parts = T @ parts + R * shock[None, :]
        return parts, Z @ parts

    by_shock = jax.lax.scan(step, jnp.zeros_like(R), shocks)[1]
    fitted = states @ Z.T
    return HistoricalDecomposition(
        shocks=by_shock,
        initial=fitted - by_shock.sum(axis=2),  # Z T^(t-1) (s_1 - R e_1)
        measurement_error=observations - d[None, :] - fitted,
    )
