"""What is known of the state of the first period before it is observed."""

from typing import Literal, NamedTuple

import jax.numpy as jnp

from estim.linalg import solve_discrete_lyapunov
from estim.solution.representations import StateSpace
from estim.status import Status
from estim.typing import Array


class Gaussian(NamedTuple):
    """A normal distribution: mean ``[n]`` and covariance ``[n, n]``."""

    mean: Array
    cov: Array


Start = Literal["stationary", "diffuse"] | Gaussian
"""By name, or as the distribution of s_1 itself."""


def stationary_start(state_space: StateSpace) -> Gaussian:
    """Mean zero and the unconditional covariance, P = T P T' + R Q R'; NaN where there is none."""
    T, R, Q = state_space.transition, state_space.selection, state_space.state_cov
    cov, status = solve_discrete_lyapunov(T, R @ Q @ R.T)
    return Gaussian(jnp.zeros(T.shape[0]), jnp.where(status == Status.OK, cov, jnp.nan))
