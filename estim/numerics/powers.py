"""Powers of a matrix, and recursions with a constant one."""

import jax
import jax.numpy as jnp

from estim.numerics.small_product import small_product
from estim.typing import Array


def matrix_powers(matrix: Array, count: int) -> Array:
    """I, A, A^2, ... of ``matrix`` A ``[n, n]``: ``[count, n, n]``."""
    powers, next_power = jnp.eye(len(matrix))[None], matrix
    while len(powers) < count:
        powers = jnp.concatenate([powers, powers @ next_power])
        next_power = next_power @ next_power
    return powers[:count]


def follow_recursion(increments: Array, matrix: Array) -> Array:
    """x_t = x_{t-1} A + b_t from x_{-1} = 0, for ``increments`` b ``[T, m, n]`` and ``matrix`` A ``[n, n]``."""

    def step(x: Array, b: Array) -> tuple[Array, Array]:
        x = small_product(x, matrix) + b
        return x, x

    return jax.lax.scan(step, jnp.zeros(increments.shape[1:]), increments)[1]
