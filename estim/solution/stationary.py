"""`StationarySolver`: the value and the policy of a `DecisionModel`."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import ArgumentError, Positive, PositiveReal, check_fields
from estim.decision import DecisionModel
from estim.kept import kept_on_model
from estim.numerics.branch import moving_where
from estim.representations.stationary import StationaryEquilibrium
from estim.solution.bellman import (
    Found,
    Program,
    attach_value_derivative,
    discount_radius,
    distance,
    iterate_newton,
    iterate_optimistically,
    iterate_policies,
    iterate_values,
)
from estim.solution.clearing import solve_cleared
from estim.solution.population import Point, attach_distribution, settle, starting_point
from estim.solution.solver import Solver
from estim.status import Status
from estim.typing import Array, Scalar

TOGETHER = 6
"""Actions that are compared in one step of the search for the best."""


@dataclass(frozen=True)
class StationarySolver(Solver):
    """The fixed point of a dynamic program, differentiable by the implicit function theorem whatever the method.

    Attributes:
        method: "vfi", value-function iteration; "howard", policy iteration with a linear solve; "optimistic", which
            follows each policy for some periods; "newton", on the operator, which any pytree of values may have;
            "auto", Howard's where an action is the best of several, else Newton's.
        evaluation: of a policy by "howard": "exact", by elimination; "krylov", by products with its operator; "auto",
            exact up to 48 states.
        tolerance: of the search. For "vfi" and "optimistic" the largest change of the value; for the others
            max |T(v) - v|, relative to 1 + |v|.
        max_steps: iterations after which the search has failed.
        sweeps: periods for which "optimistic" follows a policy.

    Raises:
        ArgumentError: a setting is out of its range.
    """

    method: Literal["auto", "vfi", "howard", "optimistic", "newton"] = "auto"
    evaluation: Literal["auto", "exact", "krylov"] = "auto"
    tolerance: PositiveReal = 1e-10
    max_steps: Positive = 100_000
    sweeps: Positive = 50

    gives: ClassVar[type] = StationaryEquilibrium
    sequential: ClassVar[bool] = False
    states_rest: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self, "solver.")
        if self.evaluation != "auto" and self.method != "howard":
            raise ArgumentError(
                f"solver.evaluation='{self.evaluation}' is how method 'howard' evaluates a policy, and the method is "
                f"'{self.method}'"
            )

    def solve(self, spec: DecisionModel, params: Any, given: None = None) -> StationaryEquilibrium:
        """Value, policy and status at `params`, the model's Params.

        Raises:
            ArgumentError: the method needs rewards and the model gives the operator itself.
        """
        if self.method in ("howard", "optimistic") and not spec.chooses and spec.follow is None:
            raise ArgumentError(
                f"solver.method='{self.method}' follows a policy, and {spec.name} gives the operator itself: take "
                "'newton' or 'vfi', or write reward and continuation, or follow"
            )
        params = jax.tree.map(lambda x: jnp.asarray(x, float), params)
        return _compiled(spec)(self, params)

    def search(self, spec: DecisionModel, program: Program, start: Any) -> Found:
        """The fixed point without derivatives."""
        # XLA:CPU (jaxlib 0.12) multiplies a matrix and a constant, as zeros are, wrongly where it fuses much with it.
        start = jax.lax.optimization_barrier(start)
        settings = (self.tolerance, self.max_steps)
        follows = spec.chooses or spec.follow is not None
        if self.method == "vfi":
            return iterate_values(program, start, *settings)
        if self.method == "optimistic":
            return iterate_optimistically(program, start, *settings, self.sweeps)
        smooth = self.method == "auto" and spec.taste is not None
        if self.method == "newton" or smooth or not follows:
            return iterate_newton(program, start, *settings, beyond=smooth)
        exact = None if self.evaluation == "auto" else self.evaluation == "exact"
        return iterate_policies(program, start, *settings, exact)


def as_program(spec: DecisionModel, params: Any) -> Program:
    """The operators at given parameters; what does not depend on the value is computed once."""
    change = spec.change or distance
    if not spec.chooses:
        operator = lambda value: spec.operator(value, params)
        if spec.follow is None:
            return Program(
                operator, lambda value: (operator(value), ()), lambda _, value: operator(value), change
            )
        read, step = spec.policy, spec.follow
        assert read is not None

        def improve_operator(value: Any) -> tuple[Any, Any]:
            policy = read(value, params)
            return step(policy, value, params), policy

        return Program(operator, improve_operator, lambda policy, value: step(policy, value, params), change)
    assert spec.reward is not None and spec.continuation is not None
    reward, continuation = jnp.asarray(spec.reward(params), float), spec.continuation
    operator = lambda value: spec.best(spec.action_values(reward, value, params), params)
    if spec.taste is not None:
        return Program(
            operator, lambda value: (operator(value), ()), lambda _, value: operator(value), change
        )

    # The table of rewards is made once, with the actions first, in which order they are looked through.
    now = jax.lax.optimization_barrier(jnp.moveaxis(reward, -1, 0))
    later = lambda value: jnp.moveaxis(continuation(value, params), -1, 0)
    improve = lambda value: _best_of_first_axis(now, later(value))
    follow = lambda policy, value: (
        _take_of_first_axis(now, policy) + _take_of_first_axis(later(value), policy)
    )
    return Program(operator, improve, follow, change)


def best_of(reward: Array, later: Array) -> tuple[Array, Array]:
    """The maximum of reward + later over the last axis, and the first action that has it."""
    return _best_of_first_axis(jnp.moveaxis(reward, -1, 0), jnp.moveaxis(later, -1, 0))


def _best_of_first_axis(reward: Array, later: Array) -> tuple[Array, Array]:
    """One action after the other, for all states at once, TOGETHER of them a step: a quarter of the time of XLA:CPU's
    maximum and argmax of a last axis. A value that is no number stays."""
    num, states = max(len(reward), len(later)), jnp.broadcast_shapes(reward.shape[1:], later.shape[1:])

    def look(found: tuple[Array, Array], action: Any) -> tuple[Array, Array]:
        highest, first = found
        value = reward[action % len(reward)] + later[action % len(later)]
        better = (value > highest) | jnp.isnan(value)
        return jnp.where(better, value, highest), jnp.where(better, action, first)

    def some(step: Any, found: tuple[Array, Array]) -> tuple[Array, Array]:
        for k in range(TOGETHER):
            found = look(found, step * TOGETHER + k)
        return found

    found = jnp.full(states, -jnp.inf), jnp.zeros(states, int)
    found = jax.lax.fori_loop(0, num // TOGETHER, some, found)
    for action in range(num // TOGETHER * TOGETHER, num):
        found = look(found, action)
    return found


def take(of_actions: Array, policy: Array) -> Array:
    """x(s, policy(s)) ``[*states]`` of x ``[*states, n_actions]``, whose axes may have size one."""
    return of_actions[
        (*_everywhere(of_actions.shape[:-1], policy), policy if of_actions.shape[-1] > 1 else 0)
    ]


def _take_of_first_axis(of_actions: Array, policy: Array) -> Array:
    """x(policy(s), s) ``[*states]`` of x ``[n_actions, *states]``, whose axes may have size one."""
    return of_actions[(policy if len(of_actions) > 1 else 0, *_everywhere(of_actions.shape[1:], policy))]


def _everywhere(states: tuple[int, ...], policy: Array) -> list[np.ndarray]:
    """Indices of every state, one array for each axis, which broadcast to the policy's."""
    axes = np.ix_(*(np.arange(n) for n in states))
    return [np.broadcast_to(a, policy.shape) if a.size > 1 else np.zeros(policy.shape, int) for a in axes]


