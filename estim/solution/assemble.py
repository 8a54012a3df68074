"""The linear system in sequence space: targets by unknowns, the household Jacobians in it.

The product J P_u is formed by pulling the rows of J back through the transposed recursions: no product
of two dense matrices occurs.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.model import Model
from estim.solution.blocks import Plan, find_plan
from estim.solution.linearize import LinearModel
from estim.solution.propagate import block_inputs, block_outputs, propagate_paths
from estim.solution.stationary_equilibrium import HouseholdJacobians
from estim.typing import Array


class System(NamedTuple):
    """``matrix`` of the targets by unknowns, ``[n, n]``; ``by_unknown`` of the block outputs, ``[n_outputs, T, n]``;
    the household ``jacobian``; functions ``propagate(u, h, z, e)`` and ``respond(u, z, e)`` (block outputs in step)."""

    plan: Plan
    shape: tuple[int, int]
    matrix: Array
    by_unknown: Array
    jacobian: Array
    propagate: Any
    respond: Any
    pull_back: Any
    no_h: Array
    no_e: Array


def assemble(model: Model, linear: LinearModel, household: HouseholdJacobians) -> System:
    """The system at a model's linearisation and household Jacobians."""
    plan = find_plan(model)
    jacobian = stack_jacobians(model, household)  # [n_outputs, T, n_inputs, T]
    n_outputs, horizon = jacobian.shape[:2]
    shape = len(plan.unknowns), horizon
    no_u, no_h = jnp.zeros(shape), jnp.zeros((n_outputs, horizon))
    no_e = jnp.zeros((len(model.shocks._fields), horizon))
    no_z = jnp.zeros((sum(len(step.variables) for step in plan.exogenous), horizon))

    def propagate(u, h, z, e):
        return propagate_paths(model, plan, linear, u, h, z, e)

    def respond(u, z, e):
        h = jnp.einsum("otis,is->ot", jacobian, propagate(u, no_h, z, e).inputs)
        return propagate(u, h, z, e)

    def pull_back(through, like):
        """J P, ``[n_outputs, T, n]``: the rows of J through the transposed map from paths `like` to inputs."""
        transpose = jax.linear_transpose(lambda x: through(x).inputs, like)
        rows = jacobian.reshape(n_outputs * horizon, -1, horizon)
        return jax.vmap(lambda row: transpose(row)[0])(rows).reshape(n_outputs, horizon, -1)

    by_unknown = pull_back(lambda u: propagate(u, no_h, no_z, no_e), no_u)
    unit = jnp.eye(no_u.size).reshape(*shape, -1)
    targets = jax.vmap(lambda u, h: propagate(u, h, no_z, no_e).targets, -1, -1)(unit, by_unknown)
    matrix = targets.reshape(no_u.size, -1)
    return System(plan, shape, matrix, by_unknown, jacobian, propagate, respond, pull_back, no_h, no_e)


def stack_jacobians(model: Model, household: HouseholdJacobians) -> Array:
    """The household Jacobians as one array ``[n_outputs, T, n_inputs, T]``, zero between different blocks."""
    horizon = next(iter(household.jacobians.values())).shape[0]
    nothing = jnp.zeros((horizon, horizon))
    rows = [
        jnp.stack([household.jacobians.get((o, i), nothing) for i in block_inputs(model)], axis=1)
        for o in block_outputs(model)
    ]
    return jnp.stack(rows)
