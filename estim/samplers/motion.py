"""Hamiltonian motion in the coordinates of `estim.samplers.transport`, every point of it evaluated."""

from typing import NamedTuple

import numpy as np

from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.samplers.base import Tuning
from estim.samplers.states import GradientState, evaluate_with_gradient
from estim.samplers.transport import slope_at_coordinates, to_coordinates, to_position
from estim.typing import Array, Scalar


class Moving(NamedTuple):
    """A state on its way: its coordinates z ``[dim]``, the log-density of z and the slope of that."""

    state: GradientState
    z: Array
    logdensity: Scalar
    slope: Array


def start_motion(tuning: Tuning, state: GradientState) -> Moving:
    return _moving(tuning, to_coordinates(tuning, state.position), state)


def leapfrog(
    posterior: Posterior, tuning: Tuning, now: Moving, u: Array, step_size: Array | np.ndarray
) -> tuple[Evaluations, Moving, Array]:
    """One leapfrog with momentum u ``[dim]``: what was evaluated, where the state is, and its momentum."""
    u = u + 0.5 * step_size * now.slope
    z = now.z + step_size * u
    evaluation, state = evaluate_with_gradient(posterior, to_position(tuning, z)[0])
    new = _moving(tuning, z, state)
    return evaluation, new, u + 0.5 * step_size * new.slope


def _moving(tuning: Tuning, z: Array, state: GradientState) -> Moving:
    _, logdet = to_position(tuning, z)
    return Moving(state, z, state.logdensity + logdet, slope_at_coordinates(tuning, z, state.gradient))
