"""Tempered sequential Monte Carlo: particles carried from a distribution that can be drawn from to the posterior.

BlackJAX has tempered SMC too, but it evaluates each particle's likelihood several times a stage,
loses the rejected points, and meets 0 times -inf where a prior draw has no solution.
"""

import operator
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import logsumexp

from estim.arguments import Fraction, Positive
from estim.devices import device_mesh, takes_turns
from estim.evaluations import Evaluations
from estim.numerics import resample_systematically
from estim.pace import Pace
from estim.posterior import Posterior, for_posteriors
from estim.samplers.adaptation import cholesky_of_few
from estim.samplers.base import Draws, SamplerError, SamplingAlgorithm, Tuning, count_failures
from estim.samplers.chains import build_advance
from estim.samplers.random_walk import build_random_walk
from estim.samplers.states import Evaluated, State
from estim.status import Status
from estim.stopping import raise_if_stopped
from estim.typing import Key, Position

_FIRST_STEP = 2.38
_TARGET_ACCEPTANCE = 0.25
_MOST_BATCHES = 100  # of first draws, in search of as many with a solution as there are particles


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

    From draws of the posterior's ``initial`` distribution q, through targets p^phi q^(1 - phi) with phi rising to 1
    and p the posterior's density, each next phi such that the effective sample size of the weights is
    `ess_fraction` of the particles; then systematic resampling and `num_mutations` random-walk steps of every
    particle, with the particles' own covariance. With a prior as it is usually given q is the prior, and the
    targets are likelihood^phi prior; else (bounds that cut it, a joint term, a bare log-density) q is divided out.

    The marginal likelihood is the integral of exp(log-likelihood + log-prior), the prior's density taken as it is
    given: parameters without a solution count as likelihood zero, and a prior that bounds cut keeps the height it had.
    First draws are made until as many as there are particles have a density, the N-th at the T-th draw, and (N - 1) /
    (T - 1) estimates without bias the share that has one (Haldane 1945). The estimate is unbiased up to the adaptation
    of phi and of the steps, and its logarithm is biased downward by half its variance.

    Args:
        num_samples: particles in each run.
        num_chains: independent runs. Their disagreement shows the error: ``stats`` has the
            ``log_marginal_likelihood`` of each, and the result is the log of the average.
        num_mutations: by default four times the dimension, at least ten: a random walk needs a few steps
            a dimension to part the copies of a particle, and copies that stay together make a
            poor estimate, more so than few particles.

    Raises:
        SamplerError: among a hundred times `num_samples` first draws fewer than `num_samples` have a density.
    """
    if num_samples < 2:
        raise SamplerError(f"smc: num_samples={num_samples}; a population has two particles or more")
    dim = len(posterior.start)
    num_mutations = num_mutations or max(10, 4 * dim)
    seconds = time.perf_counter()
    evaluate = partial(_evaluate_all, posterior)
    mesh = device_mesh(num_samples, jax.local_devices())
    advance = build_advance(_build_tempered, (), mesh, num_mutations, True, takes_turns(posterior.sequential))
    advance = partial(advance, {"posterior": posterior})

    pace = Pace(num_mutations)

    def first_particles(rng_key: Key) -> tuple[State, list[Evaluations], float]:
        """Draws of the initial distribution that have a density, all that were made, and the log of the share."""
        evaluated: list[Evaluations] = []
        for i in range(_MOST_BATCHES):
            raise_if_stopped()
            positions = posterior.initial.sample(jax.random.fold_in(rng_key, i), num_samples)
            evaluated.append(_on_host(evaluate(positions)))
            together = jax.tree.map(lambda *rows: np.concatenate(rows), *evaluated)
            (finite,) = np.nonzero(np.isfinite(together.logdensity))
            if len(finite) >= num_samples:
                kept = finite[:num_samples]
                particles = State(*(rows[kept] for rows in together[:3]))
                return particles, evaluated, float(np.log((num_samples - 1) / kept[-1]))
        reasons = {Status[name].message: n for name, n in count_failures(together.status).items()}
        raise SamplerError(
            f"smc: {len(finite)} of {len(together.status)} draws of the prior have a density, too few for "
            f"{num_samples} particles; of the others: {reasons}. Does the prior lie where the model has a solution?"
        )

    def one_run(rng_key: Key) -> tuple[State, list[Evaluations], float, int]:
        key_prior, key_mutate, key_resample = jax.random.split(rng_key, 3)
        rng = np.random.default_rng(np.asarray(jax.random.key_data(key_resample)))
        particles, evaluated, log_evidence = first_particles(key_prior)
        phi, stage, step_size = 0.0, 0, _FIRST_STEP / dim**0.5
        while phi < 1.0:
            next_phi = _next_phi(particles.loglikelihood, phi, ess_fraction)
            log_weights = _times(next_phi - phi, particles.loglikelihood)
            log_evidence += float(logsumexp(log_weights)) - np.log(num_samples)
            weights = np.exp(log_weights - logsumexp(log_weights))
            mean = weights @ particles.position
            deviation = particles.position - mean
            covariance = (weights[:, None] * deviation).T @ deviation
            tuning = Tuning(mean, cholesky_of_few(covariance), np.array(step_size))
            chosen = resample_systematically(weights, rng.random())
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
    particles = _as_given(posterior, particles)
    evaluations = _as_given(posterior, evaluations)
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


def _build_tempered(posterior: Posterior, tuning: tuple[Tuning, float]) -> SamplingAlgorithm:
    return build_random_walk(_from_initial(posterior), tuning[0], inverse_temperature=tuning[1])


@for_posteriors
def _evaluate_all(posterior: Posterior, positions: Position) -> Evaluations:
    return posterior.over(_from_initial(posterior).evaluate_fn)(positions)


def _from_initial(posterior: Posterior) -> Evaluated:
    """The same density, the initial distribution in the place of the prior and the rest in that of the likelihood."""

    def evaluate(position: Position) -> Evaluations:
        found, begun = posterior.evaluate_fn(position), posterior.initial.logdensity_fn(position)
        finite = jnp.isfinite(found.logdensity) & jnp.isfinite(begun)
        rest = jnp.where(finite, found.logdensity - jnp.where(finite, begun, 0.0), -jnp.inf)
        return found._replace(loglikelihood=rest, logprior=jnp.where(jnp.isfinite(begun), begun, -jnp.inf))

    return Evaluated(evaluate, posterior.sequential)  # a particle does not carry what a split prepares


def _as_given[Points: (State, Evaluations)](posterior: Posterior, points: Points) -> Points:
    """Log-likelihood and log-prior of points that `_from_initial` evaluated, in the posterior's own parts."""
    flat = points.position.reshape(-1, points.position.shape[-1])
    logprior = np.asarray(jax.jit(jax.vmap(posterior.logprior_fn))(flat)).reshape(points.logprior.shape)
    solved = np.isfinite(points.logdensity)
    logprior = np.where(np.isfinite(logprior), logprior, -np.inf)
    rest = np.where(solved, points.logdensity, 0.0) - np.where(solved, logprior, 0.0)
    parts: dict[str, Any] = {"loglikelihood": np.where(solved, rest, -np.inf), "logprior": logprior}
    return points._replace(**parts)


def _next_phi(loglikelihood: Any, phi: float, ess_fraction: float) -> float:
    """The next phi: that at which the effective sample size is a fraction of the particles with a solution.

    By bisection in the log of the increment: where log-likelihoods differ by powers of ten, so do increments.
    """
    target = ess_fraction * np.sum(np.isfinite(loglikelihood))

    def excess(delta: float) -> float:
        log_weights = _times(delta, loglikelihood)
        return np.exp(2 * logsumexp(log_weights) - logsumexp(2 * log_weights)) - target

    if excess(1.0 - phi) >= 0:
        return 1.0
    low, high = -300.0, float(np.log10(1.0 - phi))
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(10.0**middle) >= 0 else (low, middle)
    return phi + max(10.0**low, np.spacing(phi))


def _times(delta: float, loglikelihood: Any) -> np.ndarray:
    """`delta` times the log-likelihood, -inf where there is no solution even if `delta` is zero."""
    finite = np.isfinite(loglikelihood)
    return np.where(finite, delta * np.where(finite, loglikelihood, 0.0), -np.inf)


def _on_host(tree: Any) -> Any:
    return jax.tree.map(np.array, tree)
