"""What each shock did to each observable, period by period."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.arguments import checked
from estim.likelihood.smoothing import Smoothed, smooth
from estim.likelihood.toeplitz import autocovariances, block_toeplitz
from estim.solution.representations import MovingAverage, StateSpace, without_trend
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
    if isinstance(solution, MovingAverage):
        return _of_moving_average(solution, observations)
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


@jax.jit
def _of_moving_average(solution: MovingAverage, observations: Array) -> HistoricalDecomposition:
    """With G the covariance of what is observed and w = G^-1 (y - d): E[e_s | y] = Q sum_t IRF_{t-s}' w_t."""
    n_periods, n_obs = observations.shape
    observed = ~jnp.isnan(observations).reshape(-1)
    centred = without_trend(solution, observations) - solution.obs_intercept[None]
    total = block_toeplitz(autocovariances(solution, n_periods).at[0].add(solution.obs_cov))
    total = jnp.where(observed[:, None] & observed[None], total, jnp.eye(n_periods * n_obs))
    weight = jnp.linalg.solve(total, jnp.where(observed, jnp.nan_to_num(centred).reshape(-1), 0.0))
    weight = weight.reshape(n_periods, n_obs)
    psi = solution.impulse_responses
    ahead = jax.vmap(lambda irf, w: jnp.convolve(irf[::-1], w), (1, 1))  # by observable
    shocks = jax.vmap(lambda irf: ahead(irf, weight).sum(axis=0), 2, 1)(psi) @ solution.shock_cov
    follow = jax.vmap(lambda irf, e: jnp.convolve(irf, e, mode="valid"), (1, None), 1)  # by observable
    parts = jax.vmap(follow, (2, 1), 2)(psi, shocks)
    return HistoricalDecomposition(
        shocks=parts, initial=jnp.zeros_like(centred), measurement_error=centred - parts.sum(axis=2)
    )
