"""The likelihood of a linear state space by Chandrasekhar recursions, with its adjoint.

A state that starts from its unconditional covariance has forecast covariances P_t whose
increments have the rank of the observations, not of the state:

    P_{t+1} - P_t = -W_t X_t^-1 W_t',       W_1 = K_1,  X_1 = F_1.

The same holds of a state that starts elsewhere, with W_1 and X_1 that factor P_2 - P_1: from a state s_0 whose
covariance is S S', with G = [T S, R Q^1/2] so that P_1 = G G',

    P_2 - P_1 = T [G (I - G' Z' F_1^-1 Z G) G' - S S'] T'.

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
import jax.scipy.linalg as jsl
import numpy as np

from estim.likelihood.state_space.start import Gaussian
from estim.numerics import semidefinite_cholesky
from estim.representations.linear import StateSpace
from estim.typing import Array, Scalar

_LONGEST_SUM = 32  # of outer products; beyond it a matrix product is as fast


class _Carry(NamedTuple):
    """For n states, p observables and factors of rank r."""

    top: Array  # [F, K']  [p, p + n]
    X: Array  # [r, r]
    W: Array  # rows: W', then -a'  [r + 1, n]


class _Adjoint(NamedTuple):
    F: Array  # [p, p]
    K: Array  # [p, n]
    X: Array  # [r + 1, r + 1], of which the last row and column stay zero
    W: Array  # [r + 1, n]


class _Elimination(NamedTuple):
    bottom: Array  # [W' Z', W' T'] with v in the last row  [r + 1, p + n]
    F_inverse: Array  # [p, p]
    X_inverse: Array  # [r, r]
    C: Array  # [B', v'] F^-1  [r + 1, p]
    E: Array  # B X^-1  [p, r]


class Forecasts(NamedTuple):
    """The log-density of each period ``[n_periods]``; whether what it was computed from rules out a tie; and whether
    rounding left next to nothing of it.

    Observables that are tied to each other have a singular F_t from some period on, n states later at the latest.
    F_t falls with t, so that |F_t| over the product of the first variances is at most the share that the smallest
    pivot keeps of its own. The verdict errs on one side: `False` says nothing.
    """

    logdensities: Array
    regular: Scalar
    lost: Scalar | bool = False


_REGULAR = -25.0  # ln 1e-11, some thousand times what rounding leaves
_LOST = 1e-5
"""Share of its first variance that an observable's forecast keeps, below which the log-likelihood is not known to six
digits: the recursions take the difference of what are nearly equal, and err by 1e-17 over the share's square."""


def stationary_logdensities(state_space: StateSpace, observations: Array, start: Gaussian) -> Forecasts:
    """ln p(y_t | y_1 .. y_{t-1}) for each period; NaN where F_t is not positive definite.

    Args:
        state_space: the model's solution.
        observations: y ``[n_periods, n_obs]``, no number missing.
        start: the stationary distribution; it must be that of ``state_space``.
    """
    T, _, _, Z, d, H = state_space[:6]
    PZ = start.cov @ Z.T
    F, K = Z @ PZ + H, (T @ PZ).T
    logdensities, logdets, last = _logdensities(
        state_space, F, K, F, K, jnp.zeros(len(T)), observations - (d + Z @ start.mean)[None, :]
    )
    logdets, first, last = jax.lax.stop_gradient((logdets, jnp.diagonal(F), last))
    regular = (jnp.min(logdets) - jnp.sum(jnp.log(first)) > _REGULAR) & (len(observations) > len(T))
    return Forecasts(logdensities, regular, ~(jnp.min(last / first) > _LOST))


def known_start_logdensities(
    state_space: StateSpace, observations: Array, mean: Array, spread: Array
) -> Array:
    """The same from a state of the period before the first that is known, or nearly.

    Args:
        state_space: the model's solution; it need not be stationary. Each observable has a measurement error.
        observations: y ``[n_periods, n_obs]``, no number missing.
        mean: of s_0 ``[n_states]``.
        spread: S ``[n_states, k]``; the covariance of s_0 is S S'.
    """
    T, R, Q, Z, d, H = state_space[:6]
    G = jnp.concatenate([T @ spread, R @ semidefinite_cholesky(Q)], axis=1)
    seen = Z @ G
    F, K = seen @ seen.T + H, T @ G @ seen.T
    # I - G' Z' F^-1 Z G = (I + G' Z' H^-1 Z G)^-1
    inside = jnp.eye(G.shape[1]) + seen.T @ jnp.linalg.solve(H, seen)
    W = T @ jnp.concatenate([G, spread], axis=1)
    X = jsl.block_diag(-inside, jnp.eye(spread.shape[1]))
    return _logdensities(state_space, F, K.T, X, W.T, T @ mean, observations - d[None, :])[0]


