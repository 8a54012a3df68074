"""The stationary equilibrium of a model with heterogeneous agents, and its household Jacobians.

A model states its steady state as a function of its parameters. Some of these are not known but
solved for (``model.unknowns``), so that ``model.targets`` hold: a block's output (its total over
the distribution equals what ``steady_state`` states for it) or an equation (its residual is zero).
Everything here is differentiable by the implicit function theorem, in every parameter.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.heterogeneity.fake_news import jacobians
from estim.heterogeneity.fixed_point import largest
from estim.heterogeneity.household import (
    TOLERANCE,
    Household,
    initial_household,
    refine_household,
    search_household,
)
from estim.model import Model
from estim.status import Status
from estim.typing import Array

MAX_STEPS = 30
SMALLEST_STEP = 4.0**-4  # the part of a Newton step below which the search is given up
TARGET_TOLERANCE = 1e-9
_FIRST_SLOPE_TOLERANCE = 1e-6
_SLOPE_TOLERANCE = 1e-10
_SEARCH_TOLERANCE = 1e-5  # the last Newton step squares what the search leaves


class StationaryEquilibrium(NamedTuple):
    """A steady state: ``params`` with the unknowns solved for, the ``variables`` (block outputs at their
    totals), one `Household` for each block, and a `Status`."""

    params: Any
    variables: Any
    households: tuple[Household, ...]
    status: Array


class HouseholdJacobians(NamedTuple):
    """All that the aggregate equations need of the households, at given household parameters.

    ``params`` has the unknowns solved for; ``variables`` is the steady state; ``jacobians`` maps
    (output, input) to ``[horizon, horizon]``.
    """

    params: Any
    variables: Any
    jacobians: dict[tuple[str, str], Array]
    status: Array


def solve_household_jacobians(model: Model, params: Any, horizon: int | None = None) -> HouseholdJacobians:
    """Steady state and fake-news Jacobians of every block of the model; the expensive part of a draw."""
    equilibrium = solve_stationary_equilibrium(model, params)
    found: dict[tuple[str, str], Array] = {}
    for block, household in zip(model.het_blocks, equilibrium.households, strict=True):
        found |= jacobians(
            block, household, equilibrium.variables, equilibrium.params, horizon or model.horizon
        )
    return HouseholdJacobians(equilibrium.params, equilibrium.variables, found, equilibrium.status)


def solve_stationary_equilibrium(model: Model, params: Any) -> StationaryEquilibrium:
    """Solve for the unknowns by Broyden's method, from the values in `params` and the exact slope there.

    Steps are cut at halfway to the bounds of an unknown. Status NO_STEADY_STATE where the targets
    are not met or a household has no stationary solution.
    """
    names = tuple(model.unknowns)
    low, high = jnp.array([model.unknowns[n] for n in names], float).reshape(-1, 2).T

    def evaluate(solve, unknowns, params, start):
        params = params._replace(**dict(zip(names, unknowns, strict=True)))
        stated = model.steady_state(params)
        households = tuple(
            solve(block, stated, params, first) for block, first in zip(model.het_blocks, start, strict=True)
        )
        totals = {
            output: household.total(outcome)
            for block, household in zip(model.het_blocks, households, strict=True)
            for output, outcome in block.outputs.items()
        }
        variables = stated._replace(**totals)
        return _gaps(model, params, stated, variables), (households, variables, params)

    def gap_at(unknowns, start):
        gap, (households, _, _) = evaluate(search_household, unknowns, fixed, start)
        return gap, households

    def newton(state):
        """A quasi-Newton step from the best point so far; a quarter as far next time if it made matters worse."""
        best, fraction, steps = state
        move = -jnp.linalg.solve(best.slope, best.gap)
        room = jnp.where(move > 0, high - best.unknowns, best.unknowns - low)
        move = fraction * jnp.clip(move, -0.5 * room, 0.5 * room)
        gap, households = gap_at(best.unknowns + move, best.households)
        # Broyden's update: the slope that explains what the move did to the gap.
        surprise = gap - best.gap - best.slope @ move
        slope = best.slope + jnp.outer(surprise, move) / jnp.maximum(move @ move, 1e-300)
        better = largest(jnp.linalg.solve(best.slope, gap)) < largest(jnp.linalg.solve(best.slope, best.gap))
        better &= _solved(households) & jnp.isfinite(slope).all()
        candidate = _Search(best.unknowns + move, households, gap, slope)
        best = jax.tree.map(lambda x, y: jnp.where(better, x, y), candidate, best)
        return best, jnp.where(better, 1.0, fraction / 4), steps + 1

    def unsolved(state):
        best, fraction, steps = state
        unmet = (largest(best.gap) > _SEARCH_TOLERANCE) & (steps < MAX_STEPS) & (fraction >= SMALLEST_STEP)
        return unmet & _solved(best.households)

    def search(unknowns, start):
        gap, households = gap_at(unknowns, start)
        slope = slope_at(unknowns, fixed, households, _FIRST_SLOPE_TOLERANCE)
        state = _Search(unknowns, households, gap, slope), 1.0, 0
        return jax.lax.while_loop(unsolved, newton, state)[0]

    def slope_at(unknowns, params, households, tolerance):
        refine = partial(refine_household, tolerance=tolerance)
        return jax.jacfwd(lambda u: evaluate(refine, u, params, households)[0])(unknowns)

    def start(params):
        stated = model.steady_state(params)
        households = tuple(initial_household(block, stated, params) for block in model.het_blocks)
        return jnp.array([getattr(params, n) for n in names], float), households

    fixed = jax.lax.stop_gradient(params)
    solution = search(*start(fixed))
    found = (largest(solution.gap) <= _SEARCH_TOLERANCE) & _solved(solution.households)

    # Where there is none, go on from the defaults: what follows is finite, and so are its derivatives.
    replace = lambda x, default: jnp.where(found, x, default)
    params = jax.tree.map(replace, params, model.params())
    unknowns, households = jax.tree.map(
        replace, (solution.unknowns, solution.households), start(model.params())
    )
    fixed = jax.lax.stop_gradient(params)
    gap, (households, _, _) = jax.lax.stop_gradient(evaluate(refine_household, unknowns, fixed, households))

    # Two more Newton steps, the last with the parameters live: the implicit derivative of the unknowns.
    slope = slope_at(unknowns, fixed, households, _SLOPE_TOLERANCE)
    slope = jnp.where(found, slope, jnp.eye(len(names)))
    unknowns = jnp.where(found, unknowns - jnp.linalg.solve(slope, gap), unknowns)
    remaining, _ = evaluate(refine_household, unknowns, params, households)
    unknowns = unknowns - jnp.linalg.solve(slope, remaining)
    gap, (households, variables, solved) = evaluate(refine_household, unknowns, params, households)
    found &= (largest(gap) <= TARGET_TOLERANCE) & _solved(households, TOLERANCE)
    status = jnp.where(found, Status.OK, Status.NO_STEADY_STATE)
    return StationaryEquilibrium(solved, variables, households, status)


class _Search(NamedTuple):
    """The best point of the search: unknowns, households there, what the targets leave, its derivative."""

    unknowns: Array
    households: tuple[Household, ...]
    gap: Array
    slope: Array


def _solved(households: tuple[Household, ...], tolerance: float = _SEARCH_TOLERANCE) -> Array:
    return largest(jnp.array([h.error for h in households])) <= tolerance


def _gaps(model: Model, params: Any, stated: Any, variables: Any) -> Array:
    """What each target leaves: total less stated value of an output, or the residual of an equation."""
    no_shocks = model.shocks(*[0.0] * len(model.shocks._fields))
    residuals = model.residuals(variables, variables, variables, no_shocks, params)
    gaps = [
        residuals[t] if t in residuals else getattr(variables, t) - getattr(stated, t) for t in model.targets
    ]
    return jnp.array(gaps, float)
