"""What each shock did to each observable, period by period."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.analysis.impulse_responses import by_shock
from estim.likelihood.smoothing import smooth
from estim.likelihood.toeplitz import autocovariances
from estim.linalg import block_toeplitz
from estim.solution.representations import MovingAverage, StateSpace
from estim.typing import Array


class HistoricalDecomposition(NamedTuple):
    """Parts that add up to y_t - d wherever y_t is observed.

    ``shocks`` ``[n_periods, n_obs, n_shocks]``, ``initial`` (the state before the sample) and
    ``measurement_error`` ``[n_periods, n_obs]``; the last is NaN where y_t is missing.
    """

    shocks: Array
    initial: Array
    measurement_error: Array


@jax.jit
def historical_decomposition(
    solution: StateSpace | MovingAverage, observations: Array
) -> HistoricalDecomposition:
    """The smoothed history of the observables as a sum over shocks.

    A moving average has no initial state: what shocks did before the sample is part of their share.

    Args:
        solution: the model's.
        observations: y ``[n_periods, n_obs]``; NaN marks a missing number.
    """
    if isinstance(solution, MovingAverage):
        return _of_moving_average(solution, observations)
    T, R, _, Z, d, _, _ = solution
    states, shocks = (part.mean for part in smooth(solution, observations))

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


def _of_moving_average(solution: MovingAverage, observations: Array) -> HistoricalDecomposition:
    """With y - d the sum of independent parts y^j of covariance G_j, and u: E[y^j | y] = G_j G^-1 (y - d)."""
    n_periods, n_obs = observations.shape
    observed = ~jnp.isnan(observations).reshape(-1)
    centred = observations - solution.obs_intercept[None]
    alone = [autocovariances(part, n_periods) for part in by_shock(solution)]
    covariances = [block_toeplitz(gamma) for gamma in alone]
    total = sum(covariances) + jnp.kron(jnp.eye(n_periods), solution.obs_cov)
    total = jnp.where(observed[:, None] & observed[None], total, jnp.eye(n_periods * n_obs))
    weight = jnp.linalg.solve(total, jnp.where(observed, jnp.nan_to_num(centred).reshape(-1), 0.0))
    shocks = jnp.stack([(G @ weight).reshape(n_periods, n_obs) for G in covariances], axis=2)
    return HistoricalDecomposition(
        shocks=shocks, initial=jnp.zeros_like(centred), measurement_error=centred - shocks.sum(axis=2)
    )
