"""Hamiltonian motion in the coordinates of `estim.samplers.transport`, every point of it evaluated.

The density of z is taken to be zero, its gradient too, where anything is not finite: z itself, the position there,
the log-density or its gradient. On that density a leapfrog is the same reversible map that preserves volume, so
that kernels stay exact, and what has run away to infinity or NaN is never chosen.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.samplers.base import Tuning
from estim.samplers.states import GradientState, evaluate_with_gradient
from estim.samplers.transport import follow, to_coordinates, to_position
from estim.typing import Array, LogDensity, Position, Scalar

FARTHEST = 1e150
"""Positions are evaluated no farther out in any component: beyond, a square is infinite."""


class Moving(NamedTuple):
    """A state on its way: its coordinates z ``[dim]``, the log-density of z and the gradient of that."""

    state: GradientState
    z: Array
    logdensity: Scalar
    gradient: Array


def start_motion(tuning: Tuning, state: GradientState) -> Moving:
    """A state at rest, in coordinates."""
    z = to_coordinates(tuning, state.position)
    _, in_coordinates = follow(tuning, _where_finite(z))
    value, gradient = in_coordinates(state.logdensity, state.gradient)
    return Moving(state, z, *_finite_or_nothing(value, gradient, z))


def leapfrog(
    posterior: Posterior, tuning: Tuning, now: Moving, u: Array, step_size: Array | np.ndarray
) -> tuple[Evaluations, Moving, Array]:
    """One leapfrog with momentum u ``[dim]``: what was evaluated, where the state is, and its momentum."""
    u = u + 0.5 * step_size * now.gradient
    z = now.z + step_size * u
    position, in_coordinates = follow(tuning, _where_finite(z))
    evaluation, state = evaluate_with_gradient(posterior, within_reach(position))
    value, gradient = in_coordinates(state.logdensity, state.gradient)
    new = Moving(state, z, *_finite_or_nothing(value, gradient, z, position))
    return evaluation, new, u + 0.5 * step_size * new.gradient


def logdensity_in_coordinates(posterior: Posterior, tuning: Tuning) -> LogDensity:
    """The log-density of z ``[dim]``, -inf where z or the position there is not finite."""

    def logdensity(z: Array) -> Scalar:
        position, logdet = to_position(tuning, _where_finite(z))
        value = posterior.logdensity_fn(within_reach(position)) + logdet
        return jnp.where(jnp.all(jnp.isfinite(z)) & jnp.all(jnp.isfinite(position)), value, -jnp.inf)

    return logdensity


def within_reach(position: Position) -> Position:
    """A position that a posterior can be asked about: NaN becomes zero, and what is farther out `FARTHEST`."""
    return jnp.clip(jnp.where(jnp.isnan(position), 0.0, position), -FARTHEST, FARTHEST)


def _where_finite(z: Array) -> Array:
    return jnp.where(jnp.isfinite(z), z, 0.0)


def _finite_or_nothing(value: Scalar, gradient: Array, *reached: Array) -> tuple[Scalar, Array]:
    """A log-density and its gradient; -inf and zero where one of them, or a place that was reached, is not finite."""
    finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
    for place in reached:
        finite &= jnp.all(jnp.isfinite(place))
    return jnp.where(finite, value, -jnp.inf), jnp.where(finite, gradient, 0.0)
