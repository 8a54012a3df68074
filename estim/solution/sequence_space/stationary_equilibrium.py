"""The stationary equilibrium of a model with heterogeneous agents, and its household Jacobians.

A model states its steady state as a function of its parameters. Some of these are not known but
solved for (``model.unknowns``), so that ``model.targets`` hold: a block's output (its total over
the distribution equals what ``steady_state`` states for it) or an equation (its residual is zero).
Everything here is differentiable by the implicit function theorem, in every parameter.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.heterogeneity.fake_news import jacobians
from estim.heterogeneity.household import (
    SEARCH_TOLERANCE,
    TOLERANCE,
    Household,
    attach_household,
    initial_household,
    search_household,
)
from estim.kept import kept_on_model
from estim.model import Model
from estim.numerics.fixed_point import largest
from estim.solution.steady_state import steady_state_of
from estim.status import SolutionError, Status
from estim.typing import Array

MAX_STEPS = 30
SMALLEST_STEP = 2.0**-8  # the part of a Newton step below which the search is given up
TARGET_TOLERANCE = 1e-9
UNKNOWN_TOLERANCE = 1e-11
_FIRST_TOLERANCE = 1e-4  # of the households, while the unknowns are far from their solution
_DIFFERENCE = 1e-3


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
    return household_jacobians(model, solve_stationary_equilibrium(model, params), horizon or model.horizon)


def default_household_jacobians(model: Model) -> HouseholdJacobians:
    """`solve_household_jacobians` at the model's default parameters, whose steady state others are searched from.

    Raises:
        SolutionError: the model has no steady state at its default parameters.
    """
    return _default_program(model)(_reference(model))


@kept_on_model
def _default_program(model: Model) -> Callable[["_Search"], HouseholdJacobians]:
    return jax.jit(partial(_default_jacobians, model))


def _default_jacobians(model: Model, reference: "_Search") -> HouseholdJacobians:
    known = lambda block, inputs, params, household: household
    params, unknowns, households = model.params(), reference.unknowns, reference.households
    _, (households, variables, params) = _evaluate(model, known, params, unknowns, households)
    equilibrium = StationaryEquilibrium(params, variables, households, jnp.asarray(Status.OK.value))
    return household_jacobians(model, equilibrium, model.horizon)


def household_jacobians(model: Model, equilibrium: StationaryEquilibrium, horizon: int) -> HouseholdJacobians:
    """Fake-news Jacobians of every block at a steady state."""
    found: dict[tuple[str, str], Array] = {}
    for block, household in zip(model.het_blocks, equilibrium.households, strict=True):
        found |= jacobians(block, household, equilibrium.variables, equilibrium.params, horizon)
    return HouseholdJacobians(equilibrium.params, equilibrium.variables, found, equilibrium.status)


def solve_stationary_equilibrium(model: Model, params: Any) -> StationaryEquilibrium:
    """Solve for the unknowns by Broyden's method, from the steady state at the model's defaults.

    Status NO_STEADY_STATE where the targets are not met or a household has no stationary solution.

    Raises:
        SolutionError: the model has no steady state at its default parameters.
    """
    reference = _directed_reference(model)
    fixed = jax.lax.stop_gradient(params)
    solution = _search(model, fixed, reference)
    found = _is_solved(solution)

    # Where there is none, go on from the reference: what follows is finite, and so are its derivatives.
    replace = lambda x, default: jnp.where(found, x, default)
    params = jax.tree.map(replace, params, model.params())
    unknowns, households = jax.tree.map(
        replace, (solution.unknowns, solution.households), (reference.unknowns, reference.households)
    )
    unknowns = jax.lax.custom_root(
        lambda u: _evaluate(model, attach_household, params, u, households)[0],
        unknowns,
        lambda _, u: u,
        lambda jacobian, b: jnp.linalg.solve(jax.jacfwd(jacobian)(b), b),
    )
    _, (households, variables, solved) = _evaluate(model, attach_household, params, unknowns, households)
    status = jnp.where(found, Status.OK, Status.NO_STEADY_STATE)
    return StationaryEquilibrium(solved, variables, households, status)


class _Search(NamedTuple):
    """The best point of the search: unknowns, households there, what the targets leave, its derivative
    ``jacobian``, the ``precision`` of the households, and how far the unknowns are from their solution
    by that jacobian, relative to their size and no nearer than the precision."""

    unknowns: Array
    households: tuple[Household, ...]
    gap: Array
    jacobian: Array
    precision: Array
    move: Array


class Attempt(NamedTuple):
    """How far the search at the default parameters came: ``stated`` is what `steady_state` says at the ``params``
    tried last, ``variables`` the same with the agents' totals, ``gap`` what each target leaves, ``residuals`` each
    equation, and ``solved`` whether the search ended well."""

    params: Any
    stated: Any
    variables: Any
    households: tuple[Household, ...]
    gap: Array
    residuals: dict[str, Any]
    solved: bool


def attempt(model: Model) -> Attempt:
    """The steady state at the model's default parameters, or the last guess where none is found."""
    point = _searched(model)
    params = model.params()._replace(**dict(zip(model.unknowns, map(float, point.unknowns), strict=True)))
    stated = model.variables(*(jnp.asarray(x, float) for x in steady_state_of(model)(params)))
    variables = _with_totals(model, stated, point.households)
    no_shocks = model.shocks(*[0.0] * len(model.shocks._fields))
    residuals = dict(model.residuals(variables, variables, variables, no_shocks, params))
    gap = _gaps(model, params, stated, variables)
    return Attempt(params, stated, variables, point.households, gap, residuals, bool(_is_solved(point)))


