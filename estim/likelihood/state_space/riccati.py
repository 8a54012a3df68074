"""The covariance of the state that the filter converges to, by structured doubling.

The forecast covariance obeys P_{t+1} = f(P_t), f(P) = T (P - P Z' (Z P Z' + H)^-1 Z P) T' + R Q R'.
Around any Y, with D = P - Y,

    D_{t+1} = C + A D_t (I + J D_t)^-1 A',
    A = T - K Z,   J = Z' F^-1 Z,   C = f(Y) - Y,   F = Z Y Z' + H,   K = T Y Z' F^-1,

and two such maps, one after the other, are a map of the same kind (Redheffer's star product):

    A <- A S A,   C <- C + A S C A',   J <- J + A' J S A,      S = (I + C J)^-1.

After k doublings Y + C is the filter's covariance 2^k periods after Y. Where all roots of the closed loop are
inside the circle the error is squared each time; where one is on it, as in a model that observes the
growth of what is stationary, the filter itself converges like 1/t and the error is halved (Chiang, Chu, Guo,
Huang, Lin and Xu 2009, SIAM Journal on Matrix Analysis 31), where Newton's steps from a covariance that
has almost converged do no more than that in all.
"""

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.representations.linear import StateSpace
from estim.typing import Array, Scalar

_DOUBLINGS = 27
_DONE = 1e-17  # the share of the beginning that is left
_BOUNDED = 1e6
_SETTLED = 1e-7  # of the last doubling, as a share of each variance


def riccati_covariance(state_space: StateSpace) -> Array:
    """P = f(P) ``[n_states, n_states]`` of a closed loop without explosive roots; NaN if there is none.

    From a state that is known, P grows to the smallest solution. That is the one unless its closed loop is
    explosive, as where a shock is not fundamental: then the doublings begin at what shocks of
    the last few periods bring about, in all of the directions that they reach. The derivative is that of
    the doublings.
    """
    fixed = jax.lax.stop_gradient(state_space)
    known = fixed.selection @ fixed.state_cov @ fixed.selection.T
    reached = _covariance_of_some_periods(fixed)
    _, from_known = _doubled(fixed, known, reached)
    P, settled = _doubled(state_space, jnp.where(from_known, known, reached), reached)
    return jnp.where(settled, P, jnp.nan)


def _doubled(state_space: StateSpace, Y: Array, reached: Array) -> tuple[Array, Scalar]:
    """Y + C after all doublings, and whether it has settled; ``reached`` gives the units of the states."""
    n = len(Y)
    variances = jnp.where(jnp.diagonal(reached) > 0, jnp.diagonal(reached), 1.0)

    def left(A: Array) -> Scalar:
        return (A**2 * variances[None, :] / variances[:, None]).max(initial=0.0)

    def double(elements, _):
        A, C, J, _ = elements

        def join():
            solved = jnp.linalg.solve(jnp.eye(n) + C @ J, jnp.concatenate([A, C], axis=1))
            S_A, S_C = solved[:, :n], solved[:, n:]
            change = A @ S_C @ A.T
            share = (jnp.abs(jnp.diagonal(change)) / variances).max(initial=0.0)
            return A @ S_A, _symmetric(C + change), _symmetric(J + A.T @ J @ S_A), share

        done = left(jax.lax.stop_gradient(A)) < _DONE
        return jax.lax.cond(done, lambda: (A, C, J, jnp.zeros(())), join), None

    begin = (*_one_period(state_space, Y), jnp.array(jnp.inf))
    (A, C, _, share), _ = jax.lax.scan(double, begin, length=_DOUBLINGS)
    return Y + C, (left(A) < _BOUNDED) & (share < _SETTLED)


def _one_period(state_space: StateSpace, Y: Array) -> tuple[Array, Array, Array]:
    T, R, Q, Z, _, H = state_space[:6]
    L = jnp.linalg.cholesky(Z @ Y @ Z.T + H)
    weighted = jsl.solve_triangular(L, Z, lower=True)
    gain = T @ Y @ weighted.T
    A = T - gain @ weighted
    C = T @ Y @ T.T - gain @ gain.T + R @ Q @ R.T - Y
    return A, _symmetric(C), weighted.T @ weighted


def _covariance_of_some_periods(state_space: StateSpace) -> Array:
    """The sum of T^j R Q R' T'^j over at least as many periods as there are states."""
    T, R, Q, *_ = state_space
    cov = R @ Q @ R.T
    for _ in range(max(1, T.shape[0]).bit_length()):
        cov, T = cov + T @ cov @ T.T, T @ T
    return _symmetric(cov)


def _symmetric(matrix: Array) -> Array:
    return 0.5 * (matrix + matrix.T)
