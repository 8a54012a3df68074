"""The Kalman filter on matrices: predict, update, and the loop over periods.

s_t = T s_{t-1} + R e_t,   e_t ~ N(0, Q)
y_t = Z s_t + d + u_t,     u_t ~ N(0, H)
"""

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.likelihood.singularity import SMALLEST_SHARE
from estim.likelihood.state_space.start import Gaussian
from estim.representations.linear import StateSpace
from estim.typing import Array, Scalar


def filter_states(state_space: StateSpace, observations: Array, start: Gaussian) -> tuple[Gaussian, Array]:
    """The states given the data so far, and ln p(y_t | y_1 .. y_{t-1}).

    Args:
        state_space: the model's solution.
        observations: y ``[n_periods, n_obs]``; NaN marks a missing number.
        start: s_1 before it is observed.

    Returns:
        The states given y_1 .. y_t, with leading axis ``[n_periods]``, and the
        log-densities ``[n_periods]``.
    """
    T, R, Q, Z, d, H = state_space[:6]
    shock_cov = R @ Q @ R.T

    scale = first_variances(state_space, start)

    def step(predicted: Gaussian, period: tuple[Array, Array | None]):
        y, next_cov = period
        filtered, logdensity = update(predicted, y, Z, d, H, scale)
        ahead = predict(filtered, T, shock_cov if next_cov is None else next_cov)
        return ahead, (filtered, logdensity)

    later = state_space.later_shock_covs(len(observations))
    _, (filtered, logdensities) = jax.lax.scan(step, start, (observations, later))
    return filtered, logdensities


def predict(state: Gaussian, T: Array, shock_cov: Array) -> Gaussian:
    """From s_{t-1} to s_t, both given y_1 .. y_{t-1}; ``shock_cov`` is R Q R'."""
    return Gaussian(T @ state.mean, T @ state.cov @ T.T + shock_cov)


def update(
    state: Gaussian, y: Array, Z: Array, d: Array, H: Array, scale: Array | float = 0.0
) -> tuple[Gaussian, Scalar]:
    """The state given y_t too, and ln p(y_t | y_1 .. y_{t-1}).

    The density is NaN where the variance of a number given the others is no more than rounding
    leaves of its own, or of the ``scale`` ``[n_obs]`` that its variance once had.
    """
    scale = jnp.where(jnp.isnan(y), 0.0, scale)
    v, Z, H, n_seen = leave_out_missing(y - d - Z @ state.mean, Z, H)
    PZ = state.cov @ Z.T
    F = Z @ PZ + H
    L = jnp.linalg.cholesky(F)  # F = L L'
    G = jsl.solve_triangular(L, PZ.T, lower=True)  # L^-1 Z P
    u = jsl.solve_triangular(L, v, lower=True)
    smallest = jnp.sqrt(SMALLEST_SHARE * jnp.maximum(scale, jnp.diagonal(F)))
    logdensity = normal_logdensity(u, L, n_seen, smallest)
    return Gaussian(state.mean + G.T @ u, state.cov - G.T @ G), logdensity


def first_variances(state_space: StateSpace, start: Gaussian) -> Array:
    """Variances ``[n_obs]`` of the first y_t: the scale on which later ones are told from zero.

    With those of one more period's shocks, so that they are a scale where the start is known.
    """
    cov = start.cov + state_space.selection @ state_space.state_cov @ state_space.selection.T
    Z = state_space.design
    return jax.lax.stop_gradient(((Z @ cov) * Z).sum(axis=1) + jnp.diagonal(state_space.obs_cov))


def leave_out_missing(v: Array, Z: Array, H: Array) -> tuple[Array, Array, Array, Scalar]:
    """Forecast error v, Z and H with each missing number replaced by an N(0, 1) of no consequence.

    It is independent of everything and observed at its mean, so that it moves neither the
    state nor, once its constant is left out, the density. Also returns how many are seen.
    """
    seen = ~jnp.isnan(v)
    both = seen[:, None] & seen[None, :]
    H = jnp.where(both, H, jnp.diag(jnp.where(seen, 0.0, 1.0)))
    return jnp.where(seen, v, 0.0), jnp.where(seen[:, None], Z, 0.0), H, seen.sum()


def normal_logdensity(u: Array, L: Array, n: Scalar, smallest: Array | float = 0.0) -> Scalar:
    """ln N(L u; 0, L L') of n numbers, for a triangular L; NaN where a pivot is not above the ``smallest``."""
    pivots = jnp.abs(jnp.diagonal(L))
    logdet = jnp.sum(jnp.log(jnp.where(pivots > smallest, pivots, jnp.nan)))
    return -0.5 * (u @ u + n * jnp.log(2 * jnp.pi)) - logdet
