"""Paths that follow from given ones by the plan's recursions, in deviations from the steady state.

Equations are banded in time (lag, now, lead): each step of a plan costs a recursion, forward or
backward, or a block-tridiagonal solve. All is zero before and after the horizon.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.model import Model
from estim.solution.blocks import Plan, Step
from estim.solution.incidence import incidence
from estim.solution.linearize import LinearModel
from estim.typing import Array


class Propagation(NamedTuple):
    """Paths that follow from given ones: block ``inputs`` ``[n_inputs, T]``, ``targets``
    ``[n_unknowns, T]``, all ``variables`` ``[n_variables, T]``."""

    inputs: Array
    targets: Array
    variables: Array


def propagate_paths(
    model: Model, plan: Plan, linear: LinearModel, u: Array, h: Array, z: Array, e: Array
) -> Propagation:
    """Follow the plan from paths of unknowns ``[n_unknowns, T]``, block outputs, exogenous variables and shocks."""
    names = model.variables._fields
    processes = [j for step in plan.exogenous for j in step.variables]
    paths = dict(zip((*plan.unknowns, *processes), (*u, *z), strict=True))
    supplied = {names.index(o): path for o, path in zip(block_outputs(model), h, strict=True)}
    paths |= {j: supplied[j] for j in plan.supplied}
    for step in plan.steps:
        paths |= solve_step(model, linear, step, paths, e)
    left = [equation_path(model, linear, i, paths, e) for i in plan.equations]
    matched = [supplied[j] - paths[j] for j in plan.matched]
    return Propagation(
        jnp.stack([paths[names.index(i)] for i in block_inputs(model)]),
        jnp.stack([*left, *matched]),
        jnp.stack([paths[j] for j in range(len(names))]),
    )


def process_paths(model: Model, plan: Plan, linear: LinearModel, e: Array) -> Array:
    """Paths of the exogenous variables, ``[n_exogenous, T]``, after shocks ``[n_shocks, T]``."""
    paths: dict[int, Array] = {}
    for step in plan.exogenous:
        paths |= solve_step(model, linear, step, paths, e)
    return jnp.stack(list(paths.values())) if paths else jnp.zeros((0, e.shape[1]))


def equation_path(
    model: Model, linear: LinearModel, equation: int, paths: dict[int, Array], e: Array
) -> Array:
    """The residual of one equation at every date, from the paths that are there."""
    found = incidence(model)
    total = jnp.zeros(e.shape[1])
    for j, path in paths.items():
        if found.lag[equation, j]:
            total += linear.lag[equation, j] * lagged(path)
        if found.now[equation, j]:
            total += linear.now[equation, j] * path
        if found.lead[equation, j]:
            total += linear.lead[equation, j] * led(path)
    for k in range(e.shape[0]):
        if found.shocks[equation, k]:
            total += linear.shocks[equation, k] * e[k]
    return total


def solve_step(
    model: Model, linear: LinearModel, step: Step, paths: dict[int, Array], e: Array
) -> dict[int, Array]:
    """Paths of the step's variables: L x_{t-1} + N x_t + F x_{t+1} = b_t, zero before and after the horizon."""
    found = incidence(model)
    rows, columns = list(step.equations), list(step.variables)
    b = -jnp.stack([equation_path(model, linear, i, paths, e) for i in rows], axis=1)
    at = jnp.ix_(jnp.array(rows), jnp.array(columns))
    inverse = jnp.linalg.inv(linear.now[at]) if len(rows) > 1 else 1 / linear.now[at]
    has_lag = any(found.lag[i, j] for i in rows for j in columns)
    has_lead = any(found.lead[i, j] for i in rows for j in columns)
    if has_lag and has_lead:
        x = solve_block_tridiagonal(linear.lag[at], linear.now[at], linear.lead[at], b)
    elif has_lag or has_lead:
        gain = -inverse @ (linear.lag[at] if has_lag else linear.lead[at])
        x = _recursion(gain, b @ inverse.T, reverse=has_lead)
    else:
        x = b @ inverse.T
    return dict(zip(columns, x.T, strict=True))


def solve_block_tridiagonal(lag: Array, now: Array, lead: Array, b: Array) -> Array:
    """Block Thomas algorithm for constant ``[m, m]`` blocks and ``b`` ``[T, m]``."""

    def down(state, b_t):
        gain, x = state  # x_{t-1} = x - gain x_t
        pivot = now - lag @ gain
        gain, x = jnp.linalg.solve(pivot, lead), jnp.linalg.solve(pivot, b_t - lag @ x)
        return (gain, x), (gain, x)

    start = (jnp.zeros_like(now), jnp.zeros(now.shape[0]))
    _, (gains, xs) = jax.lax.scan(down, start, b)

    def up(ahead, at):
        gain, x = at
        x = x - gain @ ahead
        return x, x

    return jax.lax.scan(up, jnp.zeros(now.shape[0]), (gains, xs), reverse=True)[1]


def _recursion(gain: Array, b: Array, reverse: bool) -> Array:
    """x_t = gain x_{t-1} + b_t (or x_{t+1}, from the end), ``b`` ``[T, m]``."""

    def step(x, b_t):
        x = gain @ x + b_t
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
