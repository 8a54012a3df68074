"""The Gaussian log-likelihood of a linear state space.

s_t = T s_{t-1} + R e_t,   e_t ~ N(0, Q)
y_t = Z s_t + d + u_t,     u_t ~ N(0, H)
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.solve.representations import StateSpace
from estim.status import Status
from estim.typing import Array, Scalar


class Gaussian(NamedTuple):
    """Mean ``[n]`` and covariance ``[n, n]`` of a state."""

    mean: Array
    cov: Array


def kalman_loglikelihood(
    state_space: StateSpace,
    observations: Array,
    *,
    presample: int = 0,
    start: Gaussian | str = "stationary",
) -> Scalar:
    """Log-density of the observations, every constant included.

    Args:
        state_space: the model's solution.
        observations: y ``[n_periods, n_obs]``; NaN marks a missing number.
        presample: periods at the start that are filtered but not counted.
        start: the state of the first period before it is observed: "stationary" (its
            unconditional mean, zero, and covariance) or a `Gaussian`.

    Returns:
        The log-likelihood, with -(n/2) ln 2 pi for each number observed. It is -inf, with
        a gradient of zero, where the state space has a bad status, is not finite, or
        implies a forecast covariance that is not positive definite.

    Source: Durbin and Koopman (2012), Time Series Analysis by State Space Methods, ch. 4 and 7.
    """

    if isinstance(start, str) and start != "stationary":
        raise ValueError(f"start is 'stationary' or a Gaussian, not {start!r}")
    given = None if isinstance(start, str) else start
    return _loglikelihood(state_space, observations, given, presample)


def impossible_if_not_finite(loglikelihood: Callable[..., Scalar]) -> Callable[..., Scalar]:
    """The same function of arrays, but -inf with a gradient of zero where it is not finite.

    The rule acts on the pullback as a whole: a failed evaluation returns NaN for a zero
    cotangent (0 * NaN), whichever of its steps failed.
    """

    def value(*args) -> Scalar:
        value = loglikelihood(*args)
        return jnp.where(jnp.isfinite(value), value, -jnp.inf)

    def forward(*args):
        value_, pullback = jax.vjp(value, *args)
        return value_, (pullback, jnp.isfinite(value_))

    def backward(residuals, cotangent):
        pullback, finite = residuals
        return jax.tree.map(
            lambda g: g if g.dtype == jax.dtypes.float0 else jnp.where(finite, g, 0.0), pullback(cotangent)
        )

    guarded = jax.custom_vjp(value)
    guarded.defvjp(forward, backward)
    return guarded


@impossible_if_not_finite
def _loglikelihood(state_space: StateSpace, observations: Array, start, presample) -> Scalar:
    first = stationary_start(state_space) if start is None else start
    _, logdensities = filter_states(state_space, observations, first)
    counted = jnp.arange(observations.shape[0]) >= presample
    loglikelihood = jnp.sum(jnp.where(counted, logdensities, 0.0))
    return jnp.where(state_space.status == Status.OK, loglikelihood, -jnp.inf)


def stationary_start(state_space: StateSpace) -> Gaussian:
    """Mean zero and the unconditional covariance P = T P T' + R Q R'."""
    T, R, Q = state_space.transition, state_space.selection, state_space.state_cov

    def double(carry, _):
        power, P = carry  # P_{2k} = P_k + T^k P_k T^k'
        return (power @ power, P + power @ P @ power.T), None

    (_, P), _ = jax.lax.scan(double, (T, R @ Q @ R.T), length=14)
    return Gaussian(jnp.zeros(T.shape[0]), P)


def predict(state: Gaussian, T: Array, shock_cov: Array) -> Gaussian:
    """From s_{t-1} to s_t, both given y_1..y_{t-1}; ``shock_cov`` is R Q R'."""
    return Gaussian(T @ state.mean, T @ state.cov @ T.T + shock_cov)


def update(state: Gaussian, y: Array, Z: Array, d: Array, H: Array) -> tuple[Gaussian, Scalar]:
    """The state given y_t too, and ln p(y_t | y_1..y_{t-1}); NaN in y is left out.

    A missing number becomes an independent N(0, 1) that is observed at its mean: it moves
    neither the state nor, once its own constant is left out, the density.
    """
    seen = ~jnp.isnan(y)
    Z = jnp.where(seen[:, None], Z, 0.0)
    H = jnp.where(seen[:, None] & seen[None, :], H, jnp.diag(jnp.where(seen, 0.0, 1.0)))
    v = jnp.where(seen, jnp.where(seen, y, 0.0) - d, 0.0) - Z @ state.mean
    PZ = state.cov @ Z.T
    L = jnp.linalg.cholesky(Z @ PZ + H)  # F = L L'
    G = jsl.solve_triangular(L, PZ.T, lower=True)  # L^-1 Z P
    u = jsl.solve_triangular(L, v, lower=True)
    logdensity = -0.5 * u @ u - jnp.sum(jnp.log(jnp.diagonal(L))) - 0.5 * seen.sum() * jnp.log(2 * jnp.pi)
    return Gaussian(state.mean + G.T @ u, state.cov - G.T @ G), logdensity


def filter_states(state_space: StateSpace, observations: Array, start: Gaussian) -> tuple[Gaussian, Array]:
    """Filtered states ``[n_periods, ...]`` and log-density of each period ``[n_periods]``."""
    T, R, Q, Z, d, H, _ = state_space
    shock_cov = R @ Q @ R.T

    def step(predicted: Gaussian, y: Array):
        filtered, logdensity = update(predicted, y, Z, d, H)
        return predict(filtered, T, shock_cov), (filtered, logdensity)

    _, (filtered, logdensities) = jax.lax.scan(step, start, observations)
    return filtered, logdensities
