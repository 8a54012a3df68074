"""Sylvester equations whose right-hand matrix is a Kronecker power, which is never formed.

Source: Kamenik (2005), "Solving SDGE Models: A New Algorithm for the Sylvester Equation", Computational
Economics 25, for the structure; the sum is doubled as in `estim.numerics.sylvester`.
"""

import jax
import jax.numpy as jnp
from jax import lax

from estim.numerics.sylvester import double, finite_or_diverging, status_of
from estim.typing import Array, Scalar


@jax.jit
def solve_tensor_sylvester(left: Array, right: Array, constant: Array) -> tuple[Array, Scalar]:
    """X = left X (right x ... x right) + constant, and its `Status`.

    Args:
        left: A ``[m, m]``; its spectral radius times the k-th power of that of ``right`` is below one.
        right: B ``[n, n]``, which acts on each of the k last axes.
        constant: ``[m, n, ..., n]`` with k of them.

    Returns:
        X, of the shape of the constant, and OK, or zeros and NOT_CONVERGED where the sum diverges.
    """
    left, right = finite_or_diverging(left), finite_or_diverging(right)

    def smith(left: Array, right: Array, constant: Array) -> Array:
        powers = lambda p: (p[0] @ p[0], p[1] @ p[1])
        return double(lambda p, x: (powers(p), apply_kronecker(*p, x)), (left, right), constant)

    x = lax.custom_linear_solve(
        lambda x: x - apply_kronecker(left, right, x),
        constant,
        solve=lambda _, c: smith(left, right, c),
        transpose_solve=lambda _, c: smith(left.T, right.T, c),
    )
    return x, status_of(x, constant)


def apply_kronecker(left: Array, right: Array, tensor: Array) -> Array:
    """``left`` X (right x ... x right): the sum over a, i, j, ... of A_ba X_aij... B_ik B_jl ..."""
    x = jnp.tensordot(left, tensor, 1)
    for _ in range(tensor.ndim - 1):  # the last axis is contracted and comes to the front of the others
        x = jnp.moveaxis(x @ right, -1, 1)
    return x
