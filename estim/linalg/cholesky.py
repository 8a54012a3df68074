"""The Cholesky factor of a covariance matrix of any rank."""

import jax
import jax.numpy as jnp

from estim.typing import Array

_ROUNDING, _INPUT = 1e-14, 1e-6


@jax.jit
def semidefinite_cholesky(cov: Array) -> Array:
    """The lower-triangular L with L L' = ``cov`` ``[n, n]``; NaN where `cov` is no covariance matrix, to six digits.

    A variable that those before it determine has a column of zeros, so that L is unique whatever the rank
    (Golub and Van Loan 2013, Matrix Computations, section 4.2.8).
    """
    n = cov.shape[0]
    variance = jnp.diagonal(cov)
    tolerance = _ROUNDING * n * variance

    def eliminate(left: Array, j: Array):
        pivot = left[j, j]
        free = pivot > tolerance[j]
        column = jnp.where(free, left[:, j] / jnp.sqrt(jnp.where(free, pivot, 1.0)), 0.0)
        column = jnp.where(jnp.arange(n) < j, 0.0, column)
        return left - column[:, None] * column[None, :], column

    left, columns = jax.lax.scan(eliminate, cov, jnp.arange(n))
    scale = jnp.sqrt(jnp.abs(variance))
    is_covariance = (jnp.abs(left) <= _INPUT * scale[:, None] * scale[None, :]).all()
    return jnp.where(is_covariance, columns.T, jnp.nan)
