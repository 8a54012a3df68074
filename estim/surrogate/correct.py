"""Corrections for a few true evaluations: importance weights, resampling and control variates.

The third correction, delayed acceptance, is a sampler:
``estim.sample(posterior, "delayed_acceptance", rng_key, approximation=surrogate.posterior)``.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np

from estim.arguments import NonNegative, Positive, checked
from estim.evaluations import Evaluations
from estim.numerics import resample_systematically
from estim.posterior import Posterior
from estim.samplers.constrain import constrain
from estim.samplers.states import evaluate_logprior
from estim.surrogate.estimates import batch_means, effective_size, evenly_spaced, pareto_khat
from estim.surrogate.evaluate import evaluate_posterior
from estim.surrogate.fit import Surrogate, ensemble_loglikelihoods
from estim.surrogate.stretch import Stretches, build_stretches, mixture_logdensity, share_out
from estim.typing import Key

Functions = Mapping[str, Callable[[np.ndarray], np.ndarray]]
"""Quantities by name, each a function of positions ``[n, dim]`` that gives ``[n]``."""


class WeightedDraws(NamedTuple):
    """Draws of a surrogate, some of them stretched, ``[n, dim]``, weighed by the true posterior.

    Attributes:
        position: ``[n, dim]``, in the order of the chains.
        weight: ``[n]``, sum one: the true posterior p over the density of the points, a mixture of p_hat and of its
            stretched copies (see `estim.surrogate.stretch`). NaN where p is nowhere finite.
        surrogate_weight: ``[n]``, sum one: the same for p_hat; where p is p_hat the two are equal.
        pareto_khat: of ``weight``; infinite where there is nothing to be weighed. Above `reliable_khat(n)` the
            weights are not to be trusted.
        which: ``[n]``, of the maps of ``stretches`` that made each point of a draw; 0 is the identity.
        stretches: those maps.
        evaluations: the true ones that the weights cost.
    """

    position: np.ndarray
    weight: np.ndarray
    surrogate_weight: np.ndarray
    pareto_khat: float
    which: np.ndarray
    stretches: Stretches
    evaluations: Evaluations

    @property
    def plain(self) -> np.ndarray:
        """Which of the points are draws and not stretched ``[n]``."""
        return self.which == 0

    @property
    def effective_sample_size(self) -> float:
        """1 / sum of squared weights (Kish)."""
        return effective_size(self.weight)


@checked
def weigh_draws(
    posterior: Posterior,
    surrogate: Surrogate,
    draws: np.ndarray,
    *,
    num_evaluations: Positive = 2000,
    num_stretched: NonNegative | None = None,
) -> WeightedDraws:
    """Weights of `num_evaluations` points of the surrogate's ``draws`` ``[chain, draw, dim]``, evenly spaced.

    Args:
        posterior: the true posterior.
        surrogate: of `fit_surrogate`.
        draws: positions of the surrogate's chains, ``[chain, draw, dim]``.
        num_evaluations: of the true posterior.
        num_stretched: how many of them are stretched outward, so that tails which the surrogate lacks are looked
            at; a third where None.

    Returns:
        The points, their weights and what the weights are worth.

    Raises:
        ValueError: fewer draws than evaluations, or one of the draws is not finite.
    """
    source = evenly_spaced(draws, num_evaluations)
    if not np.isfinite(source).all():
        raise ValueError("draws: some of the surrogate's draws are not finite")
    stretches = build_stretches(np.asarray(draws, float).reshape(-1, source.shape[1]))
    num_stretched = num_evaluations // 3 if num_stretched is None else num_stretched
    counts = share_out(num_evaluations - num_stretched, num_stretched, len(stretches.matrix))
    # In an order that has nothing to do with where a draw stands in its chain.
    which = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    position = stretches.forward(source, which)
    true = evaluate_posterior(posterior, position, anew=True)
    return weigh_points(surrogate, position, true, which, stretches)


def weigh_points(
    surrogate: Surrogate, position: np.ndarray, true: Evaluations, which: np.ndarray, stretches: Stretches
) -> WeightedDraws:
    """Weights of points ``[n, dim]`` that maps ``which`` ``[n]`` made of a surrogate's draws, and were evaluated."""
    counts = np.bincount(which, minlength=len(stretches.matrix))
    log_p = usable_logdensity(true)
    origins = [position, *(stretches.backward(position, k) for k in range(1, len(counts)))]
    log_p_hat = np.stack([surrogate_logdensity(surrogate, origin) for origin in origins])
    log_mixture = mixture_logdensity(stretches, counts, log_p_hat)
    surrogate_weight = _normalised(log_p_hat[0] - log_mixture)
    weight, khat = np.full(len(position), np.nan), np.inf
    if np.isfinite(log_p).any():
        weight, khat = _normalised(log_p - log_mixture), pareto_khat(log_p - log_mixture)
    return WeightedDraws(position, weight, surrogate_weight, khat, which, stretches, true)


