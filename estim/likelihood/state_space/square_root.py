"""The square-root form of the Kalman filter: it carries a root of each covariance, never the covariance.

One step of the filter is one triangularisation of an array by an orthogonal matrix,

    [ H^1/2   Z S ]           [ F^1/2   0  ]
    [   0      S  ] Theta  =  [ K F^1/2 S+ ],      S S' = P before, S+ S+' = P after y_t,

so that no covariance can lose its positive definiteness, and only half of the digits that
large and small variances cost the other filters.

Source: Kailath, Sayed and Hassibi (2000), Linear Estimation, ch. 12.
"""

from functools import partial

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.likelihood.singularity import SMALLEST_ROOT
from estim.likelihood.state_space.filtering import first_variances, normal_logdensity
from estim.likelihood.state_space.start import Gaussian
from estim.numerics import covariance_root
from estim.representations.linear import StateSpace
from estim.typing import Array, Scalar


def square_root_logdensities(state_space: StateSpace, observations: Array, start: Gaussian) -> Array:
    """ln p(y_t | y_1 .. y_{t-1}) for each period ``[n_periods]``; NaN in y ``[n_periods, n_obs]`` is missing.

    Derivatives in Q, H or the start's covariance, where one is singular, are those of
    changes that keep its rank: a variance of zero is taken to stay zero.
    """
    T, R, Q, Z, d, H = state_space[:6]
    shock_root, error_root = R @ covariance_root(Q), covariance_root(H)

    scale = jnp.sqrt(first_variances(state_space, start))

    def step(predicted, y):
        mean, root = predicted
        (mean, root), logdensity = update_root(mean, root, y, Z, d, error_root, scale)
        _, _, root = triangularise(jnp.concatenate([T @ root, shock_root], axis=1), 0)
        return (T @ mean, root), logdensity

    return jax.lax.scan(step, (start.mean, covariance_root(start.cov)), observations)[1]


def update_root(
    mean: Array, root: Array, y: Array, Z: Array, d: Array, error_root: Array, scale: Array | float = 0.0
) -> tuple[tuple[Array, Array], Scalar]:
    """Mean and root of the state given y_t too, and ln p(y_t | y_1 .. y_{t-1}).

    The density is NaN where the standard deviation of a number given the others is no more than
    rounding leaves of its own, or of the ``scale`` ``[n_obs]`` that it once had.
    """
    v = y - d - Z @ mean
    seen = ~jnp.isnan(v)
    # a missing number is one of variance 1 of its own that is observed at its mean
    v, Z, error_root = (jnp.where(seen if x.ndim == 1 else seen[:, None], x, 0.0) for x in (v, Z, error_root))
    error_root = jnp.concatenate([error_root, jnp.diag(jnp.where(seen, 0.0, 1.0))], axis=1)
    n_obs, n_states = Z.shape
    array = jnp.block([[error_root, Z @ root], [jnp.zeros((n_states, 2 * n_obs)), root]])
    F_root, K_root, root = triangularise(array, n_obs)
    u = jsl.solve_triangular(F_root, v, lower=True)
    own = jnp.linalg.norm(jax.lax.stop_gradient(F_root), axis=1)
    smallest = SMALLEST_ROOT * jnp.maximum(jnp.where(seen, scale, 0.0), own)
    return (mean + K_root @ u, root), normal_logdensity(u, F_root, seen.sum(), smallest)


def triangularise(array: Array, n: int) -> tuple[Array, Array, Array]:
    """The blocks A, B, C of a lower-triangular [[A, 0], [B, C]] with the same square as ``array``.

    Args:
        array: ``[m, k]`` with k >= m; its first ``n`` rows have full rank, the others need not.

    Returns:
        A ``[n, n]``, B ``[m - n, n]`` and C ``[m - n, m - n]``. The derivatives of C, of any order, are those of
        a root of C C' whose rank stays as it is: C itself has none where it is singular.
    """
    M, _ = _factors(array, n)
    return M[:n, :n], M[n:, :n], M[n:, n:]


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _factors(array: Array, n: int) -> tuple[Array, Array]:
    """``array`` = M Q' with M ``[m, m]`` lower triangular, and Q ``[k, m]`` with orthonormal columns."""
    Q, R = jnp.linalg.qr(array.T)
    return R.T, Q


@_factors.defjvp
def _factors_jvp(
    n: int, primals: tuple[Array], tangents: tuple[Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """array_dot Q is the tangent of one root of the square. A rotation of its columns, array_dot Q + M W with W = -W',
    makes its upper rows [lower triangular, 0]. Then M Q_dot' = array_dot (I - Q Q') - M W Q'."""
    (array,), (array_dot,) = primals, tangents
    M, Q = _factors(array, n)
    turned = array_dot @ Q
    solved = jsl.solve_triangular(M[:n, :n], turned[:n], lower=True)
    upper = jnp.triu(solved[:, :n], 1)
    across, corner = -solved[:, n:], jnp.zeros((len(M) - n, len(M) - n))
    W = jnp.block([[upper.T - upper, across], [-across.T, corner]])
    left = array_dot - turned @ Q.T
    Q_dot = _solve_consistent(M, left, n, jnp.linalg.norm(jax.lax.stop_gradient(array), axis=1)).T + Q @ W
    return (M, Q), (turned + M @ W, Q_dot)


def _solve_consistent(M: Array, rhs: Array, n: int, sizes: Array) -> Array:
    """An X with M X = ``rhs``, which has one, for M = [[A, 0], [B, C]] with A regular and C perhaps not: what is small
    beside the ``sizes`` of the rows ``[m]`` is taken for zero."""
    A, B, C = M[:n, :n], M[n:, :n], M[n:, n:]
    upper = jsl.solve_triangular(A, rhs[:n], lower=True)
    scale = jax.lax.stop_gradient(jnp.where(sizes[n:] > 0, sizes[n:], 1.0))[:, None]
    lower = jnp.linalg.pinv(C / scale) @ ((rhs[n:] - B @ upper) / scale)
    return jnp.concatenate([upper, lower])
