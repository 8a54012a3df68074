"""The stationary distribution of the agents of a dynamic program over their states."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from estim.heterogeneity.household import anchored, stationary_distribution
from estim.numerics.fixed_point import LINEAR_TOLERANCE, attach_derivative, largest
from estim.representations.stationary import StationaryEquilibrium
from estim.status import Status
from estim.typing import Array

TOLERANCE = 1e-10  # of what a period moves, in all
MOST_ROUNDS = 20  # of Krylov's method, which from far away needs to begin again


def with_distribution(
    solution: StationaryEquilibrium, params: Any, near: StationaryEquilibrium | None
) -> StationaryEquilibrium:
    """The solution with D = motion(D), of mass one, and its derivative.

    Args:
        solution: without one.
        params: those that derivatives are with respect to.
        near: a solution to begin from, or None.
    """
    spec = solution.specification

    def motion(solution: StationaryEquilibrium, params: Any) -> Any:
        return lambda distribution: spec.motion(distribution, solution, params)

    fixed, solid = jax.lax.stop_gradient((params, solution))
    move = motion(solid, fixed)
    first = spec.first_distribution(solid.value, fixed) if near is None else near.distribution
    found = _search(move, first / jnp.sum(first))
    error = jnp.sum(jnp.abs(move(found) - found))
    status = jnp.where(
        (solution.status == Status.OK) & ~(error <= TOLERANCE), Status.NOT_CONVERGED.value, solution.status
    )
    # Only where there is one has it a derivative.
    settled = jnp.where(status == Status.OK, found, jnp.full(found.shape, 1 / found.size))
    live = jax.tree.map(lambda x, s: jnp.where(status == Status.OK, x, s), solution, solid)
    distribution = attach_derivative(anchored(motion(live, params)), settled, scale=jnp.ones_like)
    return replace(solution, distribution=distribution, status=status)


def _search(move: Any, first: Array) -> Array:
    """D = move(D) from a `first` guess, in rounds of Krylov's method until nothing moves."""

    def advance(state: Any) -> Any:
        distribution, _, rounds = state
        ahead = stationary_distribution(move, distribution, LINEAR_TOLERANCE)
        better = jnp.where(jnp.isfinite(ahead).all(), ahead, move(distribution))
        return better, largest(move(better) - better), rounds + 1

    def unsettled(state: Any) -> Any:
        distribution, error, rounds = state
        return (error > TOLERANCE / distribution.size) & (rounds < MOST_ROUNDS)

    return jax.lax.while_loop(unsettled, advance, (first, jnp.inf, 0))[0]
