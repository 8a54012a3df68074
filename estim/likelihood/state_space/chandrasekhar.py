"""The likelihood of a stationary state space by Chandrasekhar recursions, with its adjoint.

A state that starts from its unconditional covariance has forecast covariances P_t whose
increments have the rank of the observations, not of the state:

    P_{t+1} - P_t = -W_t X_t^-1 W_t',       W_1 = K_1,  X_1 = F_1.

So the filter need not carry P_t. It carries F_t = Z P_t Z' + H (forecast error), K_t =
T P_t Z' (gain times F_t), W_t, and X_t, which is the forecast error of the same process
run backward in time:

    F_{t+1} = F_t - B X_t^-1 B'             B = Z W_t
    K_{t+1} = K_t - T W_t X_t^-1 B'         v = y_t - d - Z a_t
    W_{t+1} = T W_t - K_t F_t^-1 B
    X_{t+1} = X_t - B' F_t^-1 B
    a_{t+1} = T a_t + K_t F_t^-1 v          so -a_t is one more column of W_t, and v of B.

The work a period is n^2 p instead of n^3 for n states and p observables. It is written on
rows, ``top = [F, K']`` and ``bottom = [B', W'T']``, where it is two block eliminations.

Sources: Morf, Sidhu and Kailath (1974); Herbst (2015), Computational Economics 45, who
brought them to DSGE models; Kailath and Sayed (1995), SIAM Review 37, for the array form.
"""

from functools import reduce
from operator import add, mul
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.likelihood.state_space.start import Gaussian
from estim.representations.linear import StateSpace
from estim.typing import Array, Scalar

_LONGEST_SUM = 32  # of outer products; beyond it a matrix product is as fast


class _Carry(NamedTuple):
    top: Array  # [F, K']  [p, p + n]
    X: Array  # [p, p]
    W: Array  # rows: W', then -a'  [p + 1, n]


class _Adjoint(NamedTuple):
    F: Array  # [p, p]
    K: Array  # [p, n]
    X: Array  # [p + 1, p + 1], of which the last row and column stay zero
    W: Array  # [p + 1, n]


class _Elimination(NamedTuple):
    bottom: Array  # [W' Z', W' T'] with v in the last row  [p + 1, p + n]
    F_inverse: Array  # [p, p]
    X_inverse: Array  # [p, p]
    C: Array  # [B', v'] F^-1  [p + 1, p]
    E: Array  # B X^-1  [p, p]


def stationary_logdensities(state_space: StateSpace, observations: Array, start: Gaussian) -> Array:
    """ln p(y_t | y_1 .. y_{t-1}) for each period ``[n_periods]``; NaN where F_t is not positive definite.

    Args:
        state_space: the model's solution.
        observations: y ``[n_periods, n_obs]``, no number missing.
        start: the stationary distribution; it must be that of ``state_space``.
    """
    T, _, _, Z, d, H = state_space[:6]
    PZ = start.cov @ Z.T
    logdensities = _recursion(
        jnp.concatenate([Z.T, T.T], axis=1),
        Z @ PZ + H,
        (T @ PZ).T,
        observations - (d + Z @ start.mean)[None, :],
    )
    return logdensities - 0.5 * observations.shape[1] * jnp.log(2 * jnp.pi)


@jax.custom_vjp
def _recursion(system: Array, F: Array, K: Array, deviations: Array) -> Array:
    """Log-densities ``[n_periods]`` without their constants.

    ``system`` is [Z', T'] ``[n_states, n_obs + n_states]``, ``F`` that of the first period,
    ``K`` its (T P Z')' ``[n_obs, n_states]``, ``deviations`` the y_t - d ``[n_periods, n_obs]``.
    """

    def step(carry, y):
        return _step(system, carry, y)[:2]

    return jax.lax.scan(step, _first(F, K), deviations)[1]


def _first(F: Array, K: Array) -> _Carry:
    return _Carry(jnp.concatenate([F, K], axis=1), F, jnp.pad(K, ((0, 1), (0, 0))))


def _step(system: Array, carry: _Carry, y: Array) -> tuple[_Carry, Scalar, _Elimination]:
    top, X, W = carry
    p = X.shape[0]
    bottom = product(W, system).at[p, :p].add(y)
    B, v = bottom[:p, :p].T, bottom[p, :p]
    F_inverse, logdet = inverse_and_logdet(top[:, :p])
    X_inverse, _ = inverse_and_logdet(X)
    C = product(bottom[:, :p], F_inverse)
    E = product(B, X_inverse)
    following = _Carry(
        top=top - product(E, bottom[:p]),
        X=X - product(C[:p], B),
        W=bottom[:, p:] - product(C, top[:, p:]),
    )
    return following, -0.5 * (logdet + v @ C[p]), _Elimination(bottom, F_inverse, X_inverse, C, E)


