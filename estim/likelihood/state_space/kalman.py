"""The Gaussian log-likelihood of a linear state space, by whichever filter suits the data."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import ArgumentError, NonNegative, check_fields, shown
from estim.likelihood.contract import Gradient, Likelihood, check_presample
from estim.likelihood.failure import Doubt, Outcome, impossible_if_not_finite, outcome
from estim.likelihood.singularity import singular_state_space
from estim.likelihood.state_space.chandrasekhar import Forecasts, stationary_logdensities
from estim.likelihood.state_space.diffuse import diffuse_loglikelihood
from estim.likelihood.state_space.filtering import filter_states
from estim.likelihood.state_space.parallel import parallel_logdensities
from estim.likelihood.state_space.square_root import square_root_logdensities
from estim.likelihood.state_space.start import STARTS, Gaussian, Start
from estim.numerics import compute_where
from estim.observations import EVALUATED_TOGETHER, in_whole_blocks
from estim.representations.linear import StateSpace
from estim.representations.trend import without_trend
from estim.status import Status
from estim.typing import Array, Scalar

Method = Literal["auto", "standard", "chandrasekhar", "square_root", "parallel"]


class KalmanData(NamedTuple):
    """What the filters read.

    Attributes:
        observations: ``[n_rows, n_obs]``, NaN where missing. Periods in which nothing is observed follow the sample
            until there are a multiple of eight: a quarter more has the shape of the last one, and compiles nothing.
        start: the first state's distribution, if it is given.
        num_periods: of the sample.
    """

    observations: Array
    start: Gaussian | None = None
    num_periods: Array | int = 0


@dataclass(frozen=True)
class Kalman(Likelihood):
    """The Gaussian log-likelihood of a linear state space.

    Attributes:
        presample: periods at the start that are filtered but not counted: a whole number from 0 to less than those
            of the data.
        start: the state of the first period before it is observed. "stationary": mean zero and
            the unconditional covariance; "diffuse": nothing is known in the directions in
            which the model has unit roots, and the others are stationary (the value is then
            the limit in `estim.likelihood.state_space.diffuse`); "approximate_diffuse": mean zero and
            variance 10 in every direction of the state; "riccati": mean zero and the covariance
            that the filter converges to; or a `Gaussian` of your own.
        method: the filter, by which the number does not change. "chandrasekhar" is several times faster and needs
            complete data and a stationary start; "standard" takes any; "square_root" is the most robust to
            rounding; "parallel" runs over all periods at once, for GPUs. "auto" is the first
            where the observations are known, when the function is traced, to have no gap.
            A diffuse start has a filter of its own.
        shock_scales: rows of numbers ``[n, n_shocks]``, by which the standard deviations of shocks are multiplied in
            each of the first n periods of the data (those of the first period are in the start, and are not); later
            ones have one. With them the method is "standard", or start="diffuse".

    Raises:
        ArgumentError: a setting is out of its range, or two do not go together.

    Source: Durbin and Koopman (2012), Time Series Analysis by State Space Methods, ch. 4 and 7.
    """

    presample: NonNegative = 0
    start: Start | None = "stationary"
    method: Method = "auto"
    shock_scales: Any = None

    reads: ClassVar[type] = StateSpace
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def __post_init__(self) -> None:
        check_fields(self, "likelihood.")
        if self.method == "chandrasekhar" and not _is(self.start, "stationary"):
            raise ArgumentError("likelihood.method='chandrasekhar' needs start='stationary'")
        if _is(self.start, "diffuse") and self.method not in ("auto", "standard"):
            raise ArgumentError(
                f"likelihood.method={self.method!r}: start='diffuse' has a filter of its own, method 'auto' or "
                "'standard'"
            )
        if self.shock_scales is not None:
            if self.method not in ("auto", "standard"):
                raise ArgumentError(
                    f"likelihood.method={self.method!r}: with shock_scales it is 'auto' or 'standard'"
                )
            object.__setattr__(self, "shock_scales", _rows_of_scales(self.shock_scales))

    def check_specification(self, spec: Any) -> None:
        """Has each shock its scale?"""
        if self.shock_scales and len(self.shock_scales[0]) != len(spec.shocks._fields):
            raise ArgumentError(
                f"likelihood.shock_scales: a row has a number for each of {', '.join(spec.shocks._fields)}, not "
                f"{len(self.shock_scales[0])}"
            )

    def solver_for(self, solver: Any) -> Any:
        """Nothing known of the state, in the units of the variables: then the state must be these. And whatever
        changes with the period must be in the solution."""
        if self.shock_scales:
            solver = replace(solver, shock_scales=self.shock_scales)
        return replace(solver, state="variables") if _is(self.start, "approximate_diffuse") else solver

    def for_data(self, observations: Array) -> tuple["Kalman", KalmanData]:
        """The filter that suits these observations, and they themselves."""
        check_presample(self.presample, observations)
        if self.method == "chandrasekhar" and not _known_complete(observations, True):
            raise ArgumentError("likelihood.method='chandrasekhar' needs data without gaps; 'auto' takes any")
        given = self.start if isinstance(self.start, Gaussian) else None
        start: Any = None if given is not None else self.start
        method = self.method
        if method == "auto":
            fastest = fastest_method(observations, self.start or "diffuse")
            method = "standard" if self.shock_scales else fastest
        row = replace(self, start=start, method=method)
        traced = isinstance(observations, jax.core.Tracer)
        rows = jnp.asarray(
            observations if traced else in_whole_blocks(observations, EVALUATED_TOGETHER), float
        )
        return row, KalmanData(rows, jax.tree.map(jnp.asarray, given), jnp.asarray(len(observations)))

    def loglikelihood(self, solution: StateSpace, data: KalmanData) -> Outcome:
        """Log-density of the observations, every constant included, and its status."""
        return _likelihood(
            solution,
            data.observations,
            data.start,
            presample=self.presample,
            method=self.method,
            start=self.start,
        )

    def logdensities(self, solution: StateSpace, data: KalmanData) -> Array | None:
        """Of each period; None from a diffuse start, whose first periods have no density."""
        if _is(self.start, "diffuse"):
            return None
        observations = without_trend(solution, data.observations)
        forecasts, _ = _filtered(solution, observations, data.start, self.method, self.start)
        each = forecasts.logdensities[self.presample :]
        return jnp.where(solution.status == Status.OK, each, jnp.nan)

    def num_terms(self, data: KalmanData, num_rows: int) -> int:
        """Those of the sample."""
        return int(data.num_periods) - self.presample


def _rows_of_scales(given: Any) -> tuple[tuple[float, ...], ...]:
    """Such that settings can be compared.

    Raises:
        ArgumentError: they are no rows of numbers from zero on.
    """
    try:
        rows = np.array(given, float)
    except (TypeError, ValueError):
        rows = np.full((), np.nan)
    if rows.ndim != 2 or not rows.size or not (np.isfinite(rows) & (rows >= 0)).all():
        raise ArgumentError(
            f"likelihood.shock_scales must be rows of numbers from zero on, one a period, not {shown(given)}"
        )
    return tuple(map(tuple, rows.tolist()))


def _is(start: Any, name: str) -> bool:
    return isinstance(start, str) and start == name


def _known_complete(observations: Array, where_unknown: bool) -> bool:
    """Whether no number is missing before the last period with one; `where_unknown` of traced observations."""
    if isinstance(observations, jax.core.Tracer):
        return where_unknown
    missing = np.isnan(np.asarray(observations, float))
    return not missing[: len(missing) - _num_empty(missing)].any()


def _num_empty(missing: np.ndarray) -> int:
    """How many periods at the end have no number."""
    seen = np.flatnonzero(~missing.all(axis=1))
    return len(missing) - (seen[-1] + 1 if len(seen) else 0)


def _after_the_last(observations: Array) -> Array:
    """``[n_rows]``: whether neither the period nor a later one has a number."""
    empty = jnp.isnan(observations).all(axis=1)
    return jnp.flip(jnp.cumprod(jnp.flip(empty))).astype(bool)


def kalman_loglikelihood(
    state_space: StateSpace,
    observations: Array,
    *,
    presample: NonNegative = 0,
    start: Start = "stationary",
    method: Method = "auto",
) -> Scalar:
    """Log-density of the observations, every constant included: the value of `kalman_likelihood`, which see.

    Args:
        state_space: the model's solution.
        observations: ``[n_periods, n_obs]``; NaN is missing.
        presample, start, method: see `Kalman`.

    Returns:
        The log-likelihood; -inf where there is none.

    Raises:
        ArgumentError: the start or the method is unknown, or they do not go together.
    """
    return kalman_likelihood(state_space, observations, presample=presample, start=start, method=method).value


def kalman_likelihood(
    state_space: StateSpace,
    observations: Array,
    *,
    presample: NonNegative = 0,
    start: Start = "stationary",
    method: Method = "auto",
) -> Outcome:
    """Log-density of the observations, every constant included, and its status.

    Args:
        state_space: the model's solution.
        observations: y ``[n_periods, n_obs]``; NaN marks a missing number.
        presample, start, method: see `Kalman`.

    Returns:
        The log-likelihood, with -(n/2) ln 2 pi for each number observed, and OK. It is -inf, with
        a gradient of zero, and the status says why, where the state space has a bad status, something
        is not finite, the start does not exist, or the observables are tied to each other (see
        `estim.likelihood.singularity`), so that a forecast covariance is not positive definite.

    Raises:
        ArgumentError: the start or the method is unknown, or they do not go together.
    """
    row, data = Kalman(presample, start, method).for_data(observations)
    return row.loglikelihood(state_space, data)


def fastest_method(observations: Array, start: Start = "stationary") -> Method:
    """What "auto" stands for; traced observations count as having gaps."""
    stationary = not isinstance(start, Gaussian) and start == "stationary"
    return "chandrasekhar" if stationary and _known_complete(observations, False) else "standard"


def _complete_then_empty(state_space: StateSpace, observations: Array, start: Gaussian) -> Forecasts:
    """Periods after the last number have any numbers, which nothing depends on, and a density of one."""
    after = _after_the_last(observations)
    filled = jnp.where(after[:, None], 0.0, observations)
    found = stationary_logdensities(state_space, filled, start)
    found = found._replace(logdensities=jnp.where(after, 0.0, found.logdensities))
    return found._replace(logdensities=_again_where_lost(found, state_space, observations, start))


def _again_where_lost(
    found: Forecasts, state_space: StateSpace, observations: Array, start: Gaussian
) -> Array:
    """The log-densities, by the filter that carries P_t where rounding left nothing of them: next to a unit root."""

    def standard(matrices: Any, start: Gaussian, observations: Array) -> Array:
        return filter_states(state_space._replace(**matrices), observations, start)[1]

    @jax.custom_vjp
    def densities(lost: Scalar, fast: Array, *given: Any) -> Array:
        return compute_where(lost, standard, fast, *given)

    def forward(lost: Scalar, fast: Array, *given: Any) -> tuple[Array, Any]:
        return compute_where(lost, standard, fast, *given), (lost, given)

    def backward(kept: Any, along: Array) -> Any:
        lost, given = kept
        again = lambda given, along: jax.vjp(standard, *given)[1](along)
        nothing = jax.tree.map(jnp.zeros_like, given)
        return None, jnp.where(lost, 0.0, along), *compute_where(lost, again, nothing, given, along)

    densities.defvjp(forward, backward)
    matrices = dict(zip(state_space._fields[:6], state_space[:6], strict=True))
    return densities(jax.lax.stop_gradient(found.lost), found.logdensities, matrices, start, observations)


_METHODS = {
    "standard": lambda *args: Forecasts(filter_states(*args)[1], jnp.array(False)),
    "chandrasekhar": _complete_then_empty,
    "square_root": lambda *args: Forecasts(square_root_logdensities(*args), jnp.array(False)),
    "parallel": lambda *args: Forecasts(parallel_logdensities(*args), jnp.array(False)),
}


def _filtered(
    state_space: StateSpace, observations: Array, given: Gaussian | None, method: str, start: Any
) -> tuple[Forecasts, Gaussian]:
    """By the method, from the start that is given or named."""
    first = STARTS[start](state_space) if given is None else given
    return _METHODS[method](state_space, observations, first), first


@partial(jax.jit, static_argnames=("presample", "method", "start"))
def _likelihood(state_space, observations, given, *, presample, method, start) -> Outcome:
    @impossible_if_not_finite
    def likelihood(state_space: StateSpace, observations: Array, given: Gaussian | None) -> Outcome:
        observations = without_trend(state_space, observations)
        first, regular = given, jnp.array(False)
        if start == "diffuse":
            value = diffuse_loglikelihood(state_space, observations, presample)
        else:
            (densities, regular, _), first = _filtered(state_space, observations, given, method, start)
            value = densities[presample:].sum()
        missing = jnp.isnan(observations)
        gaps = missing & ~_after_the_last(observations)[:, None]
        doubt = Doubt(
            ~(regular | gaps.any()),
            partial(singular_state_space, by_roots=method == "square_root"),
            state_space,
        )
        return outcome(
            value,
            (state_space.status == Status.OK, state_space.status),
            ((state_space[:6], given, missing | jnp.isfinite(observations)), Status.NOT_FINITE.value),
            (first, _NO_START.get(start, Status.NOT_FINITE).value),
            doubt=doubt,
        )

    return likelihood(state_space, observations, given)


_NO_START = {"stationary": Status.NO_STATIONARY_START, "riccati": Status.NOT_CONVERGED}
