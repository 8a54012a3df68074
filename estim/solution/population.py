"""The stationary distribution of the agents of a dynamic program over their states."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.decision import DecisionModel
from estim.heterogeneity.household import anchored, stationary_distribution
from estim.numerics.fixed_point import LINEAR_TOLERANCE, attach_derivative, largest
from estim.representations.stationary import StationaryEquilibrium
from estim.status import Status
from estim.typing import Array, Scalar

TOLERANCE = 1e-10  # of what a period moves, in all
MOST_ROUNDS = 20  # of Krylov's method, which from far away needs to begin again


class Point(NamedTuple):
    """What a search found, or begins from: ``value``, the ``policy`` that is best there (of an operator what it
    follows), ``distribution`` (None without motion), `Status`, ``steps``, the ``error`` max |T(v) - v| and the
    ``radius`` of discounting."""

    value: Any
    policy: Any
    distribution: Any
    status: Scalar
    steps: Scalar
    error: Scalar
    radius: Scalar


def starting_point(spec: DecisionModel, params: Any, improve: Callable[[Any], tuple[Any, Any]]) -> Point:
    """Where the search begins; no policy has been found there."""
    value = spec.first_value(params)
    policy = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(improve, value)[1])
    people = None
    if spec.motion is not None:
        first = spec.first_distribution(value, params)
        people = first / jnp.sum(first)
    nothing = jnp.array(jnp.inf)
    return Point(value, policy, people, jnp.asarray(Status.OK.value), jnp.asarray(0), nothing, nothing)


def settle(point: Point, solution: StationaryEquilibrium) -> Point:
    """The point with D = motion(D), of mass one, searched from its own distribution."""
    move = _motion(jax.lax.stop_gradient(solution))

    def advance(state: Any) -> Any:
        """A round of Krylov's method."""
        distribution, _, rounds = state
        ahead = stationary_distribution(move, distribution, LINEAR_TOLERANCE)
        better = jnp.where(jnp.isfinite(ahead).all(), ahead, move(distribution))
        better = jnp.maximum(better, 0.0)  # rounding leaves masses a little below
        better = better / jnp.sum(better)
        return better, largest(move(better) - better), rounds + 1

    def unsettled(state: Any) -> Any:
        distribution, error, rounds = state
        return (error > TOLERANCE / distribution.size) & (rounds < MOST_ROUNDS)

    found, error, _ = jax.lax.while_loop(unsettled, advance, (point.distribution, jnp.inf, 0))
    good = error <= TOLERANCE
    status = jnp.where((point.status == Status.OK) & ~good, Status.NOT_CONVERGED.value, point.status)
    # Where there is none, go on from one that is finite.
    return point._replace(distribution=jnp.where(good, found, point.distribution), status=status)


def attach_distribution(solution: StationaryEquilibrium, params: Any, point: Point) -> StationaryEquilibrium:
    """The solution with the distribution of a point that was found, and its derivative.

    Args:
        solution: without a distribution.
        params: those that derivatives are with respect to, which do not move where there is no solution.
        point: what was found.
    """
    move = anchored(_motion(replace(solution, params=params)))
    return replace(solution, distribution=attach_derivative(move, point.distribution, scale=jnp.ones_like))


def _motion(solution: StationaryEquilibrium) -> Any:
    motion = solution.specification.motion

    def move(distribution: Array) -> Array:
        return motion(distribution, solution, solution.params)

    return move
