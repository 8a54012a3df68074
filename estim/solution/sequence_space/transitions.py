"""Perfect-foresight transitions: from rest along given paths of the shocks and back to rest, nothing linearised.

Every equation holds at every date. Households know all prices from date 0 on: their decisions are
solved for backward from the steady state at the horizon, their distribution moves forward from the
steady state at date 0. With F all residuals as a function of all paths x, the search is

    x <- x - F'(x*)^-1 F(x)

where F' is the derivative at the steady state x*, the sequence-space system of the first-order solution.
Source: Auclert, Bardóczy, Rognlie and Straub (2021, Econometrica 89, section 6).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.heterogeneity.block import HetBlock
from estim.heterogeneity.distribution import forward
from estim.heterogeneity.household import Household, as_inputs, backward_step, lotteries
from estim.model import Model, ModelError
from estim.numerics.fixed_point import largest
from estim.solution.linearize import linearize
from estim.solution.sequence_space.assemble import assemble
from estim.solution.sequence_space.determinacy import determinacy_status
from estim.solution.sequence_space.linear_system import TAIL_TOLERANCE
from estim.solution.sequence_space.propagate import process_paths
from estim.solution.sequence_space.stationary_equilibrium import (
    household_jacobians,
    solve_stationary_equilibrium,
)
from estim.status import Status
from estim.typing import Array, Scalar

TOLERANCE = 1e-8
MAX_STEPS = 50


class Transition(NamedTuple):
    """``variables``: the model's variables as paths ``[horizon]``, in levels; ``steady_state``: where they begin
    and end; ``error``: the largest residual of an equation or a block output before the last of the ``steps``
    taken; a `Status`."""

    variables: Any
    steady_state: Any
    error: Scalar
    steps: Scalar
    status: Array


def solve_transition(
    model: Model, params: Any, shocks: Mapping[str, Any], horizon: int | None = None
) -> Transition:
    """The response of a model with heterogeneous agents to shocks that are known from date 0 on.

    Args:
        params: the model's Params, in its own units.
        shocks: by name, a path ``[n]`` with n at most the horizon, in standard deviations; zero after
            its end. A shock that is not listed stays zero.
        horizon: number of dates after which all is at rest again (default ``model.horizon``).

    Returns:
        Status NOT_CONVERGED where the search finds no path, as after a shock that is too large for it;
        HORIZON_TOO_SHORT where the path has not come to rest.

    Raises:
        ModelError: the model has no such shock, or a path is longer than the horizon.
    """
    horizon = horizon or model.horizon
    impulses = _shock_paths(model, shocks, horizon)
    equilibrium = solve_stationary_equilibrium(model, params)
    params, rest = equilibrium.params, jnp.stack(equilibrium.variables)[:, None]

    def residuals(x: Array) -> tuple[Array, Array]:
        """What the equations leave, ``[n_equations, T]``, and block outputs less their paths, ``[n_outputs, T]``."""
        paths = model.variables(*x)
        made = [
            household_paths(block, household, paths, params)
            for block, household in zip(model.het_blocks, equilibrium.households, strict=True)
        ]
        gaps = [total - getattr(paths, output) for totals in made for output, total in totals.items()]
        return equation_residuals(model, params, x, rest, impulses), jnp.stack(gaps)

    correct, linear_status = _linear_correction(model, equilibrium, horizon)

    def unsolved(state):
        _, error, steps = state
        return (error > TOLERANCE) & (steps < MAX_STEPS) & ((steps == 0) | jnp.isfinite(error))

    def newton(state):
        x, _, steps = state
        left, gaps = residuals(x)
        return x + correct(left, gaps), jnp.maximum(largest(left), largest(gaps)), steps + 1

    start = jnp.broadcast_to(rest, (rest.shape[0], horizon))
    x, error, steps = jax.lax.while_loop(unsolved, newton, (start, jnp.inf, 0))
    away = jnp.abs(x - rest)
    at_rest = away[:, -5:] <= TAIL_TOLERANCE * jnp.max(away, axis=1, keepdims=True) + TOLERANCE
    status = jnp.select(
        [equilibrium.status != Status.OK, linear_status != Status.OK, ~(error <= TOLERANCE), ~at_rest.all()],
        [equilibrium.status, linear_status, Status.NOT_CONVERGED, Status.HORIZON_TOO_SHORT],
        Status.OK,
    )
    return Transition(
        model.variables(*x), equilibrium.variables, jnp.asarray(error), jnp.asarray(steps), status
    )


def household_paths(block: HetBlock, household: Household, paths: Any, params: Any) -> dict[str, Array]:
    """Totals ``[T]`` of the block's outputs when its inputs follow `paths` (a NamedTuple that has them)."""
    grids, kept = household.grids, {*block.policy, *block.outputs.values()}

    def decide(value_ahead, inputs):
        value, outcomes = backward_step(block, value_ahead, inputs, grids, params)
        return value, {name: outcomes[name] for name in kept}

    def move(distribution, outcomes):
        totals = {output: jnp.vdot(distribution, outcomes[name]) for output, name in block.outputs.items()}
        return forward(grids.transition, lotteries(block, grids, outcomes), distribution), totals

    _, outcomes = jax.lax.scan(decide, household.value, as_inputs(block, paths), reverse=True)
    return jax.lax.scan(move, household.distribution, outcomes)[1]


def equation_residuals(model: Model, params: Any, x: Array, rest: Array, impulses: Array) -> Array:
    """The equations at every date, ``[n_equations, T]``, from paths ``[n_variables, T]`` between spells of `rest`."""

    def at_date(lag, now, lead, e):
        lag, now, lead = (model.variables(*x) for x in (lag, now, lead))
        return jnp.stack(list(model.residuals(lag, now, lead, model.shocks(*e), params).values()))

    lag, lead = jnp.concatenate([rest, x[:, :-1]], axis=1), jnp.concatenate([x[:, 1:], rest], axis=1)
    return jax.vmap(at_date, -1, -1)(lag, x, lead, impulses)


def _linear_correction(model: Model, equilibrium: Any, horizon: int) -> tuple[Any, Array]:
    """The change of all paths ``[n_variables, T]`` that removes given residuals to first order, and a `Status`."""
    linear = linearize(model, equilibrium.params, equilibrium.variables)
    system = assemble(model, linear, household_jacobians(model, equilibrium, horizon))

    def correct(left: Array, gaps: Array) -> Array:
        return system.solve(process_paths(model, system.plan, linear, left), left, gaps).variables

    determinate = determinacy_status(system.matrix, system.shape)
    return correct, jnp.where(linear.status == Status.OK, determinate, linear.status)


def _shock_paths(model: Model, shocks: Mapping[str, Any], horizon: int) -> Array:
    """All shocks, ``[n_shocks, T]``."""
    names = model.shocks._fields
    if unknown := [n for n in shocks if n not in names]:
        raise ModelError(f"{model.name} has no shock '{unknown[0]}'; it has {', '.join(names)}")
    paths = jnp.zeros((len(names), horizon))
    for name, path in shocks.items():
        path = jnp.atleast_1d(jnp.asarray(path, float))
        if path.shape[0] > horizon:
            raise ModelError(
                f"{model.name}: the path of '{name}' has {path.shape[0]} dates, the horizon {horizon}"
            )
        paths = paths.at[names.index(name), : path.shape[0]].set(path)
    return paths
