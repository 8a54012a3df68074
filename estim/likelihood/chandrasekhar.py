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

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.likelihood.start import Gaussian
from estim.solution.representations import StateSpace
from estim.typing import Array, Scalar


class _Carry(NamedTuple):
    top: Array  # [F, K']  [p, p + n]
    X: Array  # [p, p]
    W: Array  # rows: W', then -a'  [p + 1, n]


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
    T, Z, d, H = (state_space[i] for i in (0, 3, 4, 5))
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
    bottom = (W @ system).at[p, :p].add(y)
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
        following, logdensity, _ = _step(system, carry, y)
        return following, (logdensity, carry)

    _, (logdensities, carries) = jax.lax.scan(step, _first(F, K), deviations)
    return logdensities, (system, carries, deviations)


def _backward(residuals, cotangents):
    """The recursion's adjoint: cotangents (top_, X_, W_) of the carry, from the last period to the first.

    Only the carries are kept; the rest of a period is computed again, which costs no more
    than its memory would.
    """
    system, carries, deviations = residuals
    n, p = system.shape[0], system.shape[1] - system.shape[0]

    def step(adjoint, period):
        (top_, X_, W_), system_ = adjoint
        carry, y, logdensity_ = period
        top, _, W = carry
        bottom, F_inverse, X_inverse, C, E = _step(system, carry, y)[2]
        half = 0.5 * logdensity_
        # W+ = [.., W'T'] - C K',  X+ = X - C B,  log-density -(ln|F| + v'C)/2
        C_ = -(W_ @ top[:, p:].T) - jnp.concatenate([product(X_, bottom[:p, :p]), half * bottom[p:, :p]])
        # top+ = top - E bottom
        E_ = -(top_ @ bottom[:p].T)
        C_F = product(C_, F_inverse)
        E_X = product(E_, X_inverse)
        B_ = C_F + jnp.concatenate([E_X.T - product(X_.T, C[:p]), -half * C[p:]])
        bottom_ = jnp.concatenate([B_, W_], axis=1) - jnp.pad(product(E.T, top_), ((0, 1), (0, 0)))
        top_ = top_ - jnp.concatenate([product(C.T, C_F) + half * F_inverse, product(C.T, W_)], axis=1)
        X_ = X_ - product(E.T, E_X)
        return (_Carry(top_, X_, bottom_ @ system.T), system_ + W.T @ bottom_), bottom_[p, :p]

    zero = _Carry(jnp.zeros((p, p + n)), jnp.zeros((p, p)), jnp.zeros((p + 1, n)))
    ((top_, X_, W_), system_), v_ = jax.lax.scan(
        step, (zero, jnp.zeros_like(system)), (carries, deviations, cotangents), reverse=True
    )
    return system_, top_[:, :p] + X_, top_[:, p:] + W_[:p], v_


_recursion.defvjp(_forward, _backward)


def product(A: Array, B: Array) -> Array:
    """A B as a sum of outer products: one fused kernel, where a call of a small matrix product costs more."""
    if A.shape[1] > 8:
        return A @ B
    return sum((A[:, k, None] * B[None, k, :] for k in range(1, A.shape[1])), A[:, 0, None] * B[None, 0, :])


def inverse_and_logdet(A: Array) -> tuple[Array, Scalar]:
    """Inverse and log-determinant of a small positive definite matrix by Gauss-Jordan sweeps.

    Unrolled, so that all sweeps are one kernel: several times faster than a LAPACK call,
    alone and in a batch. The log-determinant is NaN if a pivot is negative.
    """
    logdet = jnp.zeros(())
    for k in range(A.shape[0]):
        at_k = np.arange(A.shape[0]) == k
        pivot = A[k, k]
        logdet += jnp.log(pivot)
        column = jnp.where(at_k, -1.0, A[:, k]) / pivot
        row = jnp.where(at_k, 1.0, A[k])
        A = jnp.where(at_k[:, None] | at_k[None, :], 0.0, A) - column[:, None] * row[None, :]
    return A, logdet
