"""`QuadraticKalman`: the Kalman filter of a pruned second-order solution and the products of its states."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from estim.arguments import ArgumentError, NonNegative, check_fields
from estim.likelihood.contract import Gradient, Likelihood
from estim.likelihood.failure import Outcome, impossible_if_not_finite
from estim.likelihood.nonlinear.gaussian import GaussianFiltered, filtered_outcome
from estim.likelihood.state_space.filtering import update
from estim.likelihood.state_space.start import Gaussian
from estim.representations.augmented import augmented
from estim.representations.pruned import PrunedStateSpace, distinct_products
from estim.representations.trend import without_trend
from estim.status import Status
from estim.typing import Array


@dataclass(frozen=True)
class QuadraticKalman(Likelihood):
    """The Kalman filter of z = (x1, x2, x1 x1'), which follows a linear law of motion.

    The news of that law are the shocks, their products, and their products with the state. Mean and covariance of
    these, given the state of the period before, are exact; of what is filtered they take x1 as normal. What is forecast
    counts as normal too: a quasi-likelihood, which knows the mean, the variance and the covariances over time that risk
    and curvature give. Of first order it is the Kalman filter.

    Attributes:
        presample: periods at the start that are filtered but not counted.

    Raises:
        ArgumentError: a setting is out of its range.

    Source: Andreasen, Fernández-Villaverde and Rubio-Ramírez (2018), Review of Economic Studies 85; Ivashchenko (2014),
    Computational Economics 43; Kollmann (2015), Computational Economics 45.
    """

    presample: NonNegative = 0

    reads: ClassVar[type] = PrunedStateSpace
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def __post_init__(self) -> None:
        check_fields(self, "likelihood.")

    def loglikelihood(self, solution: PrunedStateSpace, data: Array) -> Outcome:
        """The filter's log-density of the observations, every constant included, and its status.

        Raises:
            ArgumentError: the perturbation is of third order.
        """
        if solution.order > 2:
            raise ArgumentError(
                "likelihood QuadraticKalman reads a perturbation of order 1 or 2; of third order take "
                "likelihood='gaussian_filter' or 'particle'"
            )
        return _likelihood(self.presample, solution, data)

    def logdensities(self, solution: PrunedStateSpace, data: Array) -> Array | None:
        each = filter_quadratic(solution, without_trend(solution, data)).logdensity[self.presample :]
        return jnp.where(solution.status == Status.OK, each, jnp.nan)


def filter_quadratic(solution: PrunedStateSpace, observations: Array) -> GaussianFiltered:
    """The filter of `QuadraticKalman` on observations ``[n_periods, n_obs]`` without trend; NaN is missing.

        E_{t-1} (z, y)_t = (c, d) + A E z,    Var_{t-1} (z, y)_t = A Var(z) A' + B Var(n) B',    A = (T, C), B = (R, D)

    with E z and Var(z) those given the data up to t - 1.

    Returns:
        By period ``[n_periods, ...]``: of z, and the log-density.
    """
    law, n = augmented(solution), len(solution.states)
    A, B = (
        jnp.concatenate([law.transition, law.measured]),
        jnp.concatenate([law.selection, law.measured_news]),
    )
    constant = jnp.concatenate([law.constant, law.level])
    n_obs, n_z = law.measured.shape
    choose, nothing = jnp.eye(n_obs, n_z + n_obs, n_z), jnp.zeros(n_obs)

    def forecast(state: Gaussian) -> Gaussian:
        x, cov = state.mean[:n], state.cov[:n, :n]
        news = law.news_cov(x, jnp.outer(x, x) + cov)
        return Gaussian(constant + A @ state.mean, A @ state.cov @ A.T + B @ news @ B.T)

    first = forecast(_beginning(solution))
    scale = jax.lax.stop_gradient(jnp.diagonal(first.cov)[n_z:] + jnp.diagonal(solution.obs_cov))

    def period(predicted: Gaussian, y: Array) -> tuple[Gaussian, GaussianFiltered]:
        both, logdensity = update(predicted, y, choose, nothing, solution.obs_cov, scale)
        state = Gaussian(both.mean[:n_z], both.cov[:n_z, :n_z])
        return forecast(state), GaussianFiltered(state, logdensity)

    return jax.lax.scan(period, first, observations)[1]


def _beginning(solution: PrunedStateSpace) -> Gaussian:
    """Of z: x1 from its stationary distribution, x2 at its mean, as `PrunedStateSpace.start` has it."""
    n = len(solution.states)
    mean, root = solution.beginning
    P = root[:n] @ root[:n].T
    if solution.order == 1:
        return Gaussian(mean, P)
    (i, j), _ = distinct_products(n, 2)
    squares = P[i][:, i] * P[j][:, j] + P[i][:, j] * P[j][:, i]
    cov = jax.scipy.linalg.block_diag(P, jnp.zeros((n, n)), squares)
    return Gaussian(jnp.concatenate([mean, P[i, j]]), cov)


@partial(jax.jit, static_argnums=0)
def _likelihood(presample: int, solution: PrunedStateSpace, observations: Array) -> Outcome:
    @impossible_if_not_finite
    def likelihood(solution: Any, observations: Array) -> Outcome:
        found = filter_quadratic(solution, without_trend(solution, observations))
        return filtered_outcome(found, solution, observations, presample)

    return likelihood(solution, observations)
