"""The marginal likelihood of a model from draws of its posterior, and the comparison of models.

Laplace's approximation comes with the mode (`estim.samplers.mode`), tempered SMC estimates it as
it samples (`estim.samplers.smc`); here is the third way.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import softmax
from scipy.stats import chi2

from estim.arguments import Fraction, checked
from estim.typing import Array


class HarmonicMean(NamedTuple):
    """``log_marginal_likelihood`` and its standard error, each ``[n_truncations]``."""

    truncations: np.ndarray
    log_marginal_likelihood: np.ndarray
    standard_error: np.ndarray


@checked
def modified_harmonic_mean(
    position: Array, logdensity: Array, truncations: Sequence[Fraction] = (0.1, 0.3, 0.5, 0.7, 0.9)
) -> HarmonicMean:
    """ln p(y) by Geweke's modified harmonic mean: p(y)^-1 = E[f / p(y, theta)], f a truncated normal.

    Args:
        position: draws ``[chain, draw, dim]`` in unconstrained space.
        logdensity: log-likelihood + log-prior ``[chain, draw]``, with the log-determinant of the transform.
        truncations: probability that the normal keeps of its centre; the results should agree.

    Returns:
        The estimates, with standard errors from batches of the chains.

    Source: Geweke (1999), Econometric Reviews 18, eq. (43).
    """
    dim = position.shape[-1]
    draws = np.asarray(position).reshape(-1, dim)
    root = np.linalg.cholesky(np.atleast_2d(np.cov(draws.T)))
    standardised = np.linalg.solve(root, (draws - draws.mean(0)).T)
    distance = (standardised**2).sum(0).reshape(logdensity.shape)
    logdet = np.log(np.diagonal(root)).sum()
    log_f = -0.5 * (dim * np.log(2 * np.pi) + distance) - logdet
    log_ratio = log_f - np.asarray(logdensity)
    shift = log_ratio.max()
    estimates, errors = [], []
    for kept in truncations:
        inside = distance <= chi2.ppf(kept, dim)
        ratio = np.where(inside, np.exp(log_ratio - shift), 0.0) / kept
        estimates.append(-shift - np.log(ratio.mean()))
        errors.append(_batch_standard_error(ratio) / ratio.mean())
    return HarmonicMean(np.asarray(truncations), np.asarray(estimates), np.asarray(errors))


def _batch_standard_error(values: np.ndarray, num_batches: int = 20) -> float:
    """Of the mean of correlated draws ``[chain, draw]``, from the means of batches (Geweke 1992)."""
    per_chain = max(2, num_batches // values.shape[0])
    length = values.shape[1] // per_chain
    means = values[:, : per_chain * length].reshape(-1, length).mean(axis=1)
    return float(means.std(ddof=1) / np.sqrt(len(means)))


@checked
def model_probabilities(
    log_marginal_likelihood: Mapping[str, float], prior: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Posterior probability of each model from its ln p(y); prior probabilities are equal if not given."""
    weights = np.array([np.log(prior[name]) if prior else 0.0 for name in log_marginal_likelihood])
    log_posterior = np.array(list(log_marginal_likelihood.values())) + weights
    return dict(zip(log_marginal_likelihood, softmax(log_posterior).tolist(), strict=True))
