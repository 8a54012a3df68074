"""`PiecewiseKalman`: the Kalman filter of a piecewise-linear solution, with measurement errors and missing data."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
from jax import lax

from estim.arguments import NonNegative, check_fields
from estim.likelihood.contract import Gradient, Likelihood
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.likelihood.singularity import SMALLEST_SHARE
from estim.likelihood.state_space.filtering import leave_out_missing, normal_logdensity
from estim.likelihood.state_space.start import Gaussian
from estim.numerics import solve_discrete_lyapunov
from estim.numerics.guess_and_verify import a_period_later
from estim.representations.piecewise import Law, PiecewiseLinear
from estim.representations.trend import without_trend
from estim.status import Status
from estim.typing import Array, Scalar

MAX_ROUNDS = 20


class PiecewiseFiltered(NamedTuple):
    """By period: ``mean`` ``[n]`` and ``cov`` ``[n, n]`` of the variables given the data so far, in deviations from
    rest, the regimes expected ``binding`` ``[H J]``, ``logdensity`` of the observations, and a `Status`."""

    mean: Array
    cov: Array
    binding: Array
    logdensity: Scalar
    status: Scalar


class Updated(NamedTuple):
    """Given what is observed in t: variables of t - 1 ``lag`` and shocks of t ``shock``, the state of t, and the
    log-density."""

    lag: Array
    shock: Array
    state: Gaussian
    logdensity: Scalar


@dataclass(frozen=True)
class PiecewiseKalman(Likelihood):
    """In each period the linear law of motion of the regimes that are expected in it, and these from what is filtered.

    The regimes expected in t are a fixed point: with their law of motion the state of t - 1 and the shocks of t are
    estimated from the observations up to t, and the piecewise-linear solution from there has these regimes. The
    search begins at those of t - 1, moved on by a period. Where a guess comes back without being a fixed point, the
    log-likelihood is -inf with the status NO_REGIMES: any number would be an artefact of where the search stops.
    The first period is in the reference regime, its state drawn from that regime's stationary distribution.

    As a function of the parameters the density jumps where the regimes of a period change. Between jumps its gradient
    is exact.

    Attributes:
        presample: periods at the start that are filtered but not counted.

    Source: Giovannini, Pfeiffer and Ratto (2021), "Efficient and robust inference of models with occasionally binding
    constraints", JRC Working Papers in Economics and Finance 2021/3.
    """

    presample: NonNegative = 0

    reads: ClassVar[type] = PiecewiseLinear
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def __post_init__(self) -> None:
        check_fields(self, "likelihood.")

    def loglikelihood(self, solution: PiecewiseLinear, data: Array) -> Outcome:
        """Log-density of the observations, every constant included, and its status."""
        return _likelihood(self.presample, solution, data)


@partial(jax.jit, static_argnums=0)
def _likelihood(presample: int, solution: PiecewiseLinear, observations: Array) -> Outcome:
    @impossible_if_not_finite
    def likelihood(solution: PiecewiseLinear, observations: Array) -> Outcome:
        filtered = filter_piecewise(solution, without_trend(solution, observations))
        bad = jnp.argmax(filtered.status != Status.OK)
        status = filtered.status[bad]
        gaps = jnp.isnan(observations)
        return outcome(
            filtered.logdensity[presample:].sum(),
            (solution.status == Status.OK, solution.status),
            ((solution.obs_cov, gaps | jnp.isfinite(observations)), Status.NOT_FINITE.value),
            (status == Status.OK, status),
        )

    return likelihood(solution, observations)


def filter_piecewise(solution: PiecewiseLinear, observations: Array) -> PiecewiseFiltered:
    """The filter of `PiecewiseKalman` on observations ``[n_periods, n_obs]`` without trend; NaN is missing.

    Returns:
        By period ``[n_periods, ...]``.
    """
    R = solution.selection
    cov, status = solve_discrete_lyapunov(solution.transition, R @ solution.shock_cov @ R.T)
    start = Gaussian(jnp.zeros(len(R)), jnp.where(status == Status.OK, cov, jnp.nan))
    at_start = jnp.where(status == Status.OK, Status.OK, Status.NO_STATIONARY_START)
    fixed = lax.stop_gradient(solution)

    def find_regimes(state: Gaussian, y: Array, guess: Array, known: Scalar) -> tuple[Array, Scalar]:
        """The fixed point of regimes; `known` where there is nothing to be searched for.

        A guess under which the observables are tied to each other, as a rate that is observed at its bound, is none.
        """

        def unsettled(carry):
            _, settled, _, rounds = carry
            return ~settled & (rounds < 2 * MAX_ROUNDS)

        def improve(carry):
            binding, *_, rounds = carry
            given = update(fixed, fixed.law(binding), state, y)
            new, status = fixed.search(given.lag, given.shock, binding)
            tied = ~jnp.isfinite(given.logdensity)
            status = jnp.where(tied, Status.SINGULAR_OBSERVABLES, status)
            same, bad = (new == binding).all() & (status == Status.OK), status != Status.OK
            again = (rounds < MAX_ROUNDS) & (bad | (rounds == MAX_ROUNDS - 1)) & ~same
            ended = jnp.where(again, MAX_ROUNDS, jnp.where(bad, 2 * MAX_ROUNDS, rounds + 1))
            return jnp.where(again, fixed.never, new), same, status, ended

        begin = guess, known, jnp.asarray(Status.OK.value), 0
        binding, settled, status, _ = lax.while_loop(unsettled, improve, begin)
        status = jnp.where(status == Status.OK, Status.NO_REGIMES, status)
        return binding, jnp.where(settled, Status.OK, status)

    def period(carry: tuple[Gaussian, Array, Scalar, Scalar], y: Array):
        state, binding, failed, first = carry
        guess = a_period_later(binding, solution.num_constraints)
        known = first | (failed != Status.OK)  # after a failure nothing matters any more
        binding, status = find_regimes(lax.stop_gradient(state), y, guess, known)
        status = jnp.where(failed != Status.OK, failed, status)
        found = update(solution, solution.law(binding), state, y)
        tied = (status == Status.OK) & ~jnp.isfinite(found.logdensity)
        status = jnp.where(tied, Status.SINGULAR_OBSERVABLES, status)
        row = PiecewiseFiltered(*found.state, binding, found.logdensity, status)
        return (found.state, binding, status, jnp.array(False)), row

    begin = start, solution.never, at_start, jnp.array(True)
    return lax.scan(period, begin, observations)[1]


def update(solution: PiecewiseLinear, law: Law, state: Gaussian, y: Array) -> Updated:
    """From the state of t - 1 to that of t, once y_t is seen, under a law of motion.

    With x_t = T x + R e + c, the observables are y_t = (M T + N) x + M R e + M c + d: a forecast error of x and e.
    """
    (T, R, c), Q, M = law, solution.shock_cov, solution.measured_now
    reads: Any = jnp.concatenate([M @ T + solution.measured_lag, M @ R], axis=1)
    v = y - solution.obs_intercept - M @ c - reads[:, : len(T)] @ state.mean
    v, reads, H, n_seen = leave_out_missing(v, reads, solution.obs_cov)
    by_state, by_shock = state.cov @ reads[:, : len(T)].T, Q @ reads[:, len(T) :].T
    F = reads @ jnp.concatenate([by_state, by_shock]) + H
    L = jnp.linalg.cholesky(F)
    u = jsl.solve_triangular(L, v, lower=True)
    weighed = jsl.solve_triangular(L, u, lower=True, trans=1)  # F^-1 v
    gain = jsl.solve_triangular(L, (T @ by_state + R @ by_shock).T, lower=True)
    lag, shock = state.mean + by_state @ weighed, by_shock @ weighed
    cov = T @ state.cov @ T.T + R @ Q @ R.T - gain.T @ gain
    smallest = jnp.sqrt(SMALLEST_SHARE * jnp.diagonal(F))
    return Updated(
        lag, shock, Gaussian(T @ lag + R @ shock + c, cov), normal_logdensity(u, L, n_seen, smallest)
    )
