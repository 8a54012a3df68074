"""What a model says of its state before the sample: stationary, but of no known level where it has unit roots."""

import jax.numpy as jnp

from estim.numerics import solve_discrete_lyapunov
from estim.representations.linear import StateSpace
from estim.solution.unit_roots import spectral_projector
from estim.status import Status
from estim.typing import Array

_LOADS = 1e-9


def stationary_part(state_space: StateSpace) -> tuple[Array, Array]:
    """The covariance ``[n_states, n_states]`` of the part of the state that is stationary, and whether each
    observable ``[n_obs]`` depends on no other.

    With E the projector on the space of the unit roots along that of the others, the state is (I - E) s + E s,
    each of which follows its own law of motion. The covariance is NaN where there is an explosive root.
    """
    T, R, Q, Z = state_space[:4]
    spectral = spectral_projector(T)
    stationary = jnp.eye(len(T)) - spectral
    impact = stationary @ R
    cov, status = solve_discrete_lyapunov(stationary @ T, impact @ Q @ impact.T)
    level_free = jnp.abs(Z @ spectral).max(axis=1) <= _LOADS * jnp.abs(Z).max(axis=1)
    return jnp.where(status == Status.OK, cov, jnp.nan), level_free
