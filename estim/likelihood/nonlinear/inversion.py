"""`Inversion`: the likelihood of as many shocks as observables, which leave no choice about them."""

from dataclasses import dataclass, replace
from functools import lru_cache, partial, singledispatch
from typing import Any, ClassVar

import jax.numpy as jnp

from estim.arguments import ArgumentError, NonNegative, check_fields
from estim.kept import compiled_by_structure
from estim.likelihood.contract import Gradient, Likelihood
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.likelihood.nonlinear.newton_inversion import invert_by_newton
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

    There are no measurement errors, and as many shocks as observables. Where an observable is missing, as a rate at its
    bound may be, the shock that is paired with it is zero. What no shocks can give is no observation of the model: the
    log-likelihood is -inf, and its status says so. On a linear model this is the Kalman filter that starts at rest.

    Where constraints bind at times, the density jumps, as a function of the parameters, where the regimes expected in a
    period change: the state then follows another law of motion. Between jumps its gradient is exact.

    Attributes:
        paired: for each observable the position of the shock that is zero where the observable is missing; the first
            shock belongs to the first observable by default.
        presample: periods at the start whose density is not counted.

    Raises:
        ArgumentError: a setting is out of its range.

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

    def check_specification(self, spec: Any) -> None:
        """
        Raises:
            ArgumentError: there are not as many shocks as observables, or there are measurement errors.
        """
        observables, shocks = spec.observables._fields, spec.shocks._fields
        self._paired(len(observables), len(shocks), f": {', '.join(shocks)} for {', '.join(observables)}")
        if spec.measurement_error is not None:
            raise ArgumentError(
                f"likelihood Inversion takes what is observed as exact, and {spec.name} has measurement errors: leave "
                "them out, or take likelihood='particle'"
            )

    def loglikelihood(self, solution: Any, data: Array) -> Outcome:
        """Log-density of the observations, every constant included, and its status.

        Raises:
            ArgumentError: there are not as many shocks as observables, or `paired` does not name them.
        """
        paired = self._paired(data.shape[1], solution.num_shocks)
        return _compiled(replace(self, paired=paired))(solution, data)

    def _paired(self, observables: int, shocks: int, names: str = "") -> tuple[int, ...]:
        if observables != shocks:
            raise ArgumentError(
                f"likelihood Inversion needs as many shocks as observables, and there are {shocks} shocks for "
                f"{observables} observables{names}; with measurement errors likelihood='particle' takes any "
                "number, where constraints bind at times 'piecewise_kalman', and at first order 'kalman'"
            )
        paired = self.paired or tuple(range(observables))
        if sorted(paired) != list(range(observables)):
            raise ArgumentError(
                f"likelihood.paired={paired} must give each of the {observables} observables a shock of its own, "
                f"from 0 to {shocks - 1}"
            )
        return paired


@singledispatch
def inverted(solution: Any, observations: Array, paired: tuple[int, ...]) -> Any:
    """Shocks and log-densities by period, as fields ``shocks``, ``logdensity``, ``status``.

    Args:
        solution: a representation.
        observations: ``[n_periods, n_obs]`` without trend; NaN is missing.
        paired: the shock of each observable.
    """
    raise ArgumentError(f"likelihood Inversion has no rule for a {type(solution).__name__}")


inverted.register(NonlinearStateSpace, invert_by_newton)
inverted.register(PiecewiseLinear, invert_piecewise)


@lru_cache(maxsize=8)
def _compiled(settings: Inversion) -> Any:
    return compiled_by_structure(partial(_likelihood, settings))


def _likelihood(settings: Inversion, solution: Any, observations: Array) -> Outcome:
    @impossible_if_not_finite
    def likelihood(solution: Any, observations: Array) -> Outcome:
        found = inverted(solution, without_trend(solution, observations), settings.paired)
        status = found.status[jnp.argmax(found.status != Status.OK)]
        errors = 0.0 if solution.obs_cov is None else solution.obs_cov
        return outcome(
            found.logdensity[settings.presample :].sum(),
            (solution.status == Status.OK, solution.status),
            (~jnp.isinf(observations).any(), Status.NOT_FINITE.value),
            (jnp.all(jnp.asarray(errors) == 0.0), Status.SINGULAR_OBSERVABLES.value),
            (status == Status.OK, status),
        )

    return likelihood(solution, observations)
