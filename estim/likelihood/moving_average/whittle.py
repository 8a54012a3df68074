"""Whittle's approximation to the log-likelihood of a moving average, frequency by frequency.

Fast (no recursion over time) and off by a few log points in samples of macroeconomic length: a
screen for the first stage, not the answer. Source: Whittle (1953); Hansen and Sargent (1981).
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import ArgumentError
from estim.likelihood.contract import Gradient, Likelihood
from estim.likelihood.failure import Outcome, impossible_if_not_finite
from estim.likelihood.moving_average.toeplitz import moving_average_outcome
from estim.likelihood.singularity import singular_moving_average
from estim.representations.moving_average import MovingAverage
from estim.representations.trend import without_trend
from estim.status import Status
from estim.typing import Array, Scalar


@dataclass(frozen=True)
class Whittle(Likelihood):
    """Whittle's approximation, see `whittle_loglikelihood`: for data without gaps."""

    reads: ClassVar[type] = MovingAverage
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def for_data(self, observations: Array) -> tuple["Whittle", Array]:
        """The observations, in which no number is missing."""
        if not isinstance(observations, jax.core.Tracer) and np.isnan(observations).any():
            raise ArgumentError("likelihood 'whittle' needs data without gaps; 'toeplitz' takes any")
        return self, jnp.asarray(observations)

    def loglikelihood(self, solution: MovingAverage, data: Array) -> Outcome:
        """Approximate log-density of the observations, and its status."""
        return moving_average_outcome(whittle_loglikelihood(solution, data), solution, data)


def whittle_loglikelihood(moving_average: MovingAverage, observations: Array) -> Scalar:
    """Approximate log p(y), in the units of the exact one.

    -1/2 sum_w [ log det 2 pi S(w) + I(w) : S(w)^-1 ] over the sample's Fourier frequencies w, with
    S the spectral density (times 2 pi) of the moving average and I the periodogram.

    Args:
        moving_average: the model's solution.
        observations: ``[n_periods, n_obs]``, none of them missing.

    Returns:
        The approximate log-likelihood; -inf, with a gradient of zero, where the status is not OK.
    """
    return _loglikelihood(moving_average, observations)


@jax.jit
@impossible_if_not_finite
def _loglikelihood(moving_average: MovingAverage, observations: Array) -> Scalar:
    n_periods, n_obs = observations.shape
    psi = moving_average.impulse_responses
    # Fold the responses to the sample's length: their transform at its frequencies is then exact.
    folds = -(-psi.shape[0] // n_periods)
    padded = jnp.pad(psi, ((0, folds * n_periods - psi.shape[0]), (0, 0), (0, 0)))
    transfer = jnp.fft.fft(padded.reshape(folds, n_periods, *psi.shape[1:]).sum(axis=0), axis=0)
    if (tail := moving_average.tail) is not None:  # sum_j C F^j G z^(T+j) = z^T C (I - F z)^-1 G
        z = np.exp(-2j * np.pi * np.arange(n_periods) / n_periods)[:, None, None]
        F, G = tail.transition[None], tail.impact[None]
        after = jnp.linalg.solve(np.eye(F.shape[1])[None] - z * F, G + 0 * z)
        transfer += z ** psi.shape[0] * (tail.loading[None] @ after)
    spectrum = jnp.einsum("woi,ij,wpj->wop", transfer, moving_average.shock_cov + 0j, transfer.conj())
    spectrum += moving_average.obs_cov[None]
    centred = without_trend(moving_average, observations) - moving_average.obs_intercept[None]
    transform = jnp.fft.fft(centred, axis=0) / math.sqrt(n_periods)
    quadratic = jnp.vdot(transform, jnp.linalg.solve(spectrum, transform[..., None])[..., 0]).real
    _, logdet = jnp.linalg.slogdet(spectrum)
    value = -0.5 * (n_periods * n_obs * math.log(2 * math.pi) + jnp.sum(logdet) + quadratic)
    well = (moving_average.status == Status.OK) & ~singular_moving_average(moving_average)
    return jnp.where(well, value, -jnp.inf)
