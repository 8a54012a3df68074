"""Exact Gaussian log-likelihood of a moving average, from its block-Toeplitz covariance.

The data are stationary, so Cov(y_t, y_s) = Gamma_{t-s} and the covariance of the sample is
block-Toeplitz: by the lattice filter (`estim.likelihood.moving_average.lattice`) where nothing is missing, in at
most (n_periods n_obs)^2 operations, else by Cholesky's factorisation, in (n_periods n_obs)^3.
"""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from scipy.fft import next_fast_len

from estim.arguments import ArgumentError, NonNegative, check_fields
from estim.likelihood.contract import Gradient, Likelihood, check_presample
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.likelihood.moving_average.lattice import normal_logdensity
from estim.likelihood.singularity import SMALLEST_SHARE, singular_moving_average
from estim.numerics import block_toeplitz, follow_recursion, small_product, solve_discrete_lyapunov
from estim.representations.moving_average import MovingAverage
from estim.representations.trend import without_trend
from estim.status import Status
from estim.typing import Array, Scalar

Method = Literal["auto", "lattice", "cholesky"]


@dataclass(frozen=True)
class Toeplitz(Likelihood):
    """The exact Gaussian log-likelihood of a moving average, see `toeplitz_loglikelihood`.

    Attributes:
        presample: periods at the start that are conditioned on, not counted.
        method: how it is computed, by which the number does not change: "auto", "lattice" or "cholesky".

    Raises:
        ArgumentError: a setting is out of its range.
    """

    presample: NonNegative = 0
    method: Method = "auto"

    reads: ClassVar[type] = MovingAverage
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def __post_init__(self) -> None:
        check_fields(self, "likelihood.")

    def for_data(self, observations: Array) -> tuple["Toeplitz", Array]:
        """The method that suits these observations, and they themselves."""
        check_presample(self.presample, observations)
        method = _fastest_method(observations) if self.method == "auto" else self.method
        if self.method == "lattice" and _fastest_method(observations) == "cholesky":
            raise ArgumentError("likelihood.method='lattice' needs data without gaps; 'auto' takes any")
        return replace(self, method=method), jnp.asarray(observations)

    def loglikelihood(self, solution: MovingAverage, data: Array) -> Outcome:
        """Log-density of the observations, every constant included, and its status."""
        value = _loglikelihood(solution, data, presample=self.presample, method=self.method)
        return moving_average_outcome(value, solution, data)

    def logdensities(self, solution: MovingAverage, data: Array) -> Array:
        """Of each period, by Cholesky's factorisation."""
        covariances = autocovariances(solution, data.shape[0]).at[0].add(solution.obs_cov)
        centred = without_trend(solution, data) - solution.obs_intercept[None]
        each = _cholesky_logdensities(covariances, centred)[self.presample :]
        return jnp.where(solution.status == Status.OK, each, jnp.nan)


def moving_average_outcome(value: Scalar, solution: MovingAverage, observations: Array) -> Outcome:
    """The value, and why there is none."""
    well = jnp.isnan(observations) | jnp.isfinite(observations)
    return outcome(
        value,
        (solution.status == Status.OK, solution.status),
        ((solution, well), Status.NOT_FINITE.value),
    )


def _fastest_method(observations: Array) -> Method:
    """Where they are traced, both are compiled and the numbers decide."""
    if isinstance(observations, jax.core.Tracer):
        return "auto"
    return "cholesky" if np.isnan(observations).any() else "lattice"


def toeplitz_loglikelihood(
    moving_average: MovingAverage,
    observations: Array,
    *,
    presample: NonNegative = 0,
    method: Method = "auto",
) -> Scalar:
    """log p(y), the constant -(n/2) log(2 pi) for each observed number included.

    Args:
        moving_average: the model's solution.
        observations: ``[n_periods, n_obs]``; NaN marks a missing number.
        presample: periods at the start that are conditioned on, not counted.
        method: "lattice" is fast and wants no missing numbers; "cholesky" takes any; "auto" is
            the lattice where the observations are complete. Where they are traced, both are compiled
            and the numbers decide.

    Returns:
        The log-likelihood; -inf, with a gradient of zero, where the status is not OK or the
        covariance is not positive definite.
    """
    method = _fastest_method(observations) if method == "auto" else method
    return _loglikelihood(moving_average, observations, presample=presample, method=method)