@kept_on_model
def _compiled(spec: DecisionModel) -> Any:
    return jax.jit(partial(_solve, spec), static_argnums=0)


def _solve(spec: DecisionModel, solver: StationarySolver, params: Any) -> StationaryEquilibrium:
    if spec.types is None:
        return _solve_one(spec, solver, params)
    shares, kinds = zip(*spec.types(params), strict=True)
    stacked = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(x, float) for x in leaves]), *kinds)
    found = jax.vmap(lambda own: _solve_one(spec, solver, own))(stacked)
    return replace(found, shares=jnp.stack([jnp.asarray(s, float) for s in shares]))


def _solve_one(spec: DecisionModel, solver: StationarySolver, params: Any) -> StationaryEquilibrium:
    begin, search, attach = partial(_begin, spec), partial(_search, spec, solver), partial(_attach, spec)
    if spec.unknowns:
        return solve_cleared(spec, params, begin, search, attach, solver.tolerance)
    fixed = jax.lax.stop_gradient(params)
    return attach(params, search(fixed, begin(fixed)))


def _begin(spec: DecisionModel, params: Any) -> Point:
    return starting_point(spec, params, as_program(spec, params).improve)


def _search(spec: DecisionModel, solver: StationarySolver, params: Any, near: Point) -> Point:
    """Value and distribution at these parameters, from those `near`, without derivatives."""
    program = as_program(spec, params)
    found = jax.lax.stop_gradient(solver.search(spec, program, near.value))
    ahead, policy = program.improve(found.value)
    radius = _radius(spec, program, policy, found)
    error = distance(ahead, found.value)
    point = Point(found.value, policy, near.distribution, _status(found, radius), found.steps, error, radius)
    return point if spec.motion is None else settle(point, _attach_value(spec, params, point))


