"""Exact diffuse likelihood: nothing is known of the level of what has a unit root.

The state before the sample is s_0 = A delta + x, where A spans the directions in which T has
unit roots, x has the stationary distribution of the other directions, and delta ~ N(0, kappa I).
As kappa grows, ln p(y) + (k/2) ln kappa, with k the number of unit roots, tends to

    ln p(y | delta = 0) - 1/2 ln |S| + 1/2 s' S^-1 s,

where S and s are the normal equations of the regression of y on delta: the filter carries the
response of its mean to delta beside the mean itself.

Sources: de Jong (1991), Annals of Statistics 19; Durbin and Koopman (2012), ch. 5 (same number).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.likelihood.filtering import leave_out_missing
from estim.linalg import solve_discrete_lyapunov
from estim.solution.initial_state import unit_root_projector
from estim.solution.representations import StateSpace
from estim.status import Status
from estim.typing import Array, Scalar


class _Sums(NamedTuple):
    products: Array  # of the whitened forecast errors of the mean and of its response to delta
    logdets: Scalar
    n_seen: Scalar


def diffuse_loglikelihood(state_space: StateSpace, observations: Array, presample: int) -> Scalar:
    """The limit above; NaN marks a missing number of y ``[n_periods, n_obs]``.

    With a presample it is that of all periods less that of the presample: the
    log-density of what follows, given the presample.
    """
    whole = _loglikelihood(state_space, observations)
    return whole - _loglikelihood(state_space, observations[:presample]) if presample else whole


def _loglikelihood(state_space: StateSpace, observations: Array) -> Scalar:
    T, R, Q, Z, d, H = state_space[:6]
    shock_cov = R @ Q @ R.T
    n = T.shape[0]
    unit = unit_root_projector(T)
    stationary = jnp.eye(n) - unit
    cov, status = solve_discrete_lyapunov(stationary @ T @ stationary, stationary @ shock_cov @ stationary)

    def step(carry, y):
        M, P, sums = carry  # M = [mean, its response to -delta]
        P = T @ P @ T.T + shock_cov
        M = T @ M
        v, Zy, Hy, n_seen = leave_out_missing(y - d, Z, H)
        PZ = P @ Zy.T
        L = jnp.linalg.cholesky(Zy @ PZ + Hy)
        V = jnp.concatenate([v[:, None], jnp.zeros((v.shape[0], n))], axis=1) - Zy @ M
        G = jsl.solve_triangular(L, PZ.T, lower=True)
        U = jsl.solve_triangular(L, V, lower=True)
        sums = _Sums(
            sums.products + U.T @ U, sums.logdets + jnp.log(jnp.diagonal(L)).sum(), sums.n_seen + n_seen
        )
        return (M + G.T @ U, P - G.T @ G, sums), None

    M = jnp.concatenate([jnp.zeros((n, 1)), unit], axis=1)
    sums = _Sums(jnp.zeros((n + 1, n + 1)), jnp.zeros(()), jnp.zeros((), int))
    (_, _, sums), _ = jax.lax.scan(step, (M, cov, sums), observations)
    # delta lives in the range of `unit`: the other directions get an identity, whose determinant is one
    S, s = sums.products[1:, 1:] + stationary, sums.products[1:, 0]
    root = jnp.linalg.cholesky(S)
    u = jsl.solve_triangular(root, s, lower=True)
    loglikelihood = (
        -0.5 * (sums.products[0, 0] - u @ u + sums.n_seen * jnp.log(2 * jnp.pi))
        - sums.logdets
        - jnp.log(jnp.diagonal(root)).sum()
    )
    return jnp.where(status == Status.OK, loglikelihood, jnp.nan)
