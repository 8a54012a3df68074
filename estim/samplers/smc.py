"""Tempered sequential Monte Carlo: particles carried from the prior to the posterior.

BlackJAX has tempered SMC too, but it evaluates each particle's likelihood several times a stage,
loses the rejected points, and meets 0 times -inf where a prior draw has no solution.
"""

import operator
import time
from typing import Any

import jax
import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

from estim.arguments import Fraction, Positive
from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.samplers.base import Draws, SamplingAlgorithm, Tuning, count_failures
from estim.samplers.chains import build_advance, device_mesh
from estim.samplers.pace import Pace
from estim.samplers.random_walk import build_random_walk
from estim.samplers.states import State
from estim.stopping import raise_if_stopped
from estim.typing import Key

_FIRST_STEP = 2.38
_TARGET_ACCEPTANCE = 0.25


def sample_smc(
    posterior: Posterior,
    rng_key: Key,
    *,
    num_samples: Positive = 1000,
    num_chains: Positive = 2,
    num_mutations: Positive | None = None,
    ess_fraction: Fraction = 0.5,
) -> Draws:
    """Draws and the marginal likelihood by tempered SMC (Herbst and Schorfheide 2014).

    From prior draws, through targets likelihood^phi prior with phi rising to 1, each next phi such
    that the effective sample size of the weights is `ess_fraction` of the particles; then
    systematic resampling and `num_mutations` random-walk steps of every particle, with the
    particles' own covariance. The estimate of the marginal likelihood is unbiased up to
    that adaptation, and its logarithm is biased downward by half its variance. It is under the
    whole prior: where a prior draw has no solution its likelihood is zero. A posterior made from a
    bare log-density has no prior to begin from: its draws are right, its marginal likelihood means
    nothing.

    Args:
        num_samples: particles in each run.
        num_chains: independent runs. Their disagreement shows the error: ``stats`` has the
            ``log_marginal_likelihood`` of each, and the result is the log of the average.
        num_mutations: by default four times the dimension, at least ten: a random walk needs a few steps
            a dimension to part the copies of a particle, and copies that stay together make a
            poor estimate, more so than few particles.
    """
    dim = len(posterior.start)
    num_mutations = num_mutations or max(10, 4 * dim)
    seconds = time.perf_counter()
    evaluate = jax.jit(jax.vmap(posterior.evaluate_fn))
    whole = posterior._replace(split=None)  # a particle does not carry what a split prepares

    def build(tuned: tuple[Tuning, float]) -> SamplingAlgorithm:
        return build_random_walk(whole, tuned[0], inverse_temperature=tuned[1])

    advance = build_advance(build, device_mesh(num_samples, jax.local_devices()), num_mutations, True)

    pace = Pace(num_mutations)

    def one_run(rng_key: Key) -> tuple[State, list[Evaluations], float, int]:
        key_prior, key_mutate, key_resample = jax.random.split(rng_key, 3)
        rng = np.random.default_rng(np.asarray(jax.random.key_data(key_resample)))
        evaluated = [_on_host(evaluate(posterior.sample_prior(key_prior, num_samples)))]
        particles = State(*evaluated[0][:3])
        phi, stage, log_evidence, step_size = 0.0, 0, 0.0, _FIRST_STEP / dim**0.5
        while phi < 1.0:
            next_phi = _next_phi(particles.loglikelihood, phi, ess_fraction)
            log_weights = _times(next_phi - phi, particles.loglikelihood)
            log_evidence += float(logsumexp(log_weights)) - np.log(num_samples)
            weights = np.exp(log_weights - logsumexp(log_weights))
            mean = weights @ particles.position
            deviation = particles.position - mean
            covariance = (weights[:, None] * deviation).T @ deviation
            tuning = Tuning(mean, np.linalg.cholesky(covariance), np.array(step_size))
            chosen = _systematic(rng, weights)
            particles = jax.tree.map(operator.itemgetter(chosen), particles)
            rates = []
            for step, count in pace.parts(num_mutations):
                raise_if_stopped()
                states, info = advance(
                    key_mutate,
                    np.arange(num_samples),
                    particles,
                    (tuning, next_phi),
                    stage * num_mutations + step,
                    count,
                )
                particles = _on_host(states)
                rates.append(np.asarray(info.acceptance_rate)[:count])
                evaluated.append(
                    jax.tree.map(
                        lambda rows, count=count: np.array(rows)[:count].reshape(-1, *rows.shape[3:]),
                        info.evaluations,
                    )
                )
            rate = float(np.mean(np.concatenate(rates)))
            step_size *= np.exp(2.0 * (rate - _TARGET_ACCEPTANCE))
            phi, stage = next_phi, stage + 1
        return particles, evaluated, log_evidence, stage

    runs = [one_run(jax.random.fold_in(rng_key, i)) for i in range(num_chains)]
    particles = jax.tree.map(lambda *leaves: np.stack(leaves), *[run[0] for run in runs])
    evaluations = jax.tree.map(lambda *leaves: np.concatenate(leaves), *[e for run in runs for e in run[1]])
    log_evidence = np.array([run[2] for run in runs])
    num_stages = np.array([run[3] for run in runs])
    return Draws(
        param_names=posterior.param_names,
        position=particles.position,
        loglikelihood=particles.loglikelihood,
        logprior=particles.logprior,
        stats={
            "lp": particles.logdensity,
            "num_stages": np.broadcast_to(num_stages[:, None], particles.logprior.shape),
            "log_marginal_likelihood": np.broadcast_to(log_evidence[:, None], particles.logprior.shape),
        },
        evaluations=evaluations,
        seconds={"sample": time.perf_counter() - seconds},
        failures=dict(count_failures(evaluations.status)),
        log_marginal_likelihood=float(logsumexp(log_evidence) - np.log(num_chains)),
    )


def _next_phi(loglikelihood: Any, phi: float, ess_fraction: float) -> float:
    """The next phi: that at which the effective sample size is a fraction of the particles with a solution."""
    target = ess_fraction * np.sum(np.isfinite(loglikelihood))

    def excess(delta: float) -> float:
        log_weights = _times(delta, loglikelihood)
        return np.exp(2 * logsumexp(log_weights) - logsumexp(2 * log_weights)) - target

    largest = 1.0 - phi
    return 1.0 if excess(largest) >= 0 else phi + brentq(excess, 0.0, largest, xtol=1e-12 * largest)


def _times(delta: float, loglikelihood: Any) -> np.ndarray:
    """`delta` times the log-likelihood, -inf where there is no solution even if `delta` is zero."""
    finite = np.isfinite(loglikelihood)
    return np.where(finite, delta * np.where(finite, loglikelihood, 0.0), -np.inf)


def _systematic(rng: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """Systematic resampling: indices ``[n]``, index i appears n w_i times but for rounding."""
    places = (rng.random() + np.arange(weights.size)) / weights.size
    return np.minimum(np.searchsorted(np.cumsum(weights), places), weights.size - 1)


def _on_host(tree: Any) -> Any:
    return jax.tree.map(np.array, tree)
