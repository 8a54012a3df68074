"""The marginal likelihood by bridge sampling, and the mass of a prior: both ask the posterior itself."""

from typing import NamedTuple

import jax
import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from estim.analysis.batches import batch_standard_error
from estim.devices import map_positions
from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.typing import Array, Key

_MAX_ITERATIONS, _TOLERANCE = 1000, 1e-10


def evaluate_all(posterior: Posterior, positions: Array) -> Evaluations:
    """The posterior at ``positions`` ``[n, dim]``."""
    rows = np.asarray(positions, float)
    return map_positions(Posterior.evaluate_fn, posterior, rows, sequential=posterior.sequential)


class Bridge(NamedTuple):
    """``log_marginal_likelihood`` and its standard error; ``num_effective``, the draws of the posterior behind it."""

    log_marginal_likelihood: float
    standard_error: float
    num_effective: float


def bridge_sampling(
    posterior: Posterior, position: Array, logdensity: Array, rng_key: Key, *, num_proposals: int = 2000
) -> Bridge:
    """ln p(y) by a bridge from a normal distribution to the posterior.

    A normal g is fitted to the first half of each chain; with the draws x_1 of the second half and draws x_2 of g,

        p(y) = E_g [h(x_2) p(y, x_2)] / E_post [h(x_1) g(x_1)],   h = 1 / (s_1 p(y, x) + s_2 p(y) g(x)),

    whose h, with s_1 and s_2 the shares of *effective* draws, has the least error and is found by iteration (Meng and
    Wong 1996, Statistica Sinica 6). Nothing is bent or standardised beyond that (no warp): a posterior that is
    far from normal shows in the error, and where there is no density a proposal counts as zero, so
    that walls and regions without a solution need no care. It is the integral of the density as it is given.

    Args:
        posterior: what was sampled.
        position: its draws ``[chain, draw, dim]`` in unconstrained space.
        logdensity: log-likelihood + log-prior there, ``[chain, draw]``.
        rng_key: for the draws of g.
        num_proposals: draws of g, each an evaluation of the posterior.

    Returns:
        The estimate and its error by Frühwirth-Schnatter (2004), The Econometrics Journal 7, as in Gronau et al.
        (2017), Journal of Mathematical Psychology 81; the draws' correlation by the means of batches.

    Raises:
        ValueError: too few draws for a covariance, or no draw of g has a density.
    """
    draws = np.asarray(position, float)
    half, dim = draws.shape[1] // 2, draws.shape[-1]
    fitted, kept = draws[:, :half].reshape(-1, dim), draws[:, half:]
    if len(fitted) <= dim + 1:
        raise ValueError(
            f"bridge_sampling: {len(fitted)} draws are too few for a covariance of {dim} parameters"
        )
    mean, root = fitted.mean(axis=0), np.linalg.cholesky(np.atleast_2d(np.cov(fitted.T)))
    proposals = mean + np.asarray(jax.random.normal(rng_key, (num_proposals, dim))) @ root.T
    found = evaluate_all(posterior, proposals).logdensity

    def log_normal(x: np.ndarray) -> np.ndarray:
        z = solve_triangular(root, (x - mean).reshape(-1, dim).T, lower=True)
        constant = 0.5 * dim * np.log(2 * np.pi) + np.log(np.diag(root)).sum()
        return (-0.5 * (z**2).sum(axis=0) - constant).reshape(x.shape[:-1])

    drawn = np.asarray(logdensity, float)[:, half:] - log_normal(kept)
    proposed = np.asarray(found) - log_normal(proposals)
    proposed = np.where(np.isfinite(proposed), proposed, -np.inf)
    if not np.any(np.isfinite(proposed)):
        raise ValueError(f"bridge_sampling: none of {num_proposals} draws of the fitted normal has a density")
    log_p, effective = _optimal_bridge(drawn, proposed)
    share = effective / (effective + num_proposals)
    mix = lambda ratio: np.logaddexp(np.log(share) + ratio, np.log1p(-share) + log_p)
    of_posterior, of_normal = np.exp(log_p - mix(drawn)), np.exp(proposed - mix(proposed))
    variance = of_normal.var() / num_proposals / of_normal.mean() ** 2
    variance += (batch_standard_error(of_posterior) / of_posterior.mean()) ** 2
    return Bridge(log_p, float(np.sqrt(variance)), effective)


def _optimal_bridge(drawn: np.ndarray, proposed: np.ndarray) -> tuple[float, float]:
    """ln p(y) from log-ratios p(y, x) / g(x) at draws ``[chain, draw]`` and at proposals ``[n]``; effective draws."""
    error = batch_standard_error(drawn)
    effective = float(np.clip(drawn.var() / max(error**2, 1e-300), 1.0, drawn.size))
    log_share = np.log(effective / (effective + proposed.size))
    log_rest = np.log(proposed.size / (effective + proposed.size))
    log_p = float(np.median(drawn))
    for _ in range(_MAX_ITERATIONS):
        above = proposed - np.logaddexp(log_share + proposed, log_rest + log_p)
        below = -np.logaddexp(log_share + drawn, log_rest + log_p)
        before, log_p = (
            log_p,
            float(logsumexp(above) - np.log(proposed.size) - logsumexp(below) + np.log(drawn.size)),
        )
        if abs(log_p - before) < _TOLERANCE:
            break
    return log_p, effective


class PriorMass(NamedTuple):
    """Of a prior as it is given: ``log_mass``, ln of its integral, and ``log_probability_of_solution``, ln of the
    share of that at which the model has a solution (the likelihood is not zero); each with its standard error."""

    log_mass: float
    log_mass_error: float
    log_probability_of_solution: float
    log_probability_error: float


def prior_mass(posterior: Posterior, rng_key: Key, *, num_draws: int = 2000) -> PriorMass:
    """What divides a marginal likelihood if the prior is to be renormalised.

    Marginal likelihoods here are integrals over the density as it is given. Where bounds cut a prior off, or a joint
    term has no constant, its mass is not one; papers that normalise the prior on the region of a unique solution
    have ln p(y) - log_mass - log_probability_of_solution.

    Args:
        posterior: with a prior (a bare log-density has none).
        num_draws: draws of the priors without their joint term, each an evaluation of the posterior.
    """
    positions = posterior.initial.sample(rng_key, num_draws)
    found = evaluate_all(posterior, positions)
    begun = jax.jit(jax.vmap(posterior.initial.logdensity_fn))(positions)
    log_weight = np.asarray(found.logprior - begun)
    log_weight = np.where(np.isnan(log_weight), -np.inf, log_weight)
    if not np.any(np.isfinite(log_weight)):
        raise ValueError(
            f"prior_mass: none of {num_draws} draws of the priors is in the support of the joint prior"
        )
    highest = log_weight.max()
    weight = np.exp(log_weight - highest)
    share = weight / weight.sum()
    solved = np.isfinite(np.asarray(found.loglikelihood))
    probability = float(share[solved].sum())
    error = float(np.sqrt(np.sum(share**2 * (solved - probability) ** 2)))
    with np.errstate(divide="ignore"):
        return PriorMass(
            float(highest + np.log(weight.mean())),
            float(weight.std() / np.sqrt(num_draws) / weight.mean()),
            float(np.log(probability)),
            error / probability if probability > 0 else np.inf,
        )
