"""What is known of the state of the first period before it is observed."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.linalg import solve_discrete_lyapunov
from estim.solution.representations import StateSpace
from estim.status import Status
from estim.typing import Array


class Gaussian(NamedTuple):
    """A normal distribution: mean ``[n]`` and covariance ``[n, n]``."""

    mean: Array
    cov: Array


Start = Literal["stationary", "diffuse", "approximate_diffuse", "riccati"] | Gaussian
"""By name, or as the distribution of s_1 itself."""

_WIDE = 10.0
_TOLERANCE, _MAX_PERIODS = 1e-6, 2000  # of the search; Newton's steps do the rest


def stationary_start(state_space: StateSpace) -> Gaussian:
    """Mean zero and the unconditional covariance, P = T P T' + R Q R'; NaN where there is none."""
    T = state_space.transition
    cov, status = solve_discrete_lyapunov(T, _shock_cov(state_space))
    return Gaussian(jnp.zeros(T.shape[0]), jnp.where(status == Status.OK, cov, jnp.nan))


def approximate_diffuse_start(state_space: StateSpace) -> Gaussian:
    """Mean zero and variance 10 in every direction of the state (Dynare's ``lik_init=2``)."""
    n = state_space.transition.shape[0]
    return Gaussian(jnp.zeros(n), _WIDE * jnp.eye(n))


def riccati_start(state_space: StateSpace) -> Gaussian:
    """Mean zero and the covariance that the filter converges to; NaN where it does not converge.

        P = (T - K Z) P (T - K Z)' + K H K' + R Q R',   K = T P Z' (Z P Z' + H)^-1

    The filter itself comes close. Two steps of Newton's method, each the Lyapunov equation for a
    given K, then give P to machine precision, and its derivatives: K is optimal, so that to first
    order its own error does not matter (Kleinman 1968, IEEE Transactions on Automatic Control 13).
    """
    fixed = jax.tree.map(jax.lax.stop_gradient, state_space)

    def go_on(search):
        cov, before, period = search
        return (jnp.abs(cov - before).max() > _TOLERANCE * jnp.abs(cov).max()) & (period < _MAX_PERIODS)

    def filter_once(search):
        cov, _, period = search
        return _with_gain(fixed, cov)[0] @ cov @ fixed.transition.T + _shock_cov(fixed), cov, period + 1

    cov = jnp.eye(fixed.transition.shape[0])
    cov, _, _ = jax.lax.while_loop(go_on, filter_once, (cov, jnp.zeros_like(cov), 0))
    for _ in range(2):
        closed_loop, noise = _with_gain(state_space, cov)
        cov, status = solve_discrete_lyapunov(closed_loop, noise + _shock_cov(state_space))
        cov = jnp.where(status == Status.OK, cov, jnp.nan)
    return Gaussian(jnp.zeros(cov.shape[0]), cov)


def _with_gain(state_space: StateSpace, cov: Array) -> tuple[Array, Array]:
    """T - K Z and K H K' for the gain K that is optimal where the state has covariance `cov`."""
    T, Z, H = state_space.transition, state_space.design, state_space.obs_cov
    L = jnp.linalg.cholesky(Z @ cov @ Z.T + H)
    K = jsl.cho_solve((L, True), Z @ cov @ T.T).T
    return T - K @ Z, K @ H @ K.T


def _shock_cov(state_space: StateSpace) -> Array:
    return state_space.selection @ state_space.state_cov @ state_space.selection.T


STARTS = {
    "stationary": stationary_start,
    "approximate_diffuse": approximate_diffuse_start,
    "riccati": riccati_start,
}
"""Those that are a normal distribution."""
