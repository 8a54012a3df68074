"""Monte Carlo estimates of a surrogate's quality: decisions, importance weights, divergence."""

from typing import NamedTuple

import numpy as np

RELIABLE_KHAT = 0.7
"""Pareto k-hat up to which importance weights can be trusted (Vehtari, Simpson, Gelman, Yao and Gabry 2024)."""


class Estimate(NamedTuple):
    """A Monte Carlo estimate and its standard error."""

    value: float
    error: float


def evenly_spaced(draws: np.ndarray, num: int) -> np.ndarray:
    """`num` positions ``[num, dim]`` of ``draws`` ``[chain, draw, dim]``, in order, chain by chain; float64.

    Raises:
        ValueError: there are fewer draws.
    """
    chains, length, _ = draws.shape
    if num > chains * length:
        raise ValueError(f"{num} evaluations asked for, but there are only {chains * length} draws")
    index = np.linspace(0, chains * length - 1, num).astype(int)
    return np.asarray(draws[index // length, index % length], float)


def accept_probability(log_density: np.ndarray, log_density_proposal: np.ndarray) -> np.ndarray:
    """min(1, p(x')/p(x)) of log-densities ``[n]``; from a point of no density every other is accepted."""
    with np.errstate(invalid="ignore"):
        log_ratio = np.minimum(log_density_proposal - log_density, 0)
    return np.where(np.isneginf(log_density_proposal), 0.0, np.exp(log_ratio))


def batch_means(values: np.ndarray) -> Estimate:
    """Mean of a stationary sequence ``[n]`` and its standard error from sqrt(n) batches.

    The batches keep neighbours of one chain together, so autocorrelation inside a batch is
    counted. Source: Flegal, Haran and Jones (2008).
    """
    num_batches = int(np.sqrt(len(values)))
    means = np.array([batch.mean() for batch in np.array_split(values, num_batches)])
    return Estimate(float(values.mean()), float(means.std(ddof=1) / np.sqrt(num_batches)))


def pareto_smooth(log_weight: np.ndarray) -> tuple[np.ndarray, float]:
    """Normalised smoothed weights ``[n]`` and the Pareto k-hat of log importance weights ``[n]``.

    A weight of zero (-inf) stays zero. Equal weights have a k-hat of -inf. Source: Vehtari,
    Simpson, Gelman, Yao and Gabry (2024).

    Raises:
        ValueError: every weight is zero.
    """
    from arviz_stats.base import array_stats  # takes a second to import

    finite = np.isfinite(log_weight)
    if not finite.any():
        raise ValueError("no draw has a finite log-density under the true posterior")
    if np.ptp(log_weight[finite]) < 1e-10:
        return finite / finite.sum(), -np.inf
    # ArviZ expects the negative of the log weights (a log-likelihood left out).
    smoothed, khat = array_stats.psislw(-log_weight[finite])
    weight = np.zeros(len(log_weight))
    weight[finite] = np.exp(smoothed - smoothed.max())
    return weight / weight.sum(), float(khat)


def kl_divergence(log_weight: np.ndarray) -> Estimate:
    """KL(p || p_hat) from draws of p_hat with log p/p_hat ``[n]`` up to a constant.

    With w = p/p_hat unnormalised, KL = E[w log w] / E[w] - log E[w]; the error is that of its
    linearisation. Draws where p is zero count as zero weight.
    """
    log_weight = log_weight - log_weight.max()
    ratio = np.exp(log_weight)
    log_mean = np.log(ratio.mean())
    ratio = ratio / ratio.mean()
    log_ratio = np.where(ratio > 0, log_weight, 0.0) - log_mean
    value = float(np.mean(ratio * log_ratio))
    influence = ratio * (log_ratio - value) - (ratio - 1)
    return Estimate(value, batch_means(influence).error)
