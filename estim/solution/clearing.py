"""The parameter of a dynamic program that is solved for, as a price that clears a market, and its derivative."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from estim.decision import DecisionModel
from estim.numerics.bracketed import solve_bracketed
from estim.numerics.branch import moving_where
from estim.representations.stationary import StationaryEquilibrium
from estim.solution.population import Point
from estim.status import Status
from estim.typing import Scalar

MAX_STEPS = 100


def solve_cleared(
    spec: DecisionModel,
    params: Any,
    begin: Callable[[Any], Point],
    search: Callable[[Any, Point], Point],
    attach: Callable[[Any, Point], StationaryEquilibrium],
    tolerance: float,
) -> StationaryEquilibrium:
    """The solution where the model's ``clearing`` is zero.

    Args:
        spec: with ``unknowns``.
        params: whose value of the unknown is of no matter.
        begin: ``params -> point`` where a search begins.
        search: ``(params, point) -> point``, value and distribution with the unknown given, without derivatives.
        attach: ``(params, point) -> solution``, with derivatives.
        tolerance: of the unknown, relative to its size.
    """
    assert spec.clearing is not None
    clearing = spec.clearing
    fixed = jax.lax.stop_gradient(params)
    name, low, high = spec.bounds(fixed)

    def gap(x: Scalar, params: Any, point: Point) -> Scalar:
        given = params._replace(**{name: x})
        return jnp.asarray(clearing(attach(given, point), given), float)

    def excess(x: Scalar, near: Point) -> tuple[Scalar, Point]:
        point = search(fixed._replace(**{name: x}), near)
        value = jax.lax.stop_gradient(gap(x, fixed, point))
        return jnp.where(point.status == Status.OK, value, jnp.nan), point

    first = begin(fixed._replace(**{name: jnp.asarray(low, float)}))
    root = jax.lax.stop_gradient(solve_bracketed(excess, low, high, first, tolerance, MAX_STEPS))
    unsolved = jnp.where(root.kept.status == Status.OK, Status.NOT_CLEARED.value, root.kept.status)
    status = jnp.where(root.bracketed, Status.OK.value, unsolved)
    point = root.kept._replace(status=status, steps=root.steps)
    moving = moving_where(status == Status.OK, params)

    def tangent_solve(linear: Callable[[Scalar], Scalar], b: Scalar) -> Scalar:
        """dx = -(d gap / dx)^-1 d gap."""
        by_unknown = linear(jnp.ones_like(b))
        regular = (status == Status.OK) & (by_unknown != 0)
        return jnp.where(regular, b / jnp.where(regular, by_unknown, 1.0), 0.0)

    x = jax.lax.custom_root(lambda x: gap(x, moving, point), root.x, lambda _, x: x, tangent_solve)
    return attach(moving._replace(**{name: x}), point)
