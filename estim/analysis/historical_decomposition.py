"""What each shock did to each observable, period by period."""

from functools import singledispatch
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.analysis.moving_average import Given
from estim.arguments import checked
from estim.likelihood.moving_average.toeplitz import autocovariances
from estim.likelihood.state_space.smoothing import Smoothed, smooth
from estim.numerics import block_toeplitz
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.representations.trend import without_trend
from estim.typing import Array


class HistoricalDecomposition(NamedTuple):
    """Parts that add up to y_t - d - g t wherever y_t is observed.

    ``shocks`` ``[n_periods, n_obs, n_shocks]``, ``initial`` (the state before the sample) and
    ``measurement_error`` ``[n_periods, n_obs]``; the last is NaN where y_t is missing. Shocks are the
    model's own, correlated where they are.
    """

    shocks: Array
    initial: Array
    measurement_error: Array


@checked
def historical_decomposition(
    solution: StateSpace | MovingAverage, observations: Array
) -> HistoricalDecomposition:
    """The smoothed history of the observables as a sum over shocks.

    A moving average has no initial state: what shocks did before the sample is part of their share.

    Args:
        solution: the model's.
        observations: y ``[n_periods, n_obs]``, trend included; NaN marks a missing number.

    Raises:
        SolutionError: the sample is stochastically singular (inside `jit` the parts are NaN).
    """
    return _decompose(solution, observations)


@singledispatch
def _decompose(solution: Any, observations: Array) -> HistoricalDecomposition:
    return _of_state_space(solution, observations, smooth(solution, observations))


@jax.jit
def _of_state_space(solution: StateSpace, observations: Array, smoothed: Smoothed) -> HistoricalDecomposition:
    T, R, _, Z, d = solution[:5]
    states, shocks = (part.mean for part in smoothed)

    def step(parts, shock):
        parts = T @ parts + R * shock[None, :]
        return parts, Z @ parts

    by_shock = jax.lax.scan(step, jnp.zeros_like(R), shocks)[1]
    fitted = states @ Z.T
    return HistoricalDecomposition(
        shocks=by_shock,
        initial=fitted - by_shock.sum(axis=2),  # Z T^(t-1) (s_1 - R e_1)
        measurement_error=without_trend(solution, observations) - d[None, :] - fitted,
    )


@_decompose.register
@jax.jit
def _(solution: MovingAverage, observations: Array) -> HistoricalDecomposition:
    """With y - d the sum of parts y^j, one for each shock, and u: E[y^j | y] = Cov(y^j, y) Var(y)^-1 (y - d)."""
    n_periods, n_obs = observations.shape
    centred = without_trend(solution, observations) - solution.obs_intercept[None]
    weight = Given(solution, observations).weigh(centred).reshape(-1)
    parts = [_covariance_with(solution, j, n_periods) @ weight for j in range(len(solution.shock_cov))]
    shocks = jnp.stack([part.reshape(n_periods, n_obs) for part in parts], axis=2)
    return HistoricalDecomposition(
        shocks=shocks, initial=jnp.zeros_like(centred), measurement_error=centred - shocks.sum(axis=2)
    )


def _covariance_with(solution: MovingAverage, j: int, n_periods: int) -> Array:
    """Cov(y^j, y) ``[n_periods * n_obs] * 2``: shock j with all shocks, sum_h IRF_{h+t-s} (e_j e_j' Q) IRF_h'."""
    cross = jnp.zeros_like(solution.shock_cov).at[j].set(solution.shock_cov[j])
    later, earlier = (
        block_toeplitz(autocovariances(solution._replace(shock_cov=Q), n_periods)) for Q in (cross, cross.T)
    )
    date = jnp.arange(len(later)) // (len(later) // n_periods)
    return jnp.where(date[:, None] >= date[None, :], later, earlier)
