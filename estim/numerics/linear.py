"""Linear systems whose failure is a value: a singular matrix gives zeros and `False`."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from estim.typing import Array, Scalar


def lu_solve(lu: Array, permutation: Array, rhs: Array, transpose: bool = False) -> Array:
    """Solve A X = B, or A' X = B, from P A = L U; ``rhs`` B is ``[n, m]``."""
    triangular = lax.linalg.triangular_solve
    if transpose:
        x = triangular(lu, rhs, left_side=True, lower=False, transpose_a=True)
        x = triangular(lu, x, left_side=True, lower=True, transpose_a=True, unit_diagonal=True)
        return jnp.zeros_like(x).at[permutation].set(x)
    x = triangular(lu, rhs[permutation], left_side=True, lower=True, unit_diagonal=True)
    return triangular(lu, x, left_side=True, lower=False)


def eliminate(matrix: Array, rhs: Array, smallest_pivots: Array | float = 0.0) -> tuple[Array, Scalar]:
    """X with ``matrix`` X = ``rhs`` (``[n, n]``, ``[n, m]``), and whether the pivots are finite and above the smallest.

    One elimination of [A, B] = P' L [U, L^-1 P B], so that the permutation, a loop of its own, is not
    needed. For values only: derivatives have `solve_factorized`.
    """
    n = matrix.shape[0]
    lu = lax.linalg.lu(jnp.concatenate([matrix, rhs], axis=1))[0]
    pivots = jnp.abs(jnp.diagonal(lu))
    regular = ((pivots > smallest_pivots) & jnp.isfinite(pivots)).all()
    return lax.linalg.triangular_solve(lu[:, :n], lu[:, n:], left_side=True, lower=False), regular


class Factors(NamedTuple):
    """``matrix[permutation] = L U`` in one array ``lu``, and whether the matrix is regular.

    Where it is not, or is not finite, they are the identity's.
    """

    lu: Array
    permutation: Array
    regular: Scalar


def factorize(matrix: Array, tolerance: float = 0.0) -> Factors:
    """The factors of ``matrix`` ``[n, n]``, without derivatives; a pivot up to `tolerance` counts as zero."""
    n = matrix.shape[0]
    lu, _, permutation = lax.linalg.lu(lax.stop_gradient(matrix))
    regular = jnp.isfinite(lu).all() & (jnp.abs(jnp.diagonal(lu)).min(initial=jnp.inf) > tolerance)
    identity = jnp.eye(n, dtype=matrix.dtype)
    return Factors(
        jnp.where(regular, lu, identity),
        jnp.where(regular, permutation, np.arange(n, dtype=np.int32)),
        regular,
    )


def solve_factorized(matrix: Array, factors: Factors, rhs: Array) -> Array:
    """X with ``matrix`` X = ``rhs`` (``[n, n]``, ``[n, m]``), with derivatives by both.

    Where the matrix is singular or not finite, X and every derivative of it are zero.
    """
    if matrix.shape[0] == 0:
        return rhs
    lu, permutation, regular = factors
    matrix = jnp.where(regular, matrix, jnp.eye(matrix.shape[0], dtype=matrix.dtype))
    return lax.custom_linear_solve(
        lambda x: matrix @ x,
        jnp.where(regular, rhs, 0.0),
        solve=lambda _, b: lu_solve(lu, permutation, b),
        transpose_solve=lambda _, b: lu_solve(lu, permutation, b, transpose=True),
    )


def solve_linear(matrix: Array, rhs: Array) -> tuple[Array, Scalar]:
    """X with ``matrix`` X = ``rhs`` (``[n, n]``, ``[n, m]``), and whether the matrix is regular.

    Where it is singular or not finite, X and every derivative of it are zero.
    """
    factors = factorize(matrix)
    return solve_factorized(matrix, factors, rhs), factors.regular