@kept_on_model
def _reference(model: Model) -> _Search:
    """The steady state at the model's default parameters: a constant."""
    found = _searched(model)
    if not _is_solved(found):
        raise SolutionError(Status.NO_STEADY_STATE, f"{model.name}, at its default parameters")
    return found


@kept_on_model
def _searched(model: Model) -> _Search:
    """The best point of the search at the model's default parameters."""
    names, params = tuple(model.unknowns), model.params()

    @jax.jit
    def cold(params):
        unknowns, stated = (
            jnp.array([getattr(params, n) for n in names], float),
            steady_state_of(model)(params),
        )
        households = tuple(initial_household(block, stated, params) for block in model.het_blocks)
        no_jacobian = jnp.full((len(names), len(names)), jnp.nan)
        return _Search(unknowns, households, jnp.zeros(len(names)), no_jacobian, *[jnp.array(jnp.inf)] * 2)

    with jax.ensure_compile_time_eval():
        first = _search_compiled(model, params, cold(params))
        return _search_compiled(model, params, _directed(model, first))


@kept_on_model
def _directed_reference(model: Model) -> _Search:
    """The reference from which other steady states are searched."""
    with jax.ensure_compile_time_eval():
        return _directed(model, _reference(model))


def _directed(model: Model, point: _Search) -> _Search:
    """The point with a jacobian by differences, from the search's own program: good enough for Broyden's method."""
    no_jacobian: Any = np.full_like(point.jacobian, np.nan)
    ahead = [point.unknowns + step for step in np.diag(_DIFFERENCE * point.unknowns)]
    searched = [
        _search_compiled(model, model.params(), point._replace(unknowns=u, jacobian=no_jacobian))
        for u in ahead
    ]
    gaps = [there.gap - point.gap for there in searched]
    jacobian: Any = np.stack(gaps, axis=1) / (_DIFFERENCE * point.unknowns) if gaps else no_jacobian
    return point._replace(jacobian=jacobian)


def _search_compiled(model: Model, params: Any, start: _Search) -> _Search:
    """`_search` of numbers, by one program for a model."""
    return jax.tree.map(np.asarray, _search_program(model)(*jax.tree.map(np.asarray, (params, start))))


