"""Coordinates in which shocks, given the observations, are nearly independent and standard normal.

Where the solution is linear, the shocks given the observations are normal. With x the state in deviations from its mean
and a 1 behind it, and v_t what is observed less its mean,

    v_t = C x_{t-1} + D z_t + u_t,    x_t = A x_{t-1} + B z_t,    z_t ~ N(0, I),    u_t ~ N(0, H_t),

minus twice the log-density of what is observed from t + 1 on is x_t' P_t x_t, and P follows backwards from P_T = 0:
what period t adds is a quadratic form in (z_t, x_{t-1}),

    K = [I, 0]' [I, 0] + [D, C]' H_t^-1 [D, C] + [B, A]' P_t [B, A],

whose first rows and columns, those of z_t, have the factor K_zz = U' U. With V = U'^-1 K_zx,

    P_{t-1} = K_xx - V' V,    z_t = U^-1 (w_t - V x_{t-1}),    w_t ~ N(0, I).

So shocks are made of independent normals w, period after period from a state x_0 that is made in the same way.
Whatever the solution is, this map from w to z is a bijection, with the determinant of the U^-1. Where the solution is
linear w is normal and independent of the parameters; elsewhere it is so nearly.

Source: the conditional distribution of shocks in a linear state space, Durbin and Koopman (2012), Time Series Analysis
by State Space Methods, sec. 4.9, by the recursion of the linear regulator.
"""

from functools import singledispatch
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.numerics import semidefinite_cholesky, small_product
from estim.representations.linear import StateSpace
from estim.representations.pruned import PrunedStateSpace, inputs_covariance
from estim.typing import Array, Scalar

Beginning = tuple[Array, Array]


class LinearLaw(NamedTuple):
    """A solution of first order: ``transition`` A ``[n, n]``, ``selection`` B ``[n, n_shocks]``, ``lagged`` C
    ``[n_obs, n]`` and ``impact`` D ``[n_obs, n_shocks]``, by shocks of unit variance; the ``mean`` of what is observed
    ``[n_obs]``, and a ``root`` of the variance of the state before the first period ``[n, k]``."""

    transition: Array
    selection: Array
    lagged: Array
    impact: Array
    mean: Array
    root: Array


@singledispatch
def linear_law(solution: Any, beginning: Beginning) -> LinearLaw | None:
    """What a solution is to first order, given its ``beginning``; None where there is no rule."""
    return None


@linear_law.register
def _(solution: StateSpace, beginning: Beginning) -> LinearLaw:
    B = solution.selection @ semidefinite_cholesky(solution.shock_cov)
    Z = solution.design
    return LinearLaw(
        solution.transition, B, Z @ solution.transition, Z @ B, solution.obs_intercept, beginning[1]
    )


@linear_law.register
def _(solution: PrunedStateSpace, beginning: Beginning) -> LinearLaw:
    """The part of first order, around the mean of that of second order."""
    n, seen = len(solution.states), solution.measured
    by_shock = semidefinite_cholesky(solution.shock_cov)
    root, mean = beginning[1][:n], seen.level
    if solution.order > 1:
        spread = jnp.tensordot(seen.quadratic, inputs_covariance(solution, root @ root.T), 2)
        mean = mean + seen.linear[:, :n] @ beginning[0][n : 2 * n] + 0.5 * (spread + seen.risk)
    A, B = jnp.split(solution.motion.linear, [n], axis=1)
    C, D = jnp.split(seen.linear, [n], axis=1)
    return LinearLaw(A, B @ by_shock, C, D @ by_shock, mean, root)


def whitened(law: LinearLaw, observations: Array, whiten: Array, w: Array) -> tuple[Array, Scalar]:
    """Standard normals z behind start and shocks, from those that are independent given the observations.

    Args:
        law: the solution to first order.
        observations: ``[n_periods, n_obs]`` without trend; NaN is missing.
        whiten: roots of the inverse covariances of the measurement errors ``[n_periods, n_obs, n_obs]``.
        w: the start's components, then those of the shocks period by period, ``[k + n_periods n_shocks]``.

    Returns:
        z, in the same order, and ln |dz/dw|.
    """
    A, B, C, D, mean, root = law
    (n, m), k = B.shape, root.shape[1]
    motion = _beside_one(jnp.concatenate([B, A], axis=1))
    missed = (mean[None] - observations)[:, :, None]
    around = jnp.broadcast_to(jnp.concatenate([D, C], axis=1), (*observations.shape, m + n))
    seen = jnp.where(jnp.isnan(missed), 0.0, jnp.concatenate([around, missed], axis=2))
    seen = small_product(whiten, seen)
    added = small_product(seen.swapaxes(1, 2), seen) + _of_prior(m, n + 1)[None]

    def back(P: Array, added: Array) -> tuple[Array, tuple[Array, Array]]:
        return _eliminate(added + small_product(small_product(motion.T, P), motion), m)

    def ahead(x: Array, now: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        U, V, w = now
        z = _back_substitute(U, w - _times(V[:, :n], x) - V[:, n])
        return _times(A, x) + _times(B, z), z

    # Recomputed on the way back: what a step would keep costs more to write than to compute.
    step = lambda function: jax.checkpoint(function, prevent_cse=False)
    P, (U, V) = jax.lax.scan(step(back), jnp.zeros((n + 1, n + 1)), added, reverse=True)
    first = _beside_one(root)
    _, (U0, V0) = _eliminate(_of_prior(k, 1) + first.T @ P @ first, k)
    start = _back_substitute(U0, w[:k] - V0[:, 0])
    shocks = jax.lax.scan(step(ahead), root @ start, (U, V, w[k:].reshape(-1, m)))[1]
    logdet = -jnp.log(jnp.diagonal(U, axis1=1, axis2=2)).sum() - jnp.log(jnp.diagonal(U0)).sum()
    return jnp.concatenate([start, shocks.ravel()]), logdet


def _beside_one(matrix: Array) -> Array:
    """With a row and a column for the 1 behind the state."""
    return jnp.pad(matrix, ((0, 1), (0, 1))).at[-1, -1].set(1.0)


def _of_prior(size: int, rest: int) -> Array:
    """The precision of standard normals, and none of what is behind them."""
    return jnp.diag(jnp.concatenate([jnp.ones(size), jnp.zeros(rest)]))


def _eliminate(K: Array, size: int) -> tuple[Array, tuple[Array, Array]]:
    """What is left of a quadratic form once its first `size` coordinates are at their best, K_xx - V'V, and (U, V).

    Row by row in the open: a call for matrices as small as these costs more than their arithmetic.
    """
    rows = []
    for j in range(size):
        row = K[0] / jnp.sqrt(K[0, 0])
        rows.append(jnp.pad(row, (j, 0)))
        K = (K - row[:, None] * row[None, :])[1:, 1:]
    both = jnp.stack(rows) if rows else jnp.zeros((0, len(K)))
    return K, (both[:, :size], both[:, size:])


def _back_substitute(U: Array, right: Array) -> Array:
    """U^-1 ``right`` ``[size]`` of an upper-triangular U."""
    found: list[Array] = []
    for i in reversed(range(len(right))):
        known = sum((U[i, i + 1 + j] * x for j, x in enumerate(found)), jnp.zeros(()))
        found.insert(0, (right[i] - known) / U[i, i])
    return jnp.stack(found) if found else right


def _times(matrix: Array, vector: Array) -> Array:
    return small_product(matrix, vector[:, None])[:, 0]
