"""Powers of a matrix, and recursions with a constant one, in a number of steps that grows with the log of the dates."""

import jax.numpy as jnp

from estim.typing import Array


def matrix_powers(matrix: Array, count: int) -> Array:
    """I, A, A^2, ... of ``matrix`` A ``[n, n]``: ``[count, n, n]``."""
    powers, next_power = jnp.eye(len(matrix))[None], matrix
    while len(powers) < count:
        powers = jnp.concatenate([powers, powers @ next_power])
        next_power = next_power @ next_power
    return powers[:count]


def follow_recursion(increments: Array, matrix: Array) -> Array:
    """x_t = x_{t-1} A + b_t from x_{-1} = 0, for ``increments`` b ``[T, m, n]`` and ``matrix`` A ``[n, n]``.

    The sum of b_{t-j} A^j over the last k dates, and that k dates earlier times A^k, are the sum over the last 2k.
    """
    x, power, reach = increments, matrix, 1
    while reach < len(increments):
        before = jnp.pad(x, ((reach, 0), (0, 0), (0, 0)))[: len(x)]
        x, power, reach = x + before @ power, power @ power, 2 * reach
    return x
