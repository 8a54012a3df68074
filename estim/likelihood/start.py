"""What is known of the state of the first period before it is observed."""

from typing import Literal, NamedTuple

import jax.numpy as jnp

from estim.linalg import solve_discrete_lyapunov
from estim.solve.representations import StateSpace
from estim.status import Status
from estim.typing import Array


class Gaussian(NamedTuple):
    """A normal distribution: mean ``[n]`` and covariance ``[n, n]``."""

    mean: Array
    cov: Array


Start = Literal["stationary", "diffuse"] | Gaussian
"""By name, or as the distribution of s_1 itself."""


def initial_state(state_space: StateSpace, start: Start) -> Gaussian:
    """The distribution of s_1 that `start` stands for.

    Raises:
        ValueError: `start` is not a known name.
    """
    if isinstance(start, Gaussian):
        return start
    if start == "stationary":
        return stationary_start(state_space)
    if start == "diffuse":
        return diffuse_start(state_space)
    raise ValueError(f"start is 'stationary', 'diffuse' or a Gaussian(mean, cov), not {start!r}")


def stationary_start(state_space: StateSpace) -> Gaussian:
    """Mean zero and the unconditional covariance, P = T P T' + R Q R'; NaN where there is none."""
    T, R, Q = state_space.transition, state_space.selection, state_space.state_cov
    cov, status = solve_discrete_lyapunov(T, R @ Q @ R.T)
    return Gaussian(jnp.zeros(T.shape[0]), jnp.where(status == Status.OK, cov, jnp.nan))


def diffuse_start(state_space: StateSpace, variance: float = 1e6) -> Gaussian:
    """Mean zero and a large variance for every state, for models with unit roots.

    The log-likelihood contains -(k/2) ln(variance) for the k directions that the data
    determine, so compare models only at the same variance. An exact limit would save
    nothing: at 1e6 times the variance of a shock the filter loses six of its sixteen digits.
    Where only some states are non-stationary, give a `Gaussian` of your own.
    """
    n_states = state_space.transition.shape[0]
    return Gaussian(jnp.zeros(n_states), variance * jnp.eye(n_states))