def usable_logdensity(evaluations: Evaluations) -> np.ndarray:
    """The log-density ``[n]`` on the host; minus infinity wherever it is not finite: such a point has failed."""
    logdensity = np.asarray(evaluations.logdensity, float)
    return np.where(np.isfinite(logdensity), logdensity, -np.inf)


def surrogate_logdensity(surrogate: Surrogate, position: np.ndarray) -> np.ndarray:
    """The surrogate's log-density ``[n]`` at host positions ``[n, dim]``; minus infinity where it has none."""
    logprior = np.asarray(evaluate_logprior(surrogate.posterior.logprior_fn, position))
    logdensity = ensemble_loglikelihoods(surrogate, position).mean(axis=0) + logprior
    return np.where(np.isnan(logdensity), -np.inf, logdensity)


def log_mass_ratio(weighted: WeightedDraws, log_p_hat: np.ndarray) -> float:
    """log of the integral of p over that of p_hat: log p/p_hat less the log of the ratio of their weights."""
    log_p = usable_logdensity(weighted.evaluations)
    known = (weighted.weight > 0) & (weighted.surrogate_weight > 0) & np.isfinite(log_p)
    if not known.any():
        return 0.0
    ratio = weighted.weight[known] / weighted.surrogate_weight[known]
    return float(np.median((log_p - log_p_hat)[known] - np.log(ratio)))


def _normalised(log_weight: np.ndarray) -> np.ndarray:
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum()


@checked
def resample_draws(weighted: WeightedDraws, rng_key: Key, num_samples: Positive) -> np.ndarray:
    """Draws of the true posterior ``[num_samples, dim]``: each point about ``num_samples * weight`` times.

    Systematic resampling, in random order. More than `effective_sample_size` of them repeat themselves.

    Args:
        weighted: of `weigh_draws`.
        rng_key: a JAX random key.
        num_samples: how many.

    Returns:
        Positions ``[num_samples, dim]``.

    Raises:
        ValueError: at none of the draws the true posterior has a density.
    """
    if np.isnan(weighted.weight).any():
        raise ValueError("no draw has a finite log-density under the true posterior")
    key_offset, key_order = jax.random.split(rng_key)
    index = resample_systematically(weighted.weight, float(jax.random.uniform(key_offset)), num_samples)
    return weighted.position[index][np.asarray(jax.random.permutation(key_order, num_samples))]


@checked
def correct_means(
    weighted: WeightedDraws, draws: np.ndarray, function: Callable[[np.ndarray], np.ndarray] = lambda x: x
) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means ``[k]`` of ``function(position)`` and their standard errors ``[k]``.

    The surrogate itself is the control variate: with the weighted points' normalised weights w for p and w_hat
    for p_hat,

        E_p f = E_p_hat f + sum_i (w_i - w_hat_i) (f_i - E_p_hat f),

    where the first term comes from all of the surrogate's draws and the second, small when the
    surrogate is good, from the weighted ones. Consistent as both grow; trust it as far as the weights' k-hat.

    Args:
        weighted: of `weigh_draws`.
        draws: ``[chain, draw, dim]``, at least two chains: their means give the first term's error.
        function: ``[n, dim] -> [n, k]``; by default the position itself.

    Returns:
        The means ``[k]`` and their standard errors ``[k]``.
    """
    chain_means = np.stack([np.mean(function(np.asarray(chain, float)), axis=0) for chain in draws])
    mean = chain_means.mean(axis=0)
    variance = chain_means.var(axis=0, ddof=1) / len(chain_means)
    difference = (weighted.weight - weighted.surrogate_weight) * len(weighted.weight)
    terms = difference[:, None] * (function(weighted.position) - mean)
    shifts = [batch_means(column) for column in terms.T]
    value = mean + np.array([shift.value for shift in shifts])
    return value, np.sqrt(variance + np.array([shift.error**2 for shift in shifts]))


def quantities_at(posterior: Posterior, functions: Functions | None, position: np.ndarray) -> np.ndarray:
    """The parameters in their own units and the user's functions ``[n, k]`` at positions ``[n, dim]``."""
    position = np.asarray(position, float)
    own = [np.asarray(f(position), float)[:, None] for f in (functions or {}).values()]
    return np.concatenate([constrain(posterior, position), *own], axis=1)
