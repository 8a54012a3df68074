"""The law of motion of the distribution over (income, assets) by lotteries between grid points.

``D`` has shape ``[n_e, n_1, ..., n_d]`` with one axis for each asset. A policy moves mass along
the asset axes, then the income chain mixes the first axis:

    D'(e', a') = sum_e Pi(e, e') sum_a 1{policy(e, a) -> a'} D(e, a)

The expectation operator is its transpose.
"""

import itertools
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from estim.numerics.interpolate import Lottery
from estim.typing import Array


def forward(transition: Array, lotteries: Sequence[Lottery], distribution: Array) -> Array:
    """Tomorrow's distribution. Shapes: ``[n_e, n_e]``, one lottery ``[n_e, n_1, ...]`` an asset, ``D``."""
    shape = distribution.shape
    moved = jnp.zeros(shape[0] * int(np.prod(shape[1:])))
    for index, probability in _corners(lotteries, shape):
        mass = (probability * distribution).reshape(-1)
        moved = moved.at[index.reshape(-1)].add(mass, mode="promise_in_bounds")
    return mix(transition.T, moved.reshape(shape))


def forward_on_grid(transition: Array, points: Array, distribution: Array) -> Array:
    """Tomorrow's distribution where each chooses a point of the grid.

    Args:
        transition: of income ``[n_e, n_e]``, row: today.
        points: ``[n_a, n_e]``, the point that is chosen in each state.
        distribution: ``[n_a, n_e]``, over what was chosen yesterday and income today.
    """
    columns = np.arange(distribution.shape[1])[None, :]
    return jnp.zeros(distribution.shape).at[points, columns].add(distribution) @ transition


def expectation(transition: Array, lotteries: Sequence[Lottery], values: Array) -> Array:
    """Expected value tomorrow, given the state today: the transpose of `forward`."""
    flat = mix(transition, values).reshape(-1)
    expected = jnp.zeros(values.shape)
    for index, probability in _corners(lotteries, values.shape):
        expected += probability * flat.at[index].get(mode="promise_in_bounds")
    return expected


def mix(matrix: Array, values: Array) -> Array:
    """``matrix @ values`` over the first (income) axis of ``values`` ``[n_e, ...]``."""
    return (matrix @ values.reshape(values.shape[0], -1)).reshape(values.shape)


def _corners(lotteries: Sequence[Lottery], shape: tuple[int, ...]):
    """Flat index and probability of each of the 2^d grid points that the policies may reach."""
    income = jnp.arange(shape[0]).reshape(-1, *[1] * len(lotteries))
    for sides in itertools.product((0, 1), repeat=len(lotteries)):
        index, probability = income, jnp.ones(shape)
        for (at, weight), side, n in zip(lotteries, sides, shape[1:], strict=True):
            index = index * n + at + side
            probability = probability * (weight if side else 1 - weight)
        yield index, probability
