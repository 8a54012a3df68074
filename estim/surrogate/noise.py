"""The noise of an estimated log-likelihood as a function of the parameters, and what it costs.

A particle filter's likelihood is right on average, and the logarithm of what is right on average is too low. Where the
estimate is lognormal with variance v(x) of its logarithm,

    E log p_hat(y | x) = log p(y | x) - v(x) / 2,

so that a surrogate learns log p_hat + v / 2, from points that weigh the less the larger v is. The variance is seen
where the log-likelihood is evaluated several times with other random numbers, and is smooth between: log v is a
quadratic in each parameter, fitted by the likelihood of the sample variances, chi-squares about v.

Source: Bérard, Del Moral and Doucet (2014), Electronic Journal of Probability 19, for the lognormal limit; Tran,
Scharth, Pitt and Kohn (2013), "Importance sampling squared", arXiv:1309.3339, for weights of such estimates.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.stats

from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.surrogate.evaluate import evaluate_posterior

NUM_POINTS, NUM_REPEATS = 100, 6
"""Points at which the log-likelihood is evaluated again, and how often: the level of v is known to about 6 percent."""

OWN_ERROR = 0.1
"""Of a surrogate, in log-likelihood: points whose noise is smaller weigh no more for it."""

_SMALLEST = 1e-12


class Noise(NamedTuple):
    """Variance of the log-likelihood's noise, a function of the position.

    With z = (position - center) / scale, moved into the box ``[low, high]`` of the points that were looked at,

        v = exp(offset + slope' z + curvature' z^2).
    """

    center: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    offset: float
    slope: np.ndarray
    curvature: np.ndarray

    def variance(self, position: np.ndarray) -> np.ndarray:
        """``[n]`` at host positions ``[n, dim]``."""
        z = np.clip((np.asarray(position) - self.center) / self.scale, self.low, self.high)
        return np.exp(self.offset + z @ self.slope + z**2 @ self.curvature)


class NoiseCost(NamedTuple):
    """What noise does to weights, over draws.

    Attributes:
        variance: of the log-likelihood, on average.
        effective_share: of evaluations that are as good as exact ones: 1 / E exp(v).
        total_variation: that the weights would show of a perfect surrogate: E[2 Phi(sqrt(v) / 2) - 1].
    """

    variance: float
    effective_share: float
    total_variation: float

    def __str__(self) -> str:
        return (
            f"variance {self.variance:.2f} of the log-likelihood: evaluations count {self.effective_share:.0%}, and it "
            f"alone is a total variation of {self.total_variation:.1%}"
        )


def estimate_noise(posterior: Posterior, points: Evaluations, weight: np.ndarray) -> Noise:
    """The noise of a posterior's log-likelihood, from NUM_REPEATS evaluations at each of NUM_POINTS points.

    Args:
        posterior: its likelihood is noisy.
        points: host arrays with the leading axis ``[n]``, of which the most important are looked at again.
        weight: their importance ``[n]``.

    Raises:
        ValueError: at fewer than a quarter of the points the log-likelihood is finite each time.
    """
    position = np.asarray(points.position, float)
    num = min(NUM_POINTS, len(position))
    rng = np.random.default_rng(0)
    chosen = position[rng.choice(len(position), num, replace=False, p=weight / weight.sum())]
    found = evaluate_posterior(posterior, np.repeat(chosen, NUM_REPEATS, axis=0), anew=True)
    values = np.asarray(found.loglikelihood, float).reshape(num, NUM_REPEATS)
    finite = np.isfinite(values).all(axis=1)
    if finite.sum() < max(num / 4, 2):
        raise ValueError(
            f"the noise of the log-likelihood is not known: at {finite.sum()} of {num} points all of {NUM_REPEATS} "
            "estimates are finite; take more particles"
        )
    return fit_noise(chosen[finite], values[finite].var(axis=1, ddof=1), NUM_REPEATS - 1)


def fit_noise(position: np.ndarray, variances: np.ndarray, freedom: int) -> Noise:
    """The smooth function behind sample variances ``[n]`` at ``position`` ``[n, dim]``.

    The largest posterior density of its coefficients: variances are v chi^2 / ``freedom``, and slope and curvature
    standard normal beforehand, so that few points say that v is constant.
    """
    dim = position.shape[1]
    center, scale = position.mean(axis=0), position.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    z = (position - center) / scale
    features = np.concatenate([np.ones((len(z), 1)), z, z**2], axis=1)
    variances = np.maximum(variances, _SMALLEST)
    ridge = np.array([0.0] + [1.0] * (2 * dim))
    unit = np.log(variances.mean())  # in its units rounding is no matter

    def objective(b: np.ndarray) -> tuple[float, np.ndarray]:
        log_v = features @ b
        share = variances * np.exp(-unit - log_v)
        value = freedom / 2 * np.sum(log_v + share) + 0.5 * np.sum(ridge * b**2)
        return value, freedom / 2 * features.T @ (1 - share) + ridge * b

    b = scipy.optimize.minimize(objective, np.zeros(1 + 2 * dim), jac=True, method="BFGS").x
    return Noise(
        center, scale, z.min(axis=0), z.max(axis=0), float(unit + b[0]), b[1 : dim + 1], b[dim + 1 :]
    )


def without_bias(points: Evaluations, noise: Noise) -> Evaluations:
    """Points (host arrays) with half of the noise's variance added to the log-likelihood.

    Their gradients, if they have some, are left out: they are noisier than the values.
    """
    lifted: Any = np.asarray(points.loglikelihood) + 0.5 * noise.variance(np.asarray(points.position))
    return points._replace(loglikelihood=lifted, gradient=None)


def noise_cost(noise: Noise, position: np.ndarray) -> NoiseCost:
    """Over draws ``[n, dim]``, of noise that is independent from one to the next."""
    variance = noise.variance(position)
    alone = 2 * scipy.stats.norm.cdf(np.sqrt(variance) / 2) - 1
    return NoiseCost(
        float(variance.mean()), float(1 / np.exp(np.minimum(variance, 700)).mean()), float(alone.mean())
    )