def _attach(spec: DecisionModel, params: Any, point: Point) -> StationaryEquilibrium:
    """The solution at a point that was found, with its derivatives."""
    # Where there is no solution its derivative would be NaN: the parameters that it reads do not move then.
    moving = moving_where(point.status == Status.OK, params)
    solution = _attach_value(spec, moving, point)
    return solution if spec.motion is None else attach_distribution(solution, moving, point)


def _attach_value(spec: DecisionModel, moving: Any, point: Point) -> StationaryEquilibrium:
    """What follows from the value."""
    held, policy, of_actions = jax.lax.stop_gradient(point.policy), None, None
    if spec.chooses:
        assert spec.reward is not None and spec.continuation is not None
        reward, later = jnp.asarray(spec.reward(moving), float), spec.continuation
        reward = jax.lax.optimization_barrier(reward)
        if spec.taste is None:
            follow = lambda value: take(reward, held) + take(later(value, moving), held)
        else:
            follow = lambda value: spec.best(spec.action_values(reward, value, moving), moving)
        value, policy = attach_value_derivative(follow, point.value), held
        if spec.taste is not None:  # the smooth operator follows no policy
            of_actions = spec.action_values(reward, value, moving)
            policy = jax.lax.stop_gradient(of_actions).argmax(axis=-1)
    else:
        value = attach_value_derivative(partial(as_program(spec, moving).follow, held), point.value)
        policy = None if spec.policy is None else spec.policy(value, moving)
    _, _, _, status, steps, error, radius = point
    return StationaryEquilibrium(spec, moving, value, policy, of_actions, None, status, steps, error, radius)


def _radius(spec: DecisionModel, program: Program, policy: Any, found: Found) -> Scalar:
    if not spec.monotone:
        return jnp.array(jnp.nan)
    return discount_radius(partial(program.follow, policy), found.value)


def _status(found: Found, radius: Scalar) -> Scalar:
    finite = jnp.stack([jnp.isfinite(x).all() for x in jax.tree.leaves(found.value)]).all()
    status = jnp.where(found.converged, Status.OK.value, Status.NOT_CONVERGED.value)
    status = jnp.where(finite, status, Status.NOT_FINITE.value)
    return jnp.where(jnp.isinf(radius), Status.INFINITE_VALUE.value, status)
