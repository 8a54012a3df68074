"""Hamiltonian motion in the coordinates of `estim.samplers.transport`, every point of it evaluated."""

from typing import NamedTuple

import numpy as np

from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.samplers.base import Tuning
from estim.samplers.states import GradientState, evaluate_with_gradient
from estim.samplers.transport import follow, to_coordinates
from estim.typing import Array, Scalar


class Moving(NamedTuple):
    """A state on its way: its coordinates z ``[dim]``, the log-density of z and the slope of that."""

    state: GradientState
    z: Array
    logdensity: Scalar
    slope: Array


def start_motion(tuning: Tuning, state: GradientState) -> Moving:
    """A state at rest, in coordinates."""
    z = to_coordinates(tuning, state.position)
    _, in_coordinates = follow(tuning, z)
    return Moving(state, z, *in_coordinates(state.logdensity, state.gradient))


def leapfrog(
    posterior: Posterior, tuning: Tuning, now: Moving, u: Array, step_size: Array | np.ndarray
) -> tuple[Evaluations, Moving, Array]:
    """One leapfrog with momentum u ``[dim]``: what was evaluated, where the state is, and its momentum."""
    u = u + 0.5 * step_size * now.slope
    z = now.z + step_size * u
    position, in_coordinates = follow(tuning, z)
    evaluation, state = evaluate_with_gradient(posterior, position)
    new = Moving(state, z, *in_coordinates(state.logdensity, state.gradient))
    return evaluation, new, u + 0.5 * step_size * new.slope
