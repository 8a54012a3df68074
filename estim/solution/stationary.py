"""`StationarySolver`: the value and the policy of a `DecisionModel`."""

from dataclasses import dataclass, replace
from functools import partial
from math import isqrt
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

MANY_ACTIONS = 32
"""From so many on the best action is looked for in two steps."""
MANY_STATES = 4096
"""From so many on one action after the other is tried in all of them."""
UNROLLED = 5  # of these at a time


@dataclass(frozen=True)
class StationarySolver(Solver):
    """The fixed point of a dynamic program, differentiable by the implicit function theorem whatever the method.

    Attributes:
        method: "vfi", value-function iteration; "howard", policy iteration with a linear solve, exact up to 128 states
            and by Krylov's method beyond; "optimistic", which follows each policy for some periods; "newton", on the
            operator, which any pytree of values may have; "auto", Howard's where there are rewards, else Newton's.
        tolerance: of the search. For "vfi" and "optimistic" the largest change of the value; for the others
            max |T(v) - v|, relative to 1 + |v|.
        max_steps: iterations after which the search has failed.
        sweeps: periods for which "optimistic" follows a policy.

    Raises:
        ArgumentError: a setting is out of its range.
    """

    method: Literal["auto", "vfi", "howard", "optimistic", "newton"] = "auto"
    tolerance: PositiveReal = 1e-10
    max_steps: Positive = 100_000
    sweeps: Positive = 50

    gives: ClassVar[type] = StationaryEquilibrium
    sequential: ClassVar[bool] = False
    states_rest: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_fields(self, "solver.")

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

    def search(self, spec: DecisionModel, params: Any, start: Any) -> Found:
        """The fixed point without derivatives."""
        program = as_program(spec, params)
        # XLA:CPU (jaxlib 0.12) multiplies a matrix and a constant, as zeros are, wrongly where it fuses much with it.
        start = jax.lax.optimization_barrier(start)
        settings = (self.tolerance, self.max_steps)
        follows = spec.chooses or spec.follow is not None
        if self.method == "vfi":
            return iterate_values(program, start, *settings)
        if self.method == "optimistic":
            return iterate_optimistically(program, start, *settings, self.sweeps)
        if self.method == "newton" or not follows:
            return iterate_newton(program, start, *settings)
        return iterate_policies(program, start, *settings)


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

    follow_given = lambda now, policy, value: now + take(continuation(value, params), policy)
    if reward[..., 0].size < MANY_STATES:
        return Program(
            operator,
            lambda value: best_of(reward, continuation(value, params)),
            lambda policy, value: follow_given(take(reward, policy), policy, value),
            change,
        )
    of_first = jnp.moveaxis(reward, -1, 0)
    return Program(
        operator,
        lambda value: running_best(of_first, continuation(value, params)),
        lambda policy, value: follow_given(jnp.take_along_axis(of_first, policy[None], 0)[0], policy, value),
        change,
    )


def best_of(reward: Array, later: Array) -> tuple[Array, Array]:
    """The maximum of reward + later over the last axis, and the first action that has it.

    Where there are many, the block of actions that has the maximum comes first, then the action in it: XLA:CPU's own
    argmax takes several times as long as a maximum. Blocks that leave no rest spare a copy of the table.
    """
    *states, num = reward.shape
    if num < MANY_ACTIONS:
        values = reward + later
        return values.max(axis=-1), values.argmax(axis=-1)
    root = isqrt(num)
    size = max((n for n in range(root // 2, root + 1) if num % n == 0), default=root)
    room = [(0, 0)] * len(states) + [(0, -num % size)]
    values = jnp.pad(reward + later, room, constant_values=-jnp.inf)
    of_blocks = jax.lax.optimization_barrier(values.reshape(*states, -1, size).max(axis=-1))
    first = of_blocks.argmax(axis=-1) * size
    some = jnp.minimum(first[..., None] + np.arange(size).reshape(*[1] * len(states), size), num - 1)
    near = take(reward, some) + take(later, some)
    return near.max(axis=-1), jnp.minimum(first + near.argmax(axis=-1), num - 1)


def running_best(reward: Array, later: Array) -> tuple[Array, Array]:
    """The same of a reward with the actions first: one after the other in all states, which reads the table once. It
    takes a third of the time where the states are many beside a loop's overhead."""
    later = jnp.moveaxis(later, -1, 0)

    def try_next(action: Array, best: tuple[Array, Array]) -> tuple[Array, Array]:
        value, chosen = best
        new = reward[action] + later[action]
        return jnp.maximum(value, new), jnp.where(new > value, action, chosen)

    num, *states = reward.shape
    first = jnp.full(states, -jnp.inf), jnp.zeros(states, int)
    return jax.lax.fori_loop(0, num, try_next, first, unroll=min(UNROLLED, num))


def take(of_actions: Array, policy: Array) -> Array:
    """x(s, policy(s)) ``[*states]`` of x ``[*states, n_actions]``, whose axes may have size one; of several actions in
    each state, ``[*states, k]``."""
    shape = of_actions.shape
    axes = [
        np.arange(n).reshape(-1, *[1] * (policy.ndim - 1 - k)) if n > 1 else 0
        for k, n in enumerate(shape[:-1])
    ]
    axes = [np.broadcast_to(a, policy.shape) for a in axes]
    return of_actions[(*axes, policy if shape[-1] > 1 else np.zeros(policy.shape, int))]


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
    search, attach = partial(_search, spec, solver), partial(_attach, spec)
    if spec.unknowns:
        return solve_cleared(spec, params, search, attach, solver.tolerance)
    fixed = jax.lax.stop_gradient(params)
    return attach(params, search(fixed, starting_point(spec, fixed)))


def _search(spec: DecisionModel, solver: StationarySolver, params: Any, near: Point) -> Point:
    """Value and distribution at these parameters, from those `near`, without derivatives."""
    found = jax.lax.stop_gradient(solver.search(spec, params, near.value))
    program = as_program(spec, params)
    ahead, policy = program.improve(found.value)
    radius = _radius(spec, program, policy, found)
    error = distance(ahead, found.value)
    point = Point(found.value, near.distribution, _status(found, radius), found.steps, error, radius)
    return point if spec.motion is None else settle(point, _attach_value(spec, params, point))


def _attach(spec: DecisionModel, params: Any, point: Point) -> StationaryEquilibrium:
    """The solution at a point that was found, with its derivatives."""
    # Where there is no solution its derivative would be NaN: the parameters that it reads do not move then.
    moving = moving_where(point.status == Status.OK, params)
    solution = _attach_value(spec, moving, point)
    return solution if spec.motion is None else attach_distribution(solution, moving, point)


def _attach_value(spec: DecisionModel, moving: Any, point: Point) -> StationaryEquilibrium:
    """What follows from the value."""
    _, policy = as_program(spec, jax.lax.stop_gradient(moving)).improve(point.value)
    live = as_program(spec, moving)
    value = attach_value_derivative(partial(live.follow, policy), point.value)
    of_actions = None
    if spec.taste is not None:  # the smooth operator follows no policy
        assert spec.reward is not None
        of_actions = spec.action_values(jnp.asarray(spec.reward(moving), float), value, moving)
        policy = best_of(of_actions, jnp.zeros_like(of_actions))[1]
    elif not spec.chooses:
        policy = None if spec.policy is None else spec.policy(value, moving)
    _, _, status, steps, error, radius = point
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
