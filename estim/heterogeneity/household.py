"""The stationary equilibrium of a heterogeneous-agent block at given aggregate inputs."""

from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.heterogeneity.block import HetBlock
from estim.heterogeneity.distribution import forward, mix
from estim.numerics.fixed_point import (
    LINEAR_TOLERANCE,
    attach_derivative,
    largest,
    solve_fixed_point,
    solve_one_minus,
)
from estim.numerics.interpolate import Lottery, lottery
from estim.typing import Array, Scalar

TOLERANCE = 1e-10
SEARCH_TOLERANCE = 1e-12


class Household(NamedTuple):
    """A block in its steady state.

    ``value`` and ``distribution`` solve the two fixed points; ``outcomes`` maps names to
    ``[n_e, n_a, ...]``; ``grids`` are the block's; ``error`` is the larger relative residual of the
    two fixed points (compare with `TOLERANCE`).
    """

    value: Any
    distribution: Array
    outcomes: dict[str, Array]
    grids: Any
    error: Scalar

    def total(self, outcome: str) -> Scalar:
        """The outcome summed over the distribution."""
        return jnp.vdot(self.distribution, self.outcomes[outcome])


def backward_step(block: HetBlock, value: Any, inputs: Any, grids: Any, params: Any):
    """Today's value and outcomes, from tomorrow's value at the grid: expectation, then decision."""
    expected = jax.tree.map(lambda v: mix(grids.transition, v), value)
    return block.backward(expected, inputs, grids, params)


def as_inputs(block: HetBlock, values: Any) -> Any:
    """The block's inputs as a NamedTuple, read from `values` (a NamedTuple that has them)."""
    Inputs = namedtuple("Inputs", block.inputs)  # type: ignore[misc]
    return Inputs(*(jnp.asarray(getattr(values, name), float) for name in block.inputs))


def lotteries(block: HetBlock, grids: Any, outcomes: dict[str, Array]) -> list[Lottery]:
    return [lottery(getattr(grids, name), outcomes[name]) for name in block.policy]


def solve_household(block: HetBlock, inputs: Any, params: Any, start: Household | None = None) -> Household:
    """Policies and stationary distribution at constant `inputs`, with implicit derivatives.

    Args:
        inputs: NamedTuple that has the block's inputs (a model's steady state will do).
        params: the model's parameters.
        start: a solution nearby to begin from; it affects speed, not the result.
    """
    start = start or initial_household(block, inputs, params)
    return attach_household(block, inputs, params, search_household(block, inputs, params, start))


def search_household(
    block: HetBlock, inputs: Any, params: Any, start: Household, tolerance: Scalar | float = SEARCH_TOLERANCE
) -> Household:
    """The two fixed points to within `tolerance`, without derivatives."""
    inputs, grids, params, start = jax.lax.stop_gradient(
        (as_inputs(block, inputs), block.grids(params), params, start)
    )

    def step(value):
        return backward_step(block, value, inputs, grids, params)

    found = solve_fixed_point(lambda value: step(value)[0], start.value, tolerance=tolerance)
    _, outcomes = step(found.value)
    move = law_of_motion(block, grids, outcomes)
    distribution = stationary_distribution(move, start.distribution, tolerance)
    leak = largest(move(distribution) - distribution)
    return Household(found.value, distribution, outcomes, grids, jnp.maximum(found.error, leak))


def attach_household(block: HetBlock, inputs: Any, params: Any, solution: Household) -> Household:
    """The `solution` of `search_household` with its derivatives with respect to `inputs` and `params`."""
    inputs, grids = as_inputs(block, inputs), block.grids(params)

    def step(value):
        return backward_step(block, value, inputs, grids, params)

    value = attach_derivative(lambda value: step(value)[0], solution.value)
    _, outcomes = step(value)
    move = anchored(law_of_motion(block, grids, outcomes))
    distribution = attach_derivative(move, solution.distribution, scale=jnp.ones_like)
    return Household(value, distribution, outcomes, grids, jax.lax.stop_gradient(solution.error))


def initial_household(block: HetBlock, inputs: Any, params: Any) -> Household:
    """The block's own first guess, with everybody spread evenly."""
    inputs, grids = as_inputs(block, inputs), block.grids(params)
    value = block.initial(inputs, grids, params)
    _, outcomes = backward_step(block, value, inputs, grids, params)
    shape = outcomes[block.policy[0]].shape
    return Household(value, jnp.full(shape, 1 / np.prod(shape)), outcomes, grids, jnp.array(jnp.inf))


def law_of_motion(block: HetBlock, grids: Any, outcomes: dict[str, Array]) -> Callable[[Array], Array]:
    """Tomorrow's distribution from today's."""
    choices = lotteries(block, grids, outcomes)
    return lambda distribution: forward(grids.transition, choices, distribution)


def anchored(move: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """A map whose only fixed point is the stationary distribution of `move`: D -> move(D) + (1 - 1'D) u, u uniform."""
    return lambda distribution: move(distribution) + (1 - jnp.sum(distribution)) / distribution.size


def stationary_distribution(
    move: Callable[[Array], Array], guess: Array, tolerance: Scalar | float = LINEAR_TOLERANCE
) -> Array:
    """D = move(D) with sum(D) = 1, from a `guess`; the `tolerance` is relative to the uniform distribution."""
    shape, map_ = guess.shape, anchored(move)
    left = (map_(guess) - guess).reshape(-1)
    linear = lambda d: (move(d.reshape(shape)) - jnp.sum(d) / d.size).reshape(-1)
    correction = solve_one_minus(linear, left, tolerance, 1 / np.sqrt(guess.size))
    return guess + correction.reshape(shape)
