"""The parameter of a dynamic program that is solved for, as a price that clears a market, and its derivative."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.decision import DecisionModel
from estim.numerics.bracketed import solve_bracketed
from estim.numerics.branch import moving_where
from estim.representations.stationary import StationaryEquilibrium
from estim.status import Status
from estim.typing import Scalar

MAX_STEPS = 100


class Near(NamedTuple):
    """What the next solution is found from: value and distribution of the last one, and its `Status`."""

    value: Any
    distribution: Any
    status: Scalar


def solve_cleared(
    spec: DecisionModel,
    params: Any,
    solve_at: Callable[..., StationaryEquilibrium],
    tolerance: float,
) -> StationaryEquilibrium:
    """The solution where the model's ``clearing`` is zero.

    Args:
        spec: with ``unknowns``.
        params: whose value of the unknown is of no matter.
        solve_at: ``(params, near) -> solution``, the unknown given.
        tolerance: of the unknown, relative to its size.
    """
    assert spec.clearing is not None
    clearing = spec.clearing

    def gap(x: Scalar, params: Any, near: Any) -> tuple[Scalar, StationaryEquilibrium]:
        given = params._replace(**{name: x})
        solution = solve_at(given, near)
        return clearing(solution, given), solution

    def search(x: Scalar, near: Near) -> tuple[Scalar, Near]:
        value, there = jax.lax.stop_gradient(gap(x, fixed, near))
        good = there.status == Status.OK
        ahead = Near(there.value, there.distribution, there.status)
        return jnp.where(good, value, jnp.nan), ahead

    fixed = jax.lax.stop_gradient(params)
    name, low, high = spec.bounds(fixed)
    at_low = fixed._replace(**{name: jnp.asarray(low, float)})
    value = spec.first_value(at_low)
    people = None if spec.motion is None else spec.first_distribution(value, at_low)
    first = Near(value, people, jnp.asarray(Status.OK.value))
    root = jax.lax.stop_gradient(solve_bracketed(search, low, high, first, tolerance, MAX_STEPS))
    near = root.kept
    unsolved = jnp.where(near.status == Status.OK, Status.NOT_CLEARED.value, near.status)
    status = jnp.where(root.bracketed, Status.OK.value, unsolved)
    moving = moving_where(status == Status.OK, params)

    def tangent_solve(linear: Callable[[Scalar], Scalar], b: Scalar) -> Scalar:
        """dx = -(d gap / dx)^-1 d gap."""
        by_unknown = linear(jnp.ones_like(b))
        regular = (status == Status.OK) & (by_unknown != 0)
        return jnp.where(regular, b / jnp.where(regular, by_unknown, 1.0), 0.0)

    x = jax.lax.custom_root(lambda x: gap(x, moving, near)[0], root.x, lambda _, x: x, tangent_solve)
    solution = solve_at(moving._replace(**{name: x}), near)
    failed = jnp.where(status == Status.OK, solution.status, status)
    return replace(solution, status=failed, steps=root.steps)
