"""What is known of the state of the first period before it is observed."""

from typing import Literal, NamedTuple

import jax.numpy as jnp

from estim.likelihood.state_space.riccati import riccati_covariance
from estim.numerics import solve_discrete_lyapunov
from estim.representations.linear import StateSpace
from estim.status import Status
from estim.typing import Array


class Gaussian(NamedTuple):
    """A normal distribution: mean ``[n]`` and covariance ``[n, n]``."""

    mean: Array
    cov: Array


Start = Literal["stationary", "diffuse", "approximate_diffuse", "riccati"] | Gaussian
"""By name, or as the distribution of s_1 itself."""

_WIDE = 10.0


def stationary_start(state_space: StateSpace) -> Gaussian:
    """Mean zero and the unconditional covariance, P = T P T' + R Q R'; NaN where there is none."""
    T = state_space.transition
    cov, status = solve_discrete_lyapunov(T, _shock_cov(state_space))
    return Gaussian(jnp.zeros(T.shape[0]), jnp.where(status == Status.OK, cov, jnp.nan))


def approximate_diffuse_start(state_space: StateSpace) -> Gaussian:
    """Mean zero and variance 10 in every direction of the state (Dynare's ``lik_init=2``)."""
    n = state_space.transition.shape[0]
    return Gaussian(jnp.zeros(n), _WIDE * jnp.eye(n))


def riccati_start(state_space: StateSpace) -> Gaussian:
    """Mean zero and the covariance that the filter converges to (Dynare's ``lik_init=4``); NaN if there is none."""
    cov = riccati_covariance(state_space)
    return Gaussian(jnp.zeros(cov.shape[0]), cov)


def _shock_cov(state_space: StateSpace) -> Array:
    return state_space.selection @ state_space.state_cov @ state_space.selection.T


STARTS = {
    "stationary": stationary_start,
    "approximate_diffuse": approximate_diffuse_start,
    "riccati": riccati_start,
}
"""Those that are a normal distribution."""
