"""Monte Carlo estimates of a surrogate's quality: decisions, importance weights, divergence."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

RELIABLE_KHAT = 0.7
"""Pareto k-hat above which no number of importance weights can be trusted."""

NUM_GROUPS = 30
"""Groups of neighbouring draws that the jackknife leaves out in turn."""


MAX_TAIL = 20_000
"""Draws from which the tail of a variance's terms is estimated."""


class Estimate(NamedTuple):
    """A Monte Carlo estimate and its standard error."""

    value: float
    error: float


def reliable_khat(num: float) -> float:
    """Pareto k-hat up to which `num` importance weights can be trusted.

    min(1 - 1/log10(num), 0.7): Vehtari, Simpson, Gelman, Yao and Gabry (2024), equation 13.
    """
    return min(1 - 1 / np.log10(num), RELIABLE_KHAT) if num > 1 else -np.inf


def evenly_spaced(draws: np.ndarray, num: int) -> np.ndarray:
    """`num` positions ``[num, dim]`` of ``draws`` ``[chain, draw, dim]``, in order, chain by chain; float64.

    Raises:
        ValueError: there are fewer draws, or not three axes.
    """
    if np.ndim(draws) != 3:
        raise ValueError(f"draws are [chain, draw, dim], not an array of shape {np.shape(draws)}")
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


def pareto_khat(log_weight: np.ndarray) -> float:
    """The Pareto k-hat of log importance weights ``[n]``, of which those of zero (-inf) have no part in the tail.

    Equal weights have a k-hat of -inf. Source: Vehtari, Simpson, Gelman, Yao and Gabry (2024).

    Raises:
        ValueError: every weight is zero.
    """
    from arviz_stats.base import array_stats  # takes a second to import

    finite = log_weight[np.isfinite(log_weight)]
    if not len(finite):
        raise ValueError("no draw has a finite log-density under the true posterior")
    if np.ptp(finite) < 1e-10:
        return -np.inf
    # ArviZ expects the negative of the log weights (a log-likelihood left out).
    return float(array_stats.psislw(-finite)[1])


def divergences(weight: np.ndarray, surrogate_weight: np.ndarray) -> np.ndarray:
    """KL(p || p_hat) in nats, total variation and chi-square(p || p_hat), ``[3]``.

    Of weights ``[n]`` of the same points for p and for p_hat, that is p / q and p_hat / q up to constants where the
    points come from q:

        KL = E_p log p/p_hat,   TV = E_p_hat |p/p_hat - 1| / 2,   chi-square = E_p p/p_hat - 1.

    Weights that are not numbers are of a p that is nowhere: infinite, one and infinite.
    """
    if not np.isfinite(weight).all():
        return np.array([np.inf, 1.0, np.inf])
    p, p_hat = weight / weight.sum(), surrogate_weight / surrogate_weight.sum()
    used = p > 0
    with np.errstate(divide="ignore", over="ignore"):
        ratio = p[used] / p_hat[used]
        return np.array([p[used] @ np.log(ratio), np.abs(p - p_hat).sum() / 2, p[used] @ ratio - 1])


def effective_size(weight: np.ndarray) -> float:
    """1 / sum of squared normalised weights ``[n]`` (Kish)."""
    return float(1 / np.sum(weight**2))