def _forward(system: Array, F: Array, K: Array, deviations: Array):
    def step(carry, y):
        following, logdensity, found = _step(system, carry, y)
        return following, (logdensity, (carry.top[:, F.shape[1] :], carry.W, *found[:3]))

    _, (logdensities, kept) = jax.lax.scan(step, _first(F, K), deviations)
    return logdensities, (system, kept)


def _backward(residuals, cotangents):
    """The recursion's adjoint: cotangents (F_, K_, X_, W_) of the carry, from the last period to the first.

    What takes a solution is kept from the way forward; what takes a small product is computed again, since in
    a large batch the memory would cost more.
    """
    system, kept = residuals
    n, p = system.shape[0], system.shape[1] - system.shape[0]
    last = np.eye(p + 1)[p]  # the row of -a and v
    Z, T = system[:, :p].T, system[:, p:].T

    def step(carry, period):
        (F_, K_, X_, W_), Z_, T_ = carry
        (K, W, bottom, F_inverse, X_inverse), logdensity_ = period
        C, E = product(bottom[:, :p], F_inverse), product(bottom[:p, :p].T, X_inverse)
        half = 0.5 * logdensity_
        # W+ = W'T' - C K,  X+ = X - C B,  log-density -(ln|F| + v'C)/2
        C_ = -product(W_, K.T) - product(X_ + half * np.outer(last, last), bottom[:, :p])
        # [F, K]+ = [F, K] - E bottom
        E_ = -product(F_, bottom[:p, :p].T) - product(K_, bottom[:p, p:].T)
        C_F, E_X = product(C_, F_inverse), product(E_, X_inverse)
        rows, more = _with_row_of_zeros(E.T), _with_row_of_zeros(E_X.T)
        X_C = product(X_.T + half * np.outer(last, last), C)
        B_ = C_F + more - X_C - product(rows, F_)
        WT_ = W_ - product(rows, K_)
        before = _Adjoint(
            F=F_ - product(C.T, C_F) - half * F_inverse,
            K=K_ - product(C.T, W_),
            X=X_ - product(rows, more.T),
            W=product(B_, Z) + product(WT_, T),
        )
        return (before, Z_ + product(W.T, B_), T_ + product(W.T, WT_)), B_[p]

    zero = _Adjoint(*(jnp.zeros(shape) for shape in [(p, p), (p, n), (p + 1, p + 1), (p + 1, n)]))
    carry = zero, jnp.zeros((n, p)), jnp.zeros((n, n))
    (first, Z_, T_), v_ = jax.lax.scan(step, carry, (kept, cotangents), reverse=True)
    system_ = jnp.concatenate([Z_, T_], axis=1)
    return system_, first.F + first.X[:p, :p], first.K + first.W[:p], v_


_recursion.defvjp(_forward, _backward)


def _with_row_of_zeros(A: Array) -> Array:
    return jnp.pad(A, ((0, 1), (0, 0)))


def product(A: Array, B: Array) -> Array:
    """A B as a sum of outer products: one fused kernel, where a call of a small matrix product costs more.

    The barrier has A and B computed before: drawn into the kernel, they would be once for every entry of A B.
    """
    if A.shape[1] > _LONGEST_SUM:
        return A @ B
    A, B = jax.lax.optimization_barrier((A, B))
    single = [1] * A.shape[1]
    return reduce(add, map(mul, jax.lax.split(A, single, axis=1), jax.lax.split(B, single, axis=0)))


def inverse_and_logdet(A: Array) -> tuple[Array, Scalar]:
    """Inverse and log-determinant of a small positive definite matrix by Gauss-Jordan sweeps.

    Unrolled, so that all sweeps are one kernel: several times faster than a LAPACK call,
    alone and in a batch. The log-determinant is NaN if a pivot is negative.
    """
    A, logdet = jax.lax.optimization_barrier(A), jnp.zeros(())
    for k in range(A.shape[0]):
        at_k = np.arange(A.shape[0]) == k
        pivot = A[k, k]
        logdet += jnp.log(pivot)
        column = jnp.where(at_k, -1.0, A[:, k]) / pivot
        row = jnp.where(at_k, 1.0, A[k])
        A = jnp.where(at_k[:, None] | at_k[None, :], 0.0, A) - column[:, None] * row[None, :]
    return A, logdet