def _search(model: Model, params: Any, start: _Search) -> _Search:
    """Quasi-Newton steps in the unknowns from those of `start`, each household from the one before.

    Steps are cut at halfway to the bounds of an unknown, and halved where they made matters worse; what
    the targets left there corrects the jacobian all the same. Where `start` has no jacobian, the households are
    solved at its unknowns, and that is all.
    """
    low, high = jnp.array(list(model.unknowns.values()), float).reshape(-1, 2).T

    def step(state):
        best, fraction, steps = state
        move = jnp.where(steps > 0, -jnp.linalg.solve(best.jacobian, best.gap), 0.0)
        room = jnp.where(move > 0, high - best.unknowns, best.unknowns - low)
        move = fraction * jnp.clip(move, -0.5 * room, 0.5 * room)
        unknowns = best.unknowns + move
        precision = jnp.where(
            directed(best), jnp.clip(best.move**2, SEARCH_TOLERANCE, _FIRST_TOLERANCE), 1e-8
        )
        search = partial(search_household, tolerance=precision)
        gap, (households, _, _) = _evaluate(model, search, params, unknowns, best.households)
        # Broyden's update: the jacobian that explains what the step did to the gap, if that is not noise.
        surprise = gap - best.gap - best.jacobian @ move
        learnt = _solved(households, 2 * precision) & (largest(move / unknowns) > best.precision)
        update = jnp.outer(surprise, move) / jnp.maximum(move @ move, 1e-300)
        jacobian = best.jacobian + jnp.where(learnt, update, 0.0)
        trial = _Search(
            unknowns, households, gap, jacobian, precision, _distance(jacobian, gap, unknowns, precision)
        )
        stay = best._replace(
            jacobian=jacobian, move=_distance(jacobian, best.gap, best.unknowns, best.precision)
        )
        better = (trial.move < stay.move) & _solved(households, 2 * precision)
        taken = better | (steps == 0)
        best = jax.tree.map(lambda x, y: jnp.where(taken, x, y), trial, stay)
        return best, jnp.where(taken, 1.0, fraction / 2), steps + 1

    def directed(best):
        return jnp.isfinite(best.jacobian).all() & jnp.isfinite(best.gap).all()

    def unsolved(state):
        best, fraction, steps = state
        going = directed(best) & (steps < MAX_STEPS) & (fraction >= SMALLEST_STEP) & ~_is_solved(best)
        return going | (steps == 0)

    start = jax.tree.map(jnp.asarray, start._replace(precision=jnp.array(0.0), move=jnp.array(jnp.inf)))
    return jax.lax.while_loop(unsolved, step, (start, jnp.array(1.0), 0))[0]


@kept_on_model
def _search_program(model: Model) -> Callable[[Any, _Search], _Search]:
    return jax.jit(partial(_search, model))


def _distance(jacobian: Array, gap: Array, unknowns: Array, precision: Array) -> Array:
    """Of the unknowns from their solution, relative to their size, as far as the precision tells."""
    return jnp.maximum(largest(jnp.linalg.solve(jacobian, gap) / unknowns), precision)


def _is_solved(point: _Search) -> Array:
    return (
        (point.move <= UNKNOWN_TOLERANCE)
        & (largest(point.gap) <= TARGET_TOLERANCE)
        & _solved(point.households, TOLERANCE)
    )


def _evaluate(model: Model, solve: Any, params: Any, unknowns: Array, households: tuple[Household, ...]):
    """What the targets leave at `unknowns`, and (households there, variables, params), from `households` nearby."""
    params = params._replace(**dict(zip(model.unknowns, unknowns, strict=True)))
    stated = steady_state_of(model)(params)
    households = tuple(
        solve(block, stated, params, near) for block, near in zip(model.het_blocks, households, strict=True)
    )
    variables = _with_totals(model, stated, households)
    return _gaps(model, params, stated, variables), (households, variables, params)


def _with_totals(model: Model, stated: Any, households: tuple[Household, ...]) -> Any:
    """The stated variables, those that agents supply at their totals."""
    totals = {
        output: household.total(outcome)
        for block, household in zip(model.het_blocks, households, strict=True)
        for output, outcome in block.outputs.items()
    }
    return stated._replace(**totals)


def _solved(households: tuple[Household, ...], tolerance: Array | float) -> Array:
    return largest(jnp.array([h.error for h in households])) <= tolerance


def _gaps(model: Model, params: Any, stated: Any, variables: Any) -> Array:
    """What each target leaves: total less stated value of an output, or the residual of an equation."""
    no_shocks = model.shocks(*[0.0] * len(model.shocks._fields))
    residuals = model.residuals(variables, variables, variables, no_shocks, params)
    gaps = [
        residuals[t] if t in residuals else getattr(variables, t) - getattr(stated, t) for t in model.targets
    ]
    return jnp.array(gaps, float)
