"""The state before the sample: stationary, and of unknown level in the directions of unit roots."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.linalg import solve_discrete_lyapunov
from estim.solution.representations import StateSpace
from estim.status import Status
from estim.typing import Array

UNIT_ROOT = 1 - 1e-6
"""A root of at least this modulus is a unit root."""

_NEWTON_STEPS = 60
_LOADS = 1e-9


class InitialState(NamedTuple):
    """s_0 = A delta + x: ``levels`` A ``[n_states, n_states]``, with columns of zeros where there are fewer unit
    roots than states, and the covariance of x, ``stationary_cov`` ``[n_states, n_states]``."""

    levels: Array
    stationary_cov: Array


def initial_state(state_space: StateSpace) -> InitialState:
    """What the model says of the state before the first period; NaN where it has an explosive root.

    A spans the invariant space of the unit roots, and x is the stationary distribution of what is orthogonal
    to it.
    """
    T, R, Q = state_space[:3]
    share, directions = jnp.linalg.eigh(unit_root_projector(T))
    levels = jnp.where(share[None, :] > 0.5, directions, 0.0)
    rest = jnp.eye(len(T)) - levels @ levels.T
    cov, status = solve_discrete_lyapunov(rest @ T @ rest, rest @ R @ Q @ R.T @ rest)
    return InitialState(levels, jnp.where(status == Status.OK, cov, jnp.nan))


def unit_root_projector(T: Array) -> Array:
    """Orthogonal projector ``[n, n]`` on the space in which T ``[n, n]`` has its unit roots.

    It is E (E + E' - I)^-1, with E the spectral projector on the same space.
    """
    spectral = spectral_projector(T)
    return spectral @ jnp.linalg.inv(spectral + spectral.T - jnp.eye(len(T)))


def stationary_part(state_space: StateSpace) -> tuple[Array, Array]:
    """Covariance ``[n_states, n_states]`` of the part of the state that is stationary, and whether each observable
    ``[n_obs]`` depends on no other.

    The state is (I - E) s + E s, each of which follows its own law of motion.
    """
    T, R, Q, Z = state_space[:4]
    spectral = spectral_projector(T)
    stationary = jnp.eye(len(T)) - spectral
    impact = stationary @ R
    cov, status = solve_discrete_lyapunov(stationary @ T, impact @ Q @ impact.T)
    level_free = jnp.abs(Z @ spectral).max(axis=1) <= _LOADS * jnp.abs(Z).max(axis=1)
    return jnp.where(status == Status.OK, cov, jnp.nan), level_free


def spectral_projector(T: Array) -> Array:
    """Projector ``[n, n]`` on the space in which T ``[n, n]`` has its unit roots, along that of the others.

    A Cayley transform maps the circle of radius `UNIT_ROOT` to the imaginary axis; Newton's
    iteration for the matrix sign (Roberts 1980) then gives the projector.
    """
    identity = jnp.eye(T.shape[0])
    sign = jnp.linalg.solve(T - UNIT_ROOT * identity, T + UNIT_ROOT * identity)

    def newton(sign, _):
        inverse = jnp.linalg.inv(sign)
        scale = jnp.sqrt(jnp.abs(inverse).sum(axis=0).max() / jnp.abs(sign).sum(axis=0).max())
        return 0.5 * (scale * sign + inverse / scale), None

    sign = jax.lax.scan(newton, sign, length=_NEWTON_STEPS)[0]
    return 0.5 * (identity + sign)