def jackknife(statistic: Callable[..., np.ndarray], *samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``statistic(*samples)`` and its standard error, by leaving out neighbours together.

    The first axis ``[n]`` of every sample is in the order of the chains, so that what is correlated mostly leaves
    together. Source: Kuensch (1989).

    Args:
        statistic: samples with some rows left out -> an array of any shape.
    """
    value = statistic(*samples)
    groups = np.array_split(np.arange(len(samples[0])), NUM_GROUPS)
    left_out = np.stack([statistic(*(np.delete(s, group, axis=0) for s in samples)) for group in groups])
    with np.errstate(invalid="ignore"):  # what is infinite has no error
        spread = np.sum((left_out - left_out.mean(axis=0)) ** 2, axis=0)
    return value, np.sqrt((NUM_GROUPS - 1) / NUM_GROUPS * spread)


LEVELS = (0.05, 0.95)
"""Levels of the quantiles that are looked at."""

KNOTS = np.linspace(0.001, 0.999, 999)
"""Levels between which a distribution function is linear."""


class Margins(NamedTuple):
    """Mean and standard deviation of every parameter ``[dim]``; quantiles at `LEVELS` ``[2, dim]`` and at `KNOTS`."""

    mean: np.ndarray
    sd: np.ndarray
    quantile: np.ndarray
    knots: np.ndarray

    @property
    def figures(self) -> np.ndarray:
        """Mean, standard deviation and quantiles ``[4, dim]``."""
        return np.stack([self.mean, self.sd, *self.quantile])


def margins(draws: np.ndarray, max_draws: int = 100_000) -> Margins:
    """Of draws ``[n, dim]``, quantiles of at most `max_draws` of them."""
    quantiles = np.quantile(draws[:: -(-len(draws) // max_draws)], [*LEVELS, *KNOTS], axis=0)
    return Margins(draws.mean(axis=0), draws.std(axis=0), quantiles[: len(LEVELS)], quantiles[len(LEVELS) :])


def margin_shifts(
    learnt: Margins, values: np.ndarray, weight: np.ndarray, surrogate_weight: np.ndarray
) -> np.ndarray:
    """Mean, sd and quantiles of `LEVELS` under p less those under p_hat, in the latter's sd ``[4, dim]``.

    With the difference of the normalised weights, w - w_hat, whose sum over f is E_p f - E_p_hat f. So P(x <= y)
    is that of all of p_hat's draws and the sum of w - w_hat over the points up to y; quantiles are where it has their
    level.

    Args:
        learnt: of p_hat, from all draws.
        values, weight, surrogate_weight: points ``[n, dim]`` and their weights ``[n]``, up to constants.
    """
    change = weight / weight.sum() - surrogate_weight / surrogate_weight.sum()
    centred = values - learnt.mean
    mean = change @ centred
    variance = np.maximum(learnt.sd**2 + change @ centred**2 - mean**2, 0)
    quantile = np.stack(
        [_quantile_shifts(*of, change) for of in zip(learnt.knots.T, values.T, strict=True)], -1
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([mean, np.sqrt(variance) - learnt.sd, *quantile]) / learnt.sd


def _quantile_shifts(knots: np.ndarray, values: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Of one parameter, at `LEVELS`, by quantiles ``[999]`` of p_hat, points ``[n]`` and w - w_hat ``[n]``."""
    if not np.isfinite(change).all():
        return np.full(len(LEVELS), np.nan)
    order = np.argsort(values)
    y, learnt = values[order], np.interp(values[order], knots, KNOTS, left=0, right=1)
    true = np.maximum.accumulate(learnt + np.cumsum(change[order]))
    return np.interp(LEVELS, true, y) - np.interp(LEVELS, learnt, y)


def tail_khat(learnt: Margins, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Pareto k-hat ``[dim]`` of the terms ``w (x - mean)^2`` of each parameter's variance under p.

    The weights may be harmless and a variance still rest on few points, where p has heavy tails: the standard error of
    a mean of terms is finite below one half (Vehtari et al. 2024, on functions).

    Args:
        learnt, values, weight: as for `margin_shifts`; infinite where a weight is not a number.
    """
    if not np.isfinite(weight).all():
        return np.full(values.shape[1], np.inf)
    return _khat_of_squares(values - learnt.mean, weight)


def _khat_of_squares(centred: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Pareto k-hat ``[dim]`` of ``w x^2``; infinite of what never moves."""
    with np.errstate(divide="ignore"):
        log_terms = np.log(weight)[:, None] + 2 * np.log(np.abs(centred))
    return np.array([pareto_khat(column) if np.isfinite(column).any() else np.inf for column in log_terms.T])


def margin_errors(draws: np.ndarray, effective: np.ndarray) -> np.ndarray:
    """Monte Carlo errors of mean, sd and quantiles of `LEVELS` of draws ``[n, k]`` in their sd, ``[4, k]``.

    By batch means over NUM_GROUPS groups of neighbours, whole chains where there are many. Heavy tails show batches
    too little of themselves: the sum of the terms (x - mean)^2 of a variance is off mostly by its largest one. One in
    twenty such samples has a term above y, with n effective draws of which M lie beyond u and k the Pareto k-hat,

        1/20 = n P(term > y) = M (y / u)^(-1/k);

    two standard errors are at least what that adds to the standard deviation. Nor is its error less than that of n
    independent draws, sqrt((kurtosis - 1) / n) / 2: groups none of which has been far out know too little of it.
    Sources: Flegal, Haran and Jones (2008); Embrechts, Klueppelberg and Mikosch (1997); Vehtari, Simpson, Gelman, Yao
    and Gabry (2024).

    Args:
        effective: numbers of effective draws ``[k]``.
    """
    groups = np.array_split(draws, NUM_GROUPS)
    found = np.stack([np.stack([g.mean(0), g.std(0), *np.quantile(g, LEVELS, axis=0)]) for g in groups])
    some = draws[:: -(-len(draws) // MAX_TAIL)]
    centred = some - draws.mean(axis=0)
    beyond = min(len(some) // 5, int(3 * np.sqrt(len(some))))  # the tail of which k-hat speaks
    khat = np.clip(_khat_of_squares(centred, np.ones(len(some))), 0, 1)
    khat += (1 + khat) / np.sqrt(beyond)  # and its standard error
    with np.errstate(divide="ignore", invalid="ignore"):
        error = found.std(axis=0, ddof=1) / np.sqrt(NUM_GROUPS) / draws.std(axis=0)
        relative = (centred / draws.std(axis=0)) ** 2
        threshold = np.partition(relative, -beyond, axis=0)[-beyond]
        largest = threshold * (20 * beyond / len(some) * effective) ** khat
        of_independent = np.sqrt((np.mean(relative**2, axis=0) - 1) / effective) / 2
        error[1] = np.fmax(error[1], np.fmax(largest / effective / 4, of_independent))
    return error


def missing_mass(log_ratio: np.ndarray) -> Estimate:
    """The posterior mass that the surrogate lacks, E_p max(0, 1 - p_hat/p), seen from exact draws.

    It is the total variation of the two. Where no draw of the surrogate goes, its own draws do not see it.

    Args:
        log_ratio: log p/p_hat ``[n]``, both normalised, at draws of p in the order of their chains.
    """
    return batch_means(-np.expm1(-np.maximum(log_ratio, 0)))


SUPERCHAIN = 16
"""Chains that `sample_surrogate` begins at one point, neighbours in its draws."""

MANY_CHAINS = 4 * SUPERCHAIN
"""Chains from which on the nested R-hat is looked at."""


def nested_rhat(draws: np.ndarray, size: int = SUPERCHAIN) -> np.ndarray:
    """Nested R-hat ``[dim]`` of many short chains ``[chain, draw, dim]``, groups of `size` of which began together.

    sqrt(1 + B/W), with B the variance of the groups' means and W the mean over groups of the variance inside, between
    chains and within them; each half of the draws has groups of its own. Of ranks made normal, and of those of the
    distance from the median, the larger. A group's mean is that of many chains, so that short ones may be
    asked whether they have forgotten where they began. Source: Margossian, Hoffman, Sountsov, Riou-Durand, Vehtari
    and Gelman (2024), Bayesian Analysis.
    """
    half, num = draws.shape[1] // 2, len(draws) // size * size
    halves = np.stack([draws[:num, :half], draws[:num, half : 2 * half]])

    def of(values: np.ndarray) -> np.ndarray:
        ranks = rankdata(values.reshape(-1, values.shape[-1]), axis=0)
        normal = ndtri((ranks - 0.375) / (len(ranks) + 0.25)).reshape(-1, size, half, values.shape[-1])
        means = normal.mean(axis=2)
        between = means.mean(axis=1).var(axis=0, ddof=1)
        inside = means.var(axis=1, ddof=1).mean(axis=0) + normal.var(axis=2, ddof=1).mean(axis=(0, 1))
        return np.sqrt(1 + between / inside)

    return np.maximum(of(halves), of(np.abs(halves - np.median(halves, axis=(0, 1, 2)))))


def highest_rhat(num_chains: int, tolerance: float) -> float:
    """What R-hat must lie below.

    Of few long chains 1.01 (Vehtari et al. 2021). With M groups the mean of all draws is off by about sqrt(B/M), which
    is a tolerance where B/W is M tolerance^2.
    """
    return np.sqrt(1 + num_chains // SUPERCHAIN * tolerance**2) if num_chains >= MANY_CHAINS else 1.01


MAX_RANKED = 100_000
"""Draws whose convergence is looked at; of more every k-th of each chain."""


def convergence(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """R-hat of `rank_rhat` and the effective sample size, the smaller of bulk and tail (5 and 95 %), both ``[dim]``.

    Source: Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021).
    """
    from arviz_stats.base import array_stats

    if draws.shape[1] < 4:
        return rank_rhat(draws), np.full(draws.shape[2], np.nan)
    thinned, axes = _thinned(draws), {"chain_axis": 0, "draw_axis": 1}
    with np.errstate(invalid="ignore", divide="ignore"):
        bulk = array_stats.ess(thinned, method="bulk", **axes)
        tail = array_stats.ess(thinned, method="tail", prob=(0.05, 0.95), **axes)
    # ArviZ calls the effective size of a constant the number of draws.
    return rank_rhat(draws), np.where(_moves(thinned), np.minimum(bulk, tail), np.nan)


def rank_rhat(draws: np.ndarray) -> np.ndarray:
    """Rank-normalised split R-hat ``[dim]`` of draws ``[chain, draw, dim]``, of many chains the nested one.

    Not a number for chains of fewer than four draws and a parameter that never moves. Source: as of `convergence`.
    """
    from arviz_stats.base import array_stats  # takes a second to import

    chains, length, dim = draws.shape
    if length < 4:
        return np.full(dim, np.nan)
    thinned = _thinned(draws)
    halves = thinned.reshape(2, -1, dim) if chains == 1 and thinned.shape[1] % 2 == 0 else thinned
    with np.errstate(invalid="ignore", divide="ignore"):
        many = chains >= MANY_CHAINS
        rhat = (
            nested_rhat(thinned)
            if many
            else array_stats.rhat(halves, method="rank", chain_axis=0, draw_axis=1)
        )
    return np.where(_moves(thinned), rhat, np.nan)


def _thinned(draws: np.ndarray) -> np.ndarray:
    chains, length, _ = draws.shape
    return np.asarray(draws[:, :: min(-(-chains * length // MAX_RANKED), length // 4)], float)


def _moves(draws: np.ndarray) -> np.ndarray:
    return np.ptp(draws, axis=(0, 1)) > 0
