"""Covariance matrices that may be singular: perfectly correlated shocks are legal."""

import jax
import jax.numpy as jnp

from estim.typing import Array, Scalar

_TOLERANCE = 1e-12
"""Share of a variance that counts as none: what rounding leaves of it."""

SOLVED_COVARIANCE = 1e-11
"""The same of a covariance that solves an equation, as a stationary one does."""


def semidefinite_cholesky(matrix: Array, tolerance: float = _TOLERANCE, scale: Array | None = None) -> Array:
    """The lower-triangular L with L L' = `matrix`, where this is positive semidefinite, else NaN.

    A variable that the ones before it determine gets a column of zeros, as in the limit of the usual factor
    (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 10.3, without pivoting: the order of the
    variables has a meaning). Derivatives of such a column are zero. The other columns are those of the usual factor of
    the matrix with a variance added to each such variable, which moves its own column alone.

    Args:
        matrix: symmetric, ``[n, n]``.
        tolerance: share of a variance that counts as none where the ones before it are known.
        scale: the variances ``[n]`` that this is a share of, where those of the matrix are what a difference left of
            larger ones; its own by default.
    """
    fixed = jax.lax.stop_gradient(matrix)
    own = jnp.diagonal(fixed)
    scale = own if scale is None else jnp.maximum(own, jax.lax.stop_gradient(scale))
    known, legal = _determined(fixed, tolerance, scale)
    added = jnp.where(known, jnp.where(scale > 0, scale, 1.0), 0.0)
    usual = jnp.linalg.cholesky(jnp.where(legal, matrix + jnp.diag(added), jnp.eye(len(matrix))))
    return jnp.where(legal, jnp.where(known[None, :], 0.0, usual), jnp.nan)


def _determined(matrix: Array, tolerance: float, scale: Array) -> tuple[Array, Scalar]:
    """Which variables those before them determine ``[n]``, and whether the matrix is a covariance."""
    places = jnp.arange(len(matrix))
    # Beside a variance of zero no covariance can stand: |rest_ij|^2 <= rest_ii rest_jj.
    bounds = jnp.sqrt(jnp.maximum(tolerance * jnp.outer(scale, scale), 0.0))

    def eliminate(j: Scalar, carry: tuple[Array, Array, Scalar]) -> tuple[Array, Array, Scalar]:
        rest, known, legal = carry
        column, variance = rest[:, j], rest[j, j]
        left = variance > tolerance * scale[j]
        none = (variance >= -bounds[j, j]) & (jnp.abs(column) <= 10 * bounds[j]).all()
        column = jnp.where(left, column, 0.0)
        rest = rest - jnp.outer(column, column) / jnp.where(left, variance, 1.0)
        rest = jnp.where((places > j)[:, None] & (places > j)[None, :], rest, 0.0)
        return rest, known.at[j].set(~left), legal & (left | none)

    begin = matrix, jnp.zeros(len(matrix), bool), jnp.isfinite(matrix).all()
    _, known, legal = jax.lax.fori_loop(0, len(matrix), eliminate, begin)
    return known, legal
