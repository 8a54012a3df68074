"""Exactness at the cost of a few true evaluations: importance resampling and control variates.

The third correction, delayed acceptance, is a sampler:
``estim.sample(posterior, "delayed_acceptance", rng_key, approximation=surrogate.posterior)``.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from estim.arguments import Positive, checked
from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.surrogate.estimates import batch_means, evenly_spaced, pareto_smooth
from estim.surrogate.evaluate import evaluate_posterior
from estim.surrogate.fit import Surrogate, ensemble_loglikelihoods
from estim.typing import Key


class WeightedDraws(NamedTuple):
    """Some draws of a surrogate ``[n, dim]`` with Pareto-smoothed importance weights ``[n]`` that sum to one.

    Above a ``pareto_khat`` of 0.7 the weights are not to be trusted; ``evaluations`` are the true
    ones that they cost. Where none of these is finite there is nothing to be weighed: the weights are NaN, k-hat
    is infinite.
    """

    position: np.ndarray
    weight: np.ndarray
    pareto_khat: float
    evaluations: Evaluations

    @property
    def effective_sample_size(self) -> float:
        """1 / sum of squared weights (Kish)."""
        return float(1 / np.sum(self.weight**2))


@checked
def weigh_draws(
    posterior: Posterior, surrogate: Surrogate, draws: np.ndarray, *, num_evaluations: Positive = 2000
) -> WeightedDraws:
    """Weights p/p_hat of `num_evaluations` of the surrogate's ``draws`` ``[chain, draw, dim]``, evenly spaced.

    Source: Vehtari, Simpson, Gelman, Yao and Gabry (2024).

    Raises:
        ValueError: fewer draws than evaluations.
    """
    position = evenly_spaced(draws, num_evaluations)
    true = evaluate_posterior(posterior, position)
    if not np.isfinite(true.loglikelihood).any():
        return WeightedDraws(position, np.full(num_evaluations, np.nan), np.inf, true)
    learnt = ensemble_loglikelihoods(surrogate, position).mean(axis=0)
    weight, khat = pareto_smooth(np.asarray(true.loglikelihood) - learnt)
    return WeightedDraws(position, weight, khat, true)


@checked
def resample_draws(weighted: WeightedDraws, rng_key: Key, num_samples: Positive) -> np.ndarray:
    """Draws of the true posterior ``[num_samples, dim]``: each point about ``num_samples * weight`` times.

    Systematic resampling, in random order. More than `effective_sample_size` of them repeat themselves.

    Raises:
        ValueError: at none of the draws the true posterior has a density.
    """
    if np.isnan(weighted.weight).any():
        raise ValueError("no draw has a finite log-density under the true posterior")
    key_offset, key_order = jax.random.split(rng_key)
    levels = (np.arange(num_samples) + float(jax.random.uniform(key_offset))) / num_samples
    index = np.searchsorted(np.cumsum(weighted.weight), levels).clip(max=len(weighted.weight) - 1)
    return weighted.position[index][np.asarray(jax.random.permutation(key_order, num_samples))]


@checked
def correct_means(
    weighted: WeightedDraws, draws: np.ndarray, function: Callable[[np.ndarray], np.ndarray] = lambda x: x
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means ``[k]`` of ``function(position)`` and their standard errors ``[k]``.

    The surrogate itself is the control variate: with w = p/p_hat of mean one under p_hat,

        E_p f = E_p_hat f + E_p_hat (w - 1)(f - E_p_hat f),

    where the first term comes from all of the surrogate's draws and the second, small when the
    surrogate is good, from the weighted ones.

    Args:
        draws: ``[chain, draw, dim]``, at least two chains: their means give the first term's error.
        function: ``[n, dim] -> [n, k]``; by default the position itself.
    """
    chain_means = np.stack([np.mean(function(np.asarray(chain, float)), axis=0) for chain in draws])
    mean = chain_means.mean(axis=0)
    variance = chain_means.var(axis=0, ddof=1) / len(chain_means)
    ratio = weighted.weight * len(weighted.weight)
    terms = (ratio - 1)[:, None] * (function(weighted.position) - mean)
    shifts = [batch_means(column) for column in terms.T]
    value = mean + np.array([shift.value for shift in shifts])
    return value, np.sqrt(variance + np.array([shift.error**2 for shift in shifts]))
