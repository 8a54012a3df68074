"""Covariance matrices that may be singular: perfectly correlated shocks are legal."""

import jax.numpy as jnp

from estim.typing import Array

_TOLERANCE = 1e-12
"""Share of a variance that counts as none: what rounding leaves of it."""


def semidefinite_cholesky(matrix: Array) -> Array:
    """The lower-triangular L with L L' = `matrix`, where this is positive semidefinite, else NaN.

    A variable that the ones before it determine gets a column of zeros, as in the limit of the usual factor
    (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 10.3, without pivoting: the order of the
    variables has a meaning). Derivatives of such a column are zero.

    Args:
        matrix: symmetric, ``[n, n]``.
    """
    n = matrix.shape[0]
    scale, L, legal = jnp.diagonal(matrix), jnp.zeros_like(matrix), jnp.isfinite(matrix).all()
    for j in range(n):
        rest = (matrix[:, j] - L @ L[j]) * (jnp.arange(n) >= j)
        left = rest[j] > _TOLERANCE * scale[j]
        column = jnp.where(left, rest, 0.0) / jnp.sqrt(jnp.where(left, rest[j], 1.0))
        # Beside a variance of zero no covariance can stand: |rest_ij|^2 <= rest_ii rest_jj.
        bound = jnp.sqrt(jnp.maximum(_TOLERANCE * scale * scale[j], 0.0))
        legal &= left | ((rest[j] >= -bound[j]) & (jnp.abs(rest) <= 10 * bound).all())
        L = L.at[:, j].set(column)
    return jnp.where(legal, L, jnp.nan)
