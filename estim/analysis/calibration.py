"""Simulation-based calibration: is the parameter behind simulated data a draw of their posterior like any other?

Parameters from the prior and data given them are a draw of their joint distribution, so that among L independent draws
of the posterior the rank of the parameter behind the data is uniform on 0 .. L (Talts, Betancourt, Simpson, Vehtari and
Gelman 2018, arXiv:1804.06788). Whatever is wrong, the simulation, the likelihood or the sampler, moves the ranks.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy

from estim.arguments import ArgumentError, Positive, checked

_NUM_SIMULATED = 1000
_COVERAGE = 0.95


class RankTest(NamedTuple):
    """How uniform ranks are, parameter by parameter.

    Attributes:
        pvalue: of the chi-square test, ``[n_params]``.
        counts: replications by bin, ``[n_params, num_bins]``.
        excess: the empirical distribution function of the ranks less the uniform one, at 0 .. `num_draws`,
            ``[n_params, num_draws + 1]``.
        envelope: between these two, ``[2, num_draws + 1]``, all of the excess of one parameter lies with probability
            0.95 where the ranks are uniform.
        outside: whether the excess leaves the envelope somewhere, ``[n_params]``.
    """

    pvalue: np.ndarray
    counts: np.ndarray
    excess: np.ndarray
    envelope: np.ndarray
    outside: np.ndarray


@checked
def calibration_ranks(draws: Any, truth: Any, num_draws: Positive) -> np.ndarray:
    """The rank of the parameters behind the data among draws of their posterior, thinned to a fixed number.

    Draws of a chain resemble their neighbours, and ranks among draws that do are not uniform: take chains with
    several times `num_draws` effective draws.

    Args:
        draws: ``[chain, draw, n_params]``, in any units.
        truth: the parameters that the data were simulated from, ``[n_params]``, in the same units.
        num_draws: how many are kept, evenly spaced over the chains joined one after another.

    Returns:
        Ranks ``[n_params]``, from 0 to `num_draws`.

    Raises:
        ArgumentError: there are fewer draws than are to be kept.

    Source: Talts, Betancourt, Simpson, Vehtari and Gelman (2018), arXiv:1804.06788, algorithm 2.
    """
    joined = np.asarray(draws, float).reshape(-1, np.shape(draws)[-1])
    if len(joined) < num_draws:
        raise ArgumentError(f"calibration_ranks: {len(joined)} draws are fewer than num_draws={num_draws}")
    kept = joined[((np.arange(num_draws) + 0.5) * len(joined) / num_draws).astype(int)]
    return np.sum(kept < np.asarray(truth, float)[None, :], axis=0)


@checked
def uniformity(ranks: Any, num_draws: Positive, num_bins: Positive | None = None) -> RankTest:
    """Whether ranks are uniform: the chi-square test, and the envelope of their distribution function.

    Args:
        ranks: of `calibration_ranks`, ``[replication, n_params]``.
        num_draws: the number of draws that they are ranks among.
        num_bins: of the chi-square test; by default as many as leave ten replications to each, from two to twenty.
            Bins have equal shares of the ranks where `num_bins` divides `num_draws` + 1, and nearly equal ones else,
            for which the test allows.

    Returns:
        The tests; p-values are those of one parameter, with no correction for how many there are.

    Raises:
        ArgumentError: a rank is not between 0 and `num_draws`, or there are none.

    Source: the envelope is that of Säilynoja, Bürkner and Vehtari (2022), Statistics and Computing 32: pointwise
    binomial intervals, as wide as holds the whole function with probability 0.95, here found by simulation.
    """
    ranks = np.asarray(ranks)
    if ranks.ndim != 2 or not ranks.size or ranks.min() < 0 or ranks.max() > num_draws:
        raise ArgumentError(
            f"uniformity: ranks must be an array [replication, n_params] of numbers from 0 to {num_draws}"
        )
    num = len(ranks)
    num_bins = num_bins or int(np.clip(num // 10, 2, min(20, num_draws + 1)))
    bins = np.arange(num_draws + 1) * num_bins // (num_draws + 1)
    expected = num * np.bincount(bins, minlength=num_bins) / (num_draws + 1)
    counts = np.stack([np.bincount(bins[column], minlength=num_bins) for column in ranks.T])
    pvalue = scipy.stats.chi2.sf(((counts - expected) ** 2 / expected).sum(axis=1), num_bins - 1)
    below = _counts_below(ranks.T, num_draws)
    low, high = _envelope(num, num_draws)
    uniform = np.arange(1, num_draws + 2) / (num_draws + 1)
    outside = np.any((below < low) | (below > high), axis=1)
    envelope = np.stack([low, high]) / num - uniform
    return RankTest(pvalue, counts, below / num - uniform, envelope, outside)


def _counts_below(ranks: np.ndarray, num_draws: int) -> np.ndarray:
    """How many ranks ``[..., replication]`` are at most 0 .. `num_draws`, ``[..., num_draws + 1]``."""
    return np.stack([np.cumsum(np.bincount(row, minlength=num_draws + 1)) for row in ranks])


def _envelope(num: int, num_draws: int) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest counts of `_counts_below` of uniform ranks, together with probability 0.95."""
    rng = np.random.default_rng(0)
    uniform = np.arange(1, num_draws + 2) / (num_draws + 1)
    below = _counts_below(rng.integers(0, num_draws + 1, (_NUM_SIMULATED, num)), num_draws)
    tail = 2 * np.minimum(
        scipy.stats.binom.cdf(below, num, uniform), scipy.stats.binom.sf(below - 1, num, uniform)
    )
    level = np.quantile(tail.min(axis=1), 1 - _COVERAGE)
    return scipy.stats.binom.ppf(level / 2, num, uniform), scipy.stats.binom.isf(level / 2, num, uniform)
