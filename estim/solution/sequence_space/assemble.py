"""The linear system in sequence space: targets by unknowns, the household Jacobians in it.

The product J P_u is formed by pulling the rows of J back through the transposed recursions: no product
of two dense matrices occurs.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import lu_factor, lu_solve

from estim.model import Model
from estim.solution.linearize import LinearModel
from estim.solution.sequence_space.plan import Plan, find_plan
from estim.solution.sequence_space.propagate import Propagation, block_inputs, block_outputs, propagate_paths
from estim.solution.sequence_space.stationary_equilibrium import HouseholdJacobians
from estim.typing import Array


class System(NamedTuple):
    """``matrix`` ``[n, n]`` of the targets by unknowns, whose paths have the ``shape`` (n_unknowns, T).

    ``solve(z, wedges, gaps)`` finds the unknowns at which all targets are zero, and what follows: z are paths of
    the exogenous variables ``[n_exogenous, T]``, wedges are added to the equations ``[n_equations, T]``, gaps to
    the block outputs ``[n_outputs, T]``.
    """

    plan: Plan
    shape: tuple[int, int]
    matrix: Array
    solve: Callable[[Array, Array, Array], Propagation]


def assemble(model: Model, linear: LinearModel, household: HouseholdJacobians) -> System:
    """The system at a model's linearisation and household Jacobians."""
    plan = find_plan(model)
    jacobian = stack_jacobians(model, household)
    n_outputs, horizon = jacobian.shape[:2]
    shape = len(plan.unknowns), horizon
    nothing = jnp.zeros(shape)
    propagate = partial(propagate_paths, model, plan, linear)

    def by_unknowns(u: Array, h: Array) -> Propagation:
        z = jnp.zeros((sum(len(step.variables) for step in plan.exogenous), horizon))
        return propagate(u, z, jnp.zeros((len(linear.now), horizon)), lambda _: h)

    rows = jacobian.reshape(n_outputs * horizon, -1, horizon)
    pull_back = jax.linear_transpose(
        lambda u: by_unknowns(u, jnp.zeros((n_outputs, horizon))).inputs, nothing
    )
    outputs = jax.vmap(lambda row: pull_back(row)[0])(rows).reshape(n_outputs, horizon, -1)  # J P_u
    unit = jnp.eye(nothing.size).reshape(*shape, -1)
    targets = jax.vmap(lambda u, h: by_unknowns(u, h).targets, -1, -1)(unit, outputs)
    matrix = targets.reshape(nothing.size, -1)
    factors = lu_factor(matrix)

    def solve(z: Array, wedges: Array, gaps: Array) -> Propagation:
        blocks = lambda inputs: gaps + jnp.einsum("otis,is->ot", jacobian, inputs)

        start = propagate(nothing, z, wedges, blocks)
        unknowns = -lu_solve(factors, start.targets.reshape(-1)).reshape(shape)
        return propagate(unknowns, z, wedges, blocks)

    return System(plan, shape, matrix, solve)


def stack_jacobians(model: Model, household: HouseholdJacobians) -> Array:
    """The household Jacobians as one array ``[n_outputs, T, n_inputs, T]``, zero between different blocks."""
    horizon = next(iter(household.jacobians.values())).shape[0]
    nothing = jnp.zeros((horizon, horizon))
    rows = [
        jnp.stack([household.jacobians.get((o, i), nothing) for i in block_inputs(model)], axis=1)
        for o in block_outputs(model)
    ]
    return jnp.stack(rows)
