"""`GaussianFilter`: the state taken as normal in every period, its moments by a rule."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp

from estim.arguments import ArgumentError, NonNegative, check_fields
from estim.kept import compiled_by_structure
from estim.likelihood.contract import Gradient, Likelihood
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.likelihood.state_space.filtering import update
from estim.likelihood.state_space.start import Gaussian
from estim.numerics import semidefinite_cholesky
from estim.numerics.moment_rules import RULES
from estim.representations.nonlinear import NonlinearStateSpace
from estim.representations.trend import without_trend
from estim.status import Status
from estim.typing import Array, Scalar

Rule = Literal["extended", "unscented", "central_difference"]


@dataclass(frozen=True)
class GaussianFilter(Likelihood):
    """A Kalman filter of a nonlinear state space: what is filtered and what is forecast count as normal.

    In each period the state and the shocks go through the law of motion and the measurement together; a rule gives the
    mean and the covariance of what comes out. On a linear model every rule is the Kalman filter. Elsewhere the value is
    a quasi-likelihood, exact in the limit of small shocks, in microseconds where a particle filter takes milliseconds.

    Attributes:
        rule: "extended": by derivatives at the mean; "unscented": by points on a sphere around it, all of one weight;
            "central_difference": by differences along each direction, whose mean is exact for a quadratic law of
            motion as that of a perturbation of second order. See `estim.numerics.moment_rules`.
        presample: periods at the start that are filtered but not counted.

    Raises:
        ArgumentError: a setting is out of its range.

    Source: Julier and Uhlmann (1997), Proc. SPIE 3068; Norgaard, Poulsen and Ravn (2000), Automatica 36; Andreasen
    (2013), Journal of Applied Econometrics 28.
    """

    rule: Rule = "central_difference"
    presample: NonNegative = 0

    reads: ClassVar[type] = NonlinearStateSpace
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def __post_init__(self) -> None:
        check_fields(self, "likelihood.")

    def loglikelihood(self, solution: Any, data: Array) -> Outcome:
        """The filter's log-density of the observations, every constant included, and its status.

        Raises:
            ArgumentError: measurement errors are not added to what is observed, or the state is no normal vector.
        """
        if solution.obs_cov is None:
            raise ArgumentError(
                "likelihood GaussianFilter needs measurement errors that are added to what is observed"
            )
        return _compiled(self)(solution, data)

    def logdensities(self, solution: Any, data: Array) -> Array | None:
        each = filter_gaussian(solution, without_trend(solution, data), self.rule).logdensity[
            self.presample :
        ]
        return jnp.where(solution.status == Status.OK, each, jnp.nan)


class GaussianFiltered(NamedTuple):
    """By period: the state's numbers given the data so far, mean ``[n]`` and covariance ``[n, n]``, and the log-density
    of what is observed."""

    state: Gaussian
    logdensity: Scalar


def filter_gaussian(solution: Any, observations: Array, rule: Rule) -> GaussianFiltered:
    """The filter of `GaussianFilter` on observations ``[n_periods, n_obs]`` without trend; NaN is missing.

    Returns:
        By period ``[n_periods, ...]``.
    """
    begin, begin_root = solution.beginning
    n, e = len(begin), solution.num_shocks
    shock_root = semidefinite_cholesky(solution.shock_cov)
    choose = jnp.eye(observations.shape[1], n + observations.shape[1], n)
    nothing = jnp.zeros(observations.shape[1])

    def move(inputs: Array) -> Array:
        """The state of t, and what is observed in it, from (the state of t - 1, the shocks of t)."""
        state = solution.step(solution.from_vector(inputs[:n]), inputs[n:])
        return jnp.concatenate([solution.to_vector(state), solution.observe(state)])

    def forecast(mean: Array, root: Array) -> Gaussian:
        inputs = jax.scipy.linalg.block_diag(root, shock_root)
        found = RULES[rule](move, jnp.concatenate([mean, jnp.zeros(e)]), inputs)
        return Gaussian(found.mean, found.spread @ found.spread.T)

    first = forecast(begin, begin_root)
    scale = jax.lax.stop_gradient(jnp.diagonal(first.cov)[n:] + jnp.diagonal(solution.obs_cov))

    def period(predicted: Gaussian, y: Array) -> tuple[Gaussian, GaussianFiltered]:
        both, logdensity = update(predicted, y, choose, nothing, solution.obs_cov, scale)
        state = Gaussian(both.mean[:n], both.cov[:n, :n])
        before = jnp.diagonal(predicted.cov)[:n]
        ahead = forecast(state.mean, semidefinite_cholesky(state.cov, scale=before))
        return ahead, GaussianFiltered(state, logdensity)

    return jax.lax.scan(period, first, observations)[1]


@lru_cache(maxsize=8)
def _compiled(settings: GaussianFilter) -> Any:
    return compiled_by_structure(partial(_likelihood, settings))


def _likelihood(settings: GaussianFilter, solution: Any, observations: Array) -> Outcome:
    @impossible_if_not_finite
    def likelihood(solution: Any, observations: Array) -> Outcome:
        found = filter_gaussian(solution, without_trend(solution, observations), settings.rule)
        return filtered_outcome(found, solution, observations, settings.presample)

    return likelihood(solution, observations)


def filtered_outcome(found: GaussianFiltered, solution: Any, observations: Array, presample: int) -> Outcome:
    """The sum of the periods that count, and why there is none."""
    gaps = jnp.isnan(observations)
    return outcome(
        found.logdensity[presample:].sum(),
        (solution.status == Status.OK, solution.status),
        ((solution.obs_cov, gaps | jnp.isfinite(observations)), Status.NOT_FINITE.value),
        (solution.beginning, Status.NO_STATIONARY_START.value),
    )
