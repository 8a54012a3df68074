"""The stationary equilibrium of a heterogeneous-agent block at given aggregate inputs."""

from collections import namedtuple
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.heterogeneity.block import HetBlock
from estim.heterogeneity.distribution import forward, mix
from estim.heterogeneity.fixed_point import (
    LINEAR_TOLERANCE,
    attach_derivative,
    largest,
    solve_fixed_point,
    solve_one_minus,
)
from estim.heterogeneity.interpolate import Lottery, lottery
from estim.typing import Array, Scalar

TOLERANCE = 1e-10


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
    return refine_household(block, inputs, params, search_household(block, inputs, params, start))


def search_household(
    block: HetBlock, inputs: Any, params: Any, start: Household, tolerance: float = 1e-10
) -> Household:
    """The two fixed points to within `tolerance`, without derivatives."""
    inputs, grids, params, start = jax.lax.stop_gradient(
        (as_inputs(block, inputs), block.grids(params), params, start)
    )

    def step(value):
        return backward_step(block, value, inputs, grids, params)

    found = solve_fixed_point(lambda value: step(value)[0], start.value, tolerance=tolerance)
    _, outcomes = step(found.value)
    distribution, leak = stationary_distribution(
        grids.transition, lotteries(block, grids, outcomes), start.distribution, tolerance
    )
    return Household(found.value, distribution, outcomes, grids, jnp.maximum(found.error, leak))


def refine_household(
    block: HetBlock, inputs: Any, params: Any, solution: Household, tolerance: float = LINEAR_TOLERANCE
) -> Household:
    """One Newton step from a `solution` nearby: its error becomes the square of what it was, and its
    derivatives with respect to `inputs` and `params` are exact to within `tolerance`."""
    inputs, grids = as_inputs(block, inputs), block.grids(params)

    def step(value):
        return backward_step(block, value, inputs, grids, params)

    value = attach_derivative(lambda value: step(value)[0], solution.value, tolerance=tolerance)
    again, outcomes = step(value)
    choices = lotteries(block, grids, outcomes)
    distribution, leak = stationary_distribution(grids.transition, choices, solution.distribution, tolerance)
    relative = jax.tree.map(lambda x, y: largest((x - y) / y), again, value)
    error = jax.lax.stop_gradient(jnp.maximum(leak, jax.tree.reduce(jnp.maximum, relative)))
    return Household(value, distribution, outcomes, grids, error)


def initial_household(block: HetBlock, inputs: Any, params: Any) -> Household:
    """The block's own first guess, with everybody spread evenly."""
    inputs, grids = as_inputs(block, inputs), block.grids(params)
    value = block.initial(inputs, grids, params)
    _, outcomes = backward_step(block, value, inputs, grids, params)
    shape = outcomes[block.policy[0]].shape
    return Household(value, jnp.full(shape, 1 / np.prod(shape)), outcomes, grids, jnp.array(jnp.inf))


def stationary_distribution(
    transition: Array, choices: list[Lottery], guess: Array, tolerance: float = LINEAR_TOLERANCE
) -> tuple[Array, Scalar]:
    """D = forward(D) with sum(D) = 1, and the largest error max |forward(D) - D|.

    Solves (I - forward + u 1') D = u for the uniform distribution u: summing both sides gives 1'D = 1,
    and then forward(D) = D. Differentiable in both modes: the guess is a constant to which a
    correction is added, so that no derivative starts from it. The `tolerance` is relative to u.
    """
    shape = choices[0].point.shape
    anchor = jnp.full(choices[0].point.size, 1 / choices[0].point.size)

    def operator(d):
        return forward(transition, choices, d.reshape(shape)).reshape(-1) - anchor * jnp.sum(d)

    guess = jax.lax.stop_gradient(guess).reshape(-1)
    left = anchor - guess + operator(guess)
    correction = solve_one_minus(operator, left, tolerance, 1 / np.sqrt(anchor.size))
    distribution = (guess + correction).reshape(shape)
    leak = largest(forward(transition, choices, distribution) - distribution)
    return distribution, leak
