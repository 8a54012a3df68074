"""Linear systems whose failure is a value: a singular matrix gives zeros and `False`."""

import jax.numpy as jnp
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


def solve_linear(matrix: Array, rhs: Array) -> tuple[Array, Scalar]:
    """X with ``matrix`` X = ``rhs`` (``[n, n]``, ``[n, m]``), and whether the matrix is regular.

    Where it is singular or not finite, X and every derivative of it are zero.
    """
    n = matrix.shape[0]
    if n == 0:
        return rhs, jnp.array(True)
    identity = jnp.eye(n, dtype=matrix.dtype)
    lu, _, permutation = lax.linalg.lu(lax.stop_gradient(matrix))
    regular = jnp.isfinite(lu).all() & (jnp.abs(jnp.diagonal(lu)).min() > 0)
    lu = jnp.where(regular, lu, identity)
    matrix = jnp.where(regular, matrix, identity)
    x = lax.custom_linear_solve(
        lambda x: matrix @ x,
        jnp.where(regular, rhs, 0.0),
        solve=lambda _, b: lu_solve(lu, permutation, b),
        transpose_solve=lambda _, b: lu_solve(lu, permutation, b, transpose=True),
    )
    return x, regular