@partial(jax.jit, static_argnames=("presample", "method"))
def _loglikelihood(
    moving_average: MovingAverage, observations: Array, *, presample: int, method: str
) -> Scalar:
    compute = {
        "auto": _fastest_logdensity,
        "lattice": _lattice_logdensity,
        "cholesky": _cholesky_logdensity,
    }[method]

    @impossible_if_not_finite
    def loglikelihood(moving_average: MovingAverage, observations: Array) -> Scalar:
        covariances = autocovariances(moving_average, observations.shape[0])
        covariances = covariances.at[0].add(moving_average.obs_cov)
        centred = without_trend(moving_average, observations) - moving_average.obs_intercept[None]
        value = compute(covariances, centred, presample)
        tied = singular_moving_average(moving_average) & ~jnp.isnan(observations).any()
        return jnp.where((moving_average.status == Status.OK) & ~tied, value, -jnp.inf)

    return loglikelihood(moving_average, observations)


@partial(jax.jit, static_argnames="num_lags")
def autocovariances(moving_average: MovingAverage, num_lags: int) -> Array:
    """Gamma_k = E[y_{t+k} y_t'], k = 0 ... num_lags-1, of the moving average without measurement error.

    ``[num_lags, n_obs, n_obs]``. Up to the horizon by FFT, padded so that the last lags do not alias. The tail
    psi_{T+j} = C F^j G adds C M_k, with

        M_{k+1} = F M_k + G Q psi_{T-1-k}',      M_0 = P C',      P = F P F' + G Q G'.
    """
    psi, cov, tail = moving_average.impulse_responses, moving_average.shock_cov, moving_average.tail
    horizon = psi.shape[0]
    length = next_fast_len(horizon + num_lags - 1, real=True)
    transform = jnp.fft.rfft(psi, length, axis=0)
    spectrum = small_product(small_product(transform, cov), transform.conj().swapaxes(1, 2))
    gamma = jnp.fft.irfft(spectrum, length, axis=0)[: min(horizon, num_lags)]
    gamma = jnp.pad(gamma, ((0, num_lags - len(gamma)), (0, 0), (0, 0)))
    if tail is None:
        return gamma
    C, F, G = tail
    P, _ = solve_discrete_lyapunov(F, G @ cov @ G.T)
    backwards = jnp.pad(psi[::-1], ((0, num_lags), (0, 0), (0, 0)))[: num_lags - 1]
    moved = jnp.concatenate([(C @ P.T)[None], backwards @ (G @ cov).T])
    return gamma + C @ follow_recursion(moved, F.T).swapaxes(1, 2)


def _fastest_logdensity(covariances: Array, centred: Array, presample: int) -> Scalar:
    """The lattice filter where no number is missing, else Cholesky's factorisation."""
    missing = jnp.isnan(centred)

    def lattice(covariances: Array, centred: Array) -> Scalar:
        return _lattice_logdensity(covariances, jnp.where(missing, 0.0, centred), presample)

    cholesky = partial(_cholesky_logdensity, presample=presample)
    return jax.lax.cond(missing.any(), cholesky, lattice, covariances, centred)


def _cholesky_logdensity(covariances: Array, centred: Array, presample: int) -> Scalar:
    """log p(y | presample), by Cholesky's factorisation of the whole covariance."""
    return jnp.sum(_cholesky_logdensities(covariances, centred)[presample:])


def _cholesky_logdensities(covariances: Array, centred: Array) -> Array:
    """log p(y_t | y_1 .. y_{t-1}) ``[n_periods]``."""
    n_periods, n_obs = centred.shape
    observed = ~jnp.isnan(centred).reshape(-1)
    full = block_toeplitz(covariances)
    # A missing number becomes a standard normal that happens to be zero: it adds nothing.
    full = jnp.where(observed[:, None] & observed[None], full, jnp.eye(n_periods * n_obs))
    values = jnp.where(observed, jnp.nan_to_num(centred).reshape(-1), 0.0)
    factor = jnp.linalg.cholesky(full)
    standardised = jax.scipy.linalg.solve_triangular(factor, values, lower=True)
    pivots = jnp.diagonal(factor)
    pivots = jnp.where(
        pivots**2 > SMALLEST_SHARE * jnp.diagonal(full), pivots, jnp.nan
    )  # else it is singular
    each = -0.5 * standardised**2 - jnp.log(pivots) - 0.5 * math.log(2 * math.pi) * observed
    return each.reshape(n_periods, n_obs).sum(axis=1)


def _lattice_logdensity(covariances: Array, centred: Array, presample: int) -> Scalar:
    """log p(y | presample), by the lattice filter."""
    value = normal_logdensity(covariances, centred)
    if presample:
        value -= normal_logdensity(covariances[:presample], centred[:presample])
    return value
