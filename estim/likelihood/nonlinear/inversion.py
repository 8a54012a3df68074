"""`Inversion`: the likelihood of as many shocks as observables, which leave no choice about them."""

from dataclasses import dataclass
from functools import partial, singledispatch
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from estim.arguments import ArgumentError, NonNegative, check_fields
from estim.likelihood.contract import Gradient, Likelihood, check_presample
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.likelihood.nonlinear.piecewise_inversion import invert_piecewise
from estim.representations.nonlinear import NonlinearStateSpace
from estim.representations.piecewise import PiecewiseLinear
from estim.representations.trend import without_trend
from estim.status import Status
from estim.typing import Array


@dataclass(frozen=True)
class Inversion(Likelihood):
    """Period by period the shocks that give the observations, from a state at rest, and their density.

        ln p(y_t | y_1 .. y_{t-1}) = ln N(e_t; 0, Q) - ln |det dy_t / de_t|

    There are no measurement errors, and as many shocks as observables. With a constraint that binds at times an
    observable may be missing where it is bound, as a rate at zero: the shock that is paired with it is zero then. What
    no shocks can give is no observation of the model: the log-likelihood is -inf, and its status says so.

    As a function of the parameters the density jumps where the regimes of a period change, since the state then
    follows another law of motion; between jumps its gradient is exact.

    Attributes:
        paired: for each observable the position of the shock that is zero where the observable is missing; the first
            shock belongs to the first observable by default.
        presample: periods at the start whose density is not counted.

    Source: Fair and Taylor (1983, Econometrica 51); Guerrieri and Iacoviello (2017, Journal of Monetary Economics 90).
    """

    paired: tuple[NonNegative, ...] = ()
    presample: NonNegative = 0

    reads: ClassVar[type] = NonlinearStateSpace
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def __post_init__(self) -> None:
        check_fields(self, "likelihood.")
        if len(set(self.paired)) < len(self.paired):
            raise ArgumentError(f"likelihood.paired={self.paired} gives one shock to two observables")

    def for_data(self, observations: Array) -> tuple["Inversion", Array]:
        """The filter itself, and observations ``[n_periods, n_obs]``.

        Raises:
            ArgumentError: the presample is as long as the observations.
        """
        check_presample(self.presample, observations)
        return self, jnp.asarray(observations, float)

    def loglikelihood(self, solution: Any, data: Array) -> Outcome:
        """Log-density of the observations, every constant included, and its status.

        Raises:
            ArgumentError: there are not as many shocks as observables, or `paired` does not name them.
        """
        n_obs, n_shocks = data.shape[1], solution.num_shocks
        if n_obs != n_shocks:
            instead = (
                "likelihood='piecewise_kalman'"
                if isinstance(solution, PiecewiseLinear)
                else "likelihood='particle'"
            )
            raise ArgumentError(
                f"likelihood Inversion needs as many shocks as observables, and there are {n_shocks} shocks for "
                f"{n_obs} observables; with measurement errors {instead} takes any number"
            )
        paired = self.paired or tuple(range(n_obs))
        if sorted(paired) != list(range(n_obs)):
            raise ArgumentError(
                f"likelihood.paired={paired} must give each of the {n_obs} observables a shock of its own, "
                f"from 0 to {n_shocks - 1}"
            )
        return _likelihood(self.presample, paired, solution, data)


@singledispatch
def inverted(solution: Any, observations: Array, paired: tuple[int, ...]) -> Any:
    """Shocks, states and log-densities by period, as fields ``shocks``, ``variables``, ``logdensity``, ``status``.

    Args:
        solution: a representation.
        observations: ``[n_periods, n_obs]`` without trend; NaN is missing.
        paired: the shock of each observable.
    """
    raise ArgumentError(f"likelihood Inversion has no rule for a {type(solution).__name__}")


inverted.register(PiecewiseLinear, invert_piecewise)


@partial(jax.jit, static_argnums=(0, 1))
def _likelihood(presample: int, paired: tuple[int, ...], solution: Any, observations: Array) -> Outcome:
    @impossible_if_not_finite
    def likelihood(solution: Any, observations: Array) -> Outcome:
        found = inverted(solution, without_trend(solution, observations), paired)
        status = found.status[jnp.argmax(found.status != Status.OK)]
        gaps = jnp.isnan(observations)
        return outcome(
            found.logdensity[presample:].sum(),
            (solution.status == Status.OK, solution.status),
            (gaps | jnp.isfinite(observations), Status.NOT_FINITE.value),
            ((solution.obs_cov == 0.0).all(), Status.SINGULAR_OBSERVABLES.value),
            (status == Status.OK, status),
        )

    return likelihood(solution, observations)
