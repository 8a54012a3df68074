"""The marginal likelihood of a model from draws of its posterior, and the comparison of models.

Laplace's approximation comes with the mode (`estim.samplers.mode`), tempered SMC estimates it as
it samples (`estim.samplers.smc`), bridge sampling joins the two (`estim.analysis.bridge`); here is the fourth way. All
four mean the same number, the integral of likelihood times prior as they are given.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
import scipy
from scipy.linalg import solve_triangular
from scipy.special import softmax

from estim.analysis.batches import batch_standard_error
from estim.analysis.bridge import evaluate_all
from estim.arguments import Fraction, checked
from estim.posterior import Posterior
from estim.typing import Array, Key

_NUM_SIMULATED = 4000


class HarmonicMean(NamedTuple):
    """``log_marginal_likelihood`` and its standard error, each ``[n_truncations]``."""

    truncations: np.ndarray
    log_marginal_likelihood: np.ndarray
    standard_error: np.ndarray


@checked
def modified_harmonic_mean(
    position: Array,
    logdensity: Array,
    truncations: Sequence[Fraction] = (0.1, 0.3, 0.5, 0.7, 0.9),
    *,
    posterior: Posterior | None = None,
    rng_key: Key | None = None,
) -> HarmonicMean:
    """ln p(y) by Geweke's modified harmonic mean: p(y)^-1 = E[f / p(y, theta)], f a truncated normal.

    The normal is one of the unconstrained position, f its part within an ellipsoid, within the range of the draws in
    each coordinate and, where a `posterior` is given, where that has a density. What the last two take away is
    simulated and f divided by what is left (as Sims, Waggoner and Zha 2008, Journal of Econometrics 146): a wall of the
    posterior that cuts through the ellipsoid would else make p(y) too large by the share beyond it.

    Args:
        position: draws ``[chain, draw, dim]`` in unconstrained space.
        logdensity: log-likelihood + log-prior ``[chain, draw]``, with the log-determinant of the transform.
        truncations: probability that the normal keeps of its centre; the results should agree.
        posterior: what was sampled. Needed where its density ends at walls that are not parallel to the axes,
            such as the edge of the region in which a model has a solution; 4,000 evaluations.
        rng_key: for the simulation; a fixed one by default.

    Returns:
        The estimates, with standard errors from batches of the chains and from the simulation.

    Source: Geweke (1999), Econometric Reviews 18, eq. (43).
    """
    dim = position.shape[-1]
    draws = np.asarray(position, float).reshape(-1, dim)
    mean, root = draws.mean(axis=0), np.linalg.cholesky(np.atleast_2d(np.cov(draws.T)))
    distance = (solve_triangular(root, (draws - mean).T, lower=True) ** 2).sum(0).reshape(logdensity.shape)
    logdet = np.log(np.diagonal(root)).sum()
    log_f = -0.5 * (dim * np.log(2 * np.pi) + distance) - logdet
    log_ratio = log_f - np.asarray(logdensity)
    shift = log_ratio.max()
    radius, z = _normal_within(max(truncations), dim, jax.random.key(0) if rng_key is None else rng_key)
    simulated = mean + z @ root.T
    remains = np.all((simulated >= draws.min(axis=0)) & (simulated <= draws.max(axis=0)), axis=1)
    if posterior is not None:
        remains &= np.isfinite(evaluate_all(posterior, simulated).logdensity)
    estimates, errors = [], []
    for kept in truncations:
        reach = scipy.stats.chi2.ppf(kept, dim)
        within = remains[radius <= reach]
        ratio = np.where(distance <= reach, np.exp(log_ratio - shift), 0.0) / (kept * within.mean())
        estimates.append(-shift - np.log(ratio.mean()))
        simulation = (1.0 - within.mean()) / (within.mean() * within.size)
        errors.append(np.hypot(batch_standard_error(ratio) / ratio.mean(), np.sqrt(simulation)))
    return HarmonicMean(np.asarray(truncations), np.asarray(estimates), np.asarray(errors))


def _normal_within(kept: float, dim: int, rng_key: Key) -> tuple[np.ndarray, np.ndarray]:
    """Draws ``[n, dim]`` of the standard normal within the ball of probability `kept`, and their squared lengths."""
    key_length, key_direction = jax.random.split(rng_key)
    squared = scipy.stats.chi2.ppf(kept * np.asarray(jax.random.uniform(key_length, (_NUM_SIMULATED,))), dim)
    z = np.asarray(jax.random.normal(key_direction, (_NUM_SIMULATED, dim)))
    return squared, z * np.sqrt(squared / (z**2).sum(axis=1))[:, None]


@checked
def model_probabilities(
    log_marginal_likelihood: Mapping[str, float], prior: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Posterior probability of each model from its ln p(y); prior probabilities are equal if not given."""
    weights = np.array([np.log(prior[name]) if prior else 0.0 for name in log_marginal_likelihood])
    log_posterior = np.array(list(log_marginal_likelihood.values())) + weights
    return dict(zip(log_marginal_likelihood, softmax(log_posterior).tolist(), strict=True))
