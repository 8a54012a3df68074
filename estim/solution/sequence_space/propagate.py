"""Paths that follow from given ones by the plan's recursions, in deviations from the steady state.

Equations are banded in time (lag, now, lead): each step of a plan costs a recursion, forward or
backward, or a block-tridiagonal solve. All is zero before and after the horizon. What moves an equation
without being one of its variables, a shock say, is its wedge: L x_{t-1} + N x_t + F x_{t+1} + wedge_t = 0.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.model import Model
from estim.numerics import small_product
from estim.numerics.block_tridiagonal import solve_repeated_blocks
from estim.solution.incidence import incidence
from estim.solution.linearize import LinearModel
from estim.solution.sequence_space.plan import Plan, Step
from estim.typing import Array


class Propagation(NamedTuple):
    """Paths that follow from given ones: block ``inputs`` ``[n_inputs, T]``, ``targets``
    ``[n_unknowns, T]``, all ``variables`` ``[n_variables, T]``."""

    inputs: Array
    targets: Array
    variables: Array


def propagate_paths(
    model: Model,
    plan: Plan,
    linear: LinearModel,
    u: Array,
    z: Array,
    wedges: Array,
    blocks: Callable[[Array], Array],
) -> Propagation:
    """Follow the plan from paths of unknowns ``[n_unknowns, T]``, exogenous variables and wedges ``[n_equations, T]``.

    `blocks` maps the inputs of the heterogeneous-agent blocks to their outputs ``[n_outputs, T]``.
    """
    names = model.variables._fields
    inputs = [names.index(i) for i in block_inputs(model)]
    outputs = [names.index(o) for o in block_outputs(model)]
    processes = [j for step in plan.exogenous for j in step.variables]
    paths = dict(zip((*plan.unknowns, *processes), (*u, *z), strict=True))
    made: dict[int, Array] = {}
    for step in (*plan.steps, None):
        if not made and all(j in paths for j in inputs):  # before any step that reads an output: see the plan
            made = dict(zip(outputs, blocks(jnp.stack([paths[j] for j in inputs])), strict=True))
            paths |= {j: made[j] for j in plan.supplied}
        if step is not None:
            paths |= solve_step(model, linear, step, paths, wedges)
    left = [equation_path(model, linear, i, paths, wedges) for i in plan.equations]
    matched = [made[j] - paths[j] for j in plan.matched]
    return Propagation(
        jnp.stack([paths[j] for j in inputs]),
        jnp.stack([*left, *matched]),
        jnp.stack([paths[j] for j in range(len(names))]),
    )


def process_paths(model: Model, plan: Plan, linear: LinearModel, wedges: Array) -> Array:
    """Paths of the exogenous variables, ``[n_exogenous, T]``, from wedges ``[n_equations, T]``."""
    paths: dict[int, Array] = {}
    for step in plan.exogenous:
        paths |= solve_step(model, linear, step, paths, wedges)
    return jnp.stack(list(paths.values())) if paths else jnp.zeros((0, wedges.shape[1]))


def equation_path(
    model: Model, linear: LinearModel, equation: int, paths: dict[int, Array], wedges: Array
) -> Array:
    """The residual of one equation at every date, from the paths that are there."""
    found = incidence(model)
    total = wedges[equation]
    for j, path in paths.items():
        if found.lag[equation, j]:
            total += linear.lag[equation, j] * lagged(path)
        if found.now[equation, j]:
            total += linear.now[equation, j] * path
        if found.lead[equation, j]:
            total += linear.lead[equation, j] * led(path)
    return total


def solve_step(
    model: Model, linear: LinearModel, step: Step, paths: dict[int, Array], wedges: Array
) -> dict[int, Array]:
    """Paths of the step's variables: L x_{t-1} + N x_t + F x_{t+1} = b_t, zero before and after the horizon."""
    found = incidence(model)
    rows, columns = list(step.equations), list(step.variables)
    b = -jnp.stack([equation_path(model, linear, i, paths, wedges) for i in rows], axis=1)
    at = jnp.ix_(jnp.array(rows), jnp.array(columns))
    inverse = jnp.linalg.inv(linear.now[at]) if len(rows) > 1 else 1 / linear.now[at]
    has_lag = any(found.lag[i, j] for i in rows for j in columns)
    has_lead = any(found.lead[i, j] for i in rows for j in columns)
    if has_lag and has_lead:
        x = solve_repeated_blocks(linear.lag[at], linear.now[at], linear.lead[at], b)
    elif has_lag or has_lead:
        gain = -inverse @ (linear.lag[at] if has_lag else linear.lead[at])
        x = _recursion(gain, b @ inverse.T, reverse=has_lead)
    else:
        x = b @ inverse.T
    return dict(zip(columns, x.T, strict=True))


def _recursion(gain: Array, b: Array, reverse: bool) -> Array:
    """x_t = gain x_{t-1} + b_t (or x_{t+1}, from the end), ``b`` ``[T, m]``."""

    def step(x, b_t):
        x = small_product(gain, x[:, None])[:, 0] + b_t
        return x, x

    return jax.lax.scan(step, jnp.zeros(b.shape[1]), b, reverse=reverse)[1]


def lagged(path: Array) -> Array:
    return jnp.concatenate([jnp.zeros(1), path[:-1]])


def led(path: Array) -> Array:
    return jnp.concatenate([path[1:], jnp.zeros(1)])


def block_inputs(model: Model) -> list[str]:
    return list(dict.fromkeys(i for block in model.het_blocks for i in block.inputs))


def block_outputs(model: Model) -> list[str]:
    return [o for block in model.het_blocks for o in block.outputs]