def _logdensities(
    state_space: StateSpace, F: Array, K: Array, X: Array, W: Array, mean: Array, deviations: Array
) -> tuple[Array, Array, Array]:
    system = jnp.concatenate([state_space.design.T, state_space.transition.T], axis=1)
    W = jnp.concatenate([W, -mean[None, :]])
    logdensities, logdets, last = _recursion(system, F, K, X, W, deviations)
    return logdensities - 0.5 * deviations.shape[1] * jnp.log(2 * jnp.pi), logdets, last


@jax.custom_vjp
def _recursion(
    system: Array, F: Array, K: Array, X: Array, W: Array, deviations: Array
) -> tuple[Array, Array, Array]:
    """Log-densities ``[n_periods]`` without their constants; and ln|F_t| and the diagonal of the last F, which have no
    derivative here.

    ``system`` is [Z', T'] ``[n_states, n_obs + n_states]``; ``F``, ``K`` (transposed, ``[n_obs, n_states]``), ``X`` and
    ``W`` (as in `_Carry`) those of the first period; ``deviations`` the y_t - d ``[n_periods, n_obs]``.
    """

    def step(carry, y):
        return _step(system, carry, y)[:2]

    last, densities = jax.lax.scan(step, _first(F, K, X, W), deviations)
    return *densities, jnp.diagonal(last.top)


def _first(F: Array, K: Array, X: Array, W: Array) -> _Carry:
    return _Carry(jnp.concatenate([F, K], axis=1), X, W)


def _step(system: Array, carry: _Carry, y: Array) -> tuple[_Carry, tuple[Scalar, Scalar], _Elimination]:
    top, X, W = carry
    p, r = top.shape[0], X.shape[0]
    bottom = product(W, system).at[r, :p].add(y)
    B, v = bottom[:r, :p].T, bottom[r, :p]
    F_inverse, logdet = inverse_and_logdet(top[:, :p])
    X_inverse, _ = inverse_and_logdet(X)
    C = product(bottom[:, :p], F_inverse)
    E = product(B, X_inverse)
    following = _Carry(
        top=top - product(E, bottom[:r]),
        X=X - product(C[:r], B),
        W=bottom[:, p:] - product(C, top[:, p:]),
    )
    return following, (-0.5 * (logdet + v @ C[r]), logdet), _Elimination(bottom, F_inverse, X_inverse, C, E)


def _forward(system: Array, F: Array, K: Array, X: Array, W: Array, deviations: Array):
    def step(carry, y):
        following, densities, found = _step(system, carry, y)
        return following, (densities, (carry.top[:, F.shape[1] :], carry.W, *found[:3]))

    last, (densities, kept) = jax.lax.scan(step, _first(F, K, X, W), deviations)
    return (*densities, jnp.diagonal(last.top)), (system, kept)


def _backward(residuals, cotangents):
    """The recursion's adjoint: cotangents (F_, K_, X_, W_) of the carry, from the last period to the first.

    What takes a solution is kept from the way forward; what takes a small product is computed again, since in
    a large batch the memory would cost more.
    """
    system, kept = residuals
    n, p, r = system.shape[0], system.shape[1] - system.shape[0], kept[-1].shape[-1]
    last = np.eye(r + 1)[r]  # the row of -a and v
    Z, T = system[:, :p].T, system[:, p:].T

    def step(carry, period):
        (F_, K_, X_, W_), Z_, T_ = carry
        (K, W, bottom, F_inverse, X_inverse), logdensity_ = period
        C, E = product(bottom[:, :p], F_inverse), product(bottom[:r, :p].T, X_inverse)
        half = 0.5 * logdensity_
        # W+ = W'T' - C K,  X+ = X - C B,  log-density -(ln|F| + v'C)/2
        C_ = -product(W_, K.T) - product(X_ + half * np.outer(last, last), bottom[:, :p])
        # [F, K]+ = [F, K] - E bottom
        E_ = -product(F_, bottom[:r, :p].T) - product(K_, bottom[:r, p:].T)
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
        return (before, Z_ + product(W.T, B_), T_ + product(W.T, WT_)), B_[r]

    zero = _Adjoint(*(jnp.zeros(shape) for shape in [(p, p), (p, n), (r + 1, r + 1), (r + 1, n)]))
    carry = zero, jnp.zeros((n, p)), jnp.zeros((n, n))
    (first, Z_, T_), v_ = jax.lax.scan(step, carry, (kept, cotangents[0]), reverse=True)
    system_ = jnp.concatenate([Z_, T_], axis=1)
    return system_, first.F, first.K, first.X[:r, :r], first.W, v_


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
