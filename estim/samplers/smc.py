"""Tempered sequential Monte Carlo: particles carried from a distribution that can be drawn from to the posterior.

Here is the kernel, whose step is one temperature; `estim.samplers.population` runs it, in pieces.

BlackJAX has tempered SMC too, but it evaluates each particle's likelihood several times a stage,
loses the rejected points, and meets 0 times -inf where a prior draw has no solution.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from estim.arguments import Fraction, Positive
from estim.evaluations import Evaluations
from estim.numerics import resample_systematically
from estim.posterior import Posterior
from estim.samplers.base import Info, SamplingAlgorithm, Tuning
from estim.samplers.random_walk import build_random_walk
from estim.samplers.states import Evaluated, State
from estim.typing import Array, Key, Position, Scalar

FIRST_STEP = 2.38
TARGET_ACCEPTANCE = 0.25
_BISECTIONS = 60


class SMCState(NamedTuple):
    """A population of n particles at one temperature.

    Attributes:
        particles: states with the leading axis ``[n]``. The density is that of the posterior, but its parts are
            others: ``logprior`` is the log-density of the posterior's ``initial`` distribution, ``loglikelihood`` the
            rest.
        phi: the inverse temperature of the particles, or that to which they are being moved, ``[]``.
        log_evidence: log of the integral of the density at ``phi``, ``[]``.
        tuning: the proposals of this temperature.
        stage: how many temperatures were begun, ``[]``.
        moved: how many moves of this temperature are done, ``[]``, a move being one proposal for each particle of a
            block; zero once the temperature is finished.
        accepted: the sum of their acceptance rates, ``[]``.
    """

    particles: State
    phi: Any
    log_evidence: Any
    tuning: Tuning
    stage: Any
    moved: Any
    accepted: Any

    @property
    def position(self) -> Array:
        """``[n, dim]``."""
        return self.particles.position


def build_smc(
    posterior: Posterior,
    tuning: Tuning | None = None,
    *,
    num_mutations: Positive | None = None,
    ess_fraction: Fraction = 0.5,
) -> SamplingAlgorithm:
    """Tempered SMC (Herbst and Schorfheide 2014): a kernel of populations, each step of which is a temperature.

    From draws of the posterior's ``initial`` distribution q, through targets p^phi q^(1 - phi) with phi rising to 1
    and p the posterior's density, each next phi such that the effective sample size of the weights is
    `ess_fraction` of the particles; then systematic resampling and `num_mutations` random-walk steps of every
    particle, with the particles' own covariance. With a prior as it is usually given q is the prior, and the
    targets are likelihood^phi prior; else (bounds that cut it, a joint term, a bare log-density) q is divided out.
    A population whose phi is one goes on as so many chains of the posterior.

    The marginal likelihood is the integral of exp(log-likelihood + log-prior), the prior's density taken as it is
    given: parameters without a solution count as likelihood zero, and a prior that bounds cut keeps the height it had.
    First draws are made until as many as there are particles have a density, the N-th at the T-th draw, and (N - 1) /
    (T - 1) estimates without bias the share that has one (Haldane 1945). The estimate is unbiased up to the adaptation
    of phi and of the steps, and its logarithm is biased downward by half its variance.

    Args:
        posterior: what is sampled.
        tuning: its ``step_size`` is that of the first temperature; 2.38 / sqrt(dim) by default.
        num_mutations: by default four times the dimension, at least ten: a random walk needs a few steps
            a dimension to part the copies of a particle, and copies that stay together make a
            poor estimate, more so than few particles.
        ess_fraction: between 0 and 1; the nearer to one, the more temperatures.

    Returns:
        ``init`` takes positions ``[n, dim]``, and ``step`` an `SMCState`. The draws of a step are its particles.

    Source: Herbst and Schorfheide (2014), Journal of Applied Econometrics 29; Chopin (2002), Biometrika 89.
    """
    num_moves = moves_of(posterior, num_mutations)

    def init(positions: Position) -> SMCState:
        found = posterior.over(partial(evaluate_from_initial, posterior))(positions)
        return first_population(State(*found[:3]), 0.0 if tuning is None else tuning.step_size)

    def step(rng_key: Key, state: SMCState) -> tuple[SMCState, Info]:
        key_resample, key_move = jax.random.split(rng_key)
        state = begin_temperature(key_resample, state, ess_fraction)
        move = posterior.over(build_tempered(posterior, (state.tuning, state.phi)).step)

        def all_particles(particles: State, number: Array) -> tuple[State, Info]:
            ids = jnp.arange(len(particles.logprior))
            keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.fold_in(key_move, number), ids)
            return move(keys, particles)

        particles, info = jax.lax.scan(all_particles, state.particles, jnp.arange(num_moves))
        rate = jnp.mean(info.acceptance_rate)
        state = end_temperature(state._replace(particles=particles, accepted=rate), 1)
        evaluations = jax.tree.map(lambda rows: rows.reshape(-1, *rows.shape[3:]), info.evaluations)
        status = jnp.zeros(particles.logprior.shape, jnp.int32)
        draws = Evaluations(particles.position, particles.loglikelihood, particles.logprior, status)
        stats = {"phi": state.phi, "log_marginal_likelihood": state.log_evidence}
        return state, Info(draws, evaluations, rate, stats)

    return SamplingAlgorithm(init, step)


def moves_of(posterior: Posterior, num_mutations: int | None) -> int:
    """Moves of each particle at each temperature."""
    return num_mutations or max(10, 4 * len(posterior.start))


def first_population(particles: State, step_size: Any = 0.0) -> SMCState:
    """Draws of the initial distribution, each with a density, before the first temperature."""
    dim = particles.position.shape[1]
    step_size = jnp.where(jnp.asarray(step_size) > 0, step_size, FIRST_STEP / dim**0.5)
    tuning = Tuning(jnp.zeros(dim), jnp.eye(dim), step_size, jnp.ones(()))
    zero, none = jnp.zeros(()), jnp.zeros((), jnp.int32)
    return SMCState(particles, zero, zero, tuning, none, none, zero)


def begin_temperature(rng_key: Key, state: SMCState, ess_fraction: float | Scalar) -> SMCState:
    """The next phi; the particles resampled by their weights there; proposals by their weighted covariance."""
    loglikelihood, position = state.particles.loglikelihood, state.position
    phi = next_phi(loglikelihood, state.phi, ess_fraction)
    log_weights = _times(phi - state.phi, loglikelihood)
    total = logsumexp(log_weights)
    weights = jnp.exp(log_weights - total)
    mean = weights @ position
    deviation = position - mean[None, :]
    scale_tril = _cholesky_of_few((weights[:, None] * deviation).T @ deviation)
    chosen = resample_systematically(weights, jax.random.uniform(rng_key, dtype=weights.dtype))
    return state._replace(
        particles=jax.tree.map(lambda rows: rows[chosen], state.particles),
        phi=phi,
        log_evidence=state.log_evidence + total - jnp.log(len(loglikelihood)),
        tuning=state.tuning._replace(mean=mean, scale_tril=scale_tril),
        stage=state.stage + 1,
        accepted=jnp.zeros(()),
    )


def end_temperature(state: SMCState, num_rates: int) -> SMCState:
    """The step size of the next temperature, from the sum of `num_rates` acceptance rates."""
    rate = state.accepted / num_rates
    step_size = state.tuning.step_size * jnp.exp(2.0 * (rate - TARGET_ACCEPTANCE))
    return state._replace(
        tuning=state.tuning._replace(step_size=step_size), moved=jnp.zeros((), jnp.int32), accepted=rate
    )


def build_tempered(posterior: Posterior, tuning: tuple[Tuning, Scalar]) -> SamplingAlgorithm:
    """The kernel that moves a particle: a random walk at an inverse temperature, the second of `tuning`."""
    return build_random_walk(_from_initial(posterior), tuning[0], inverse_temperature=tuning[1])


def evaluate_from_initial(posterior: Posterior, position: Position) -> Evaluations:
    """The density in other parts: the initial distribution in the place of the prior, the rest in the likelihood's."""
    found, begun = posterior.evaluate_fn(position), posterior.initial.logdensity_fn(position)
    finite = jnp.isfinite(found.logdensity) & jnp.isfinite(begun)
    rest = jnp.where(finite, found.logdensity - jnp.where(finite, begun, 0.0), -jnp.inf)
    return found._replace(loglikelihood=rest, logprior=jnp.where(jnp.isfinite(begun), begun, -jnp.inf))


def _from_initial(posterior: Posterior) -> Evaluated:
    """A particle does not carry what a split prepares."""
    return Evaluated(partial(evaluate_from_initial, posterior), posterior.sequential)


def next_phi(loglikelihood: Array, phi: Scalar, ess_fraction: float | Scalar) -> Scalar:
    """The next phi: that at which the effective sample size is a fraction of the particles with a solution.

    By bisection in the log of the increment: where log-likelihoods differ by powers of ten, so do increments.

    Args:
        loglikelihood: of the particles, ``[n]``.
        phi: the present one, ``[]``.
        ess_fraction: between 0 and 1.
    """
    target = ess_fraction * jnp.sum(jnp.isfinite(loglikelihood))

    def enough(delta: Scalar) -> Scalar:
        log_weights = _times(delta, loglikelihood)
        return jnp.exp(2 * logsumexp(log_weights) - logsumexp(2 * log_weights)) >= target

    def halve(_: Any, ends: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        low, high = ends
        middle = 0.5 * (low + high)
        inside = enough(10.0**middle)
        return jnp.where(inside, middle, low), jnp.where(inside, high, middle)

    rest = jnp.asarray(1.0 - phi)
    low, _ = jax.lax.fori_loop(0, _BISECTIONS, halve, (jnp.full_like(rest, -300.0), jnp.log10(rest)))
    further = jnp.minimum(phi + jnp.maximum(10.0**low, jnp.nextafter(phi, 2.0) - phi), 1.0)
    return jnp.where(enough(rest), 1.0, further)


def _times(delta: Scalar, loglikelihood: Array) -> Array:
    """`delta` times the log-likelihood, -inf where there is no solution even if `delta` is zero."""
    finite = jnp.isfinite(loglikelihood)
    return jnp.where(finite, delta * jnp.where(finite, loglikelihood, 0.0), -jnp.inf)


def _cholesky_of_few(covariance: Array) -> Array:
    """As `estim.samplers.adaptation.cholesky_of_few`, in compiled code."""
    variance = jnp.diagonal(covariance)
    variance = jnp.maximum(variance, jnp.maximum(1e-12 * jnp.max(variance), 1e-300))
    root = jnp.linalg.cholesky(covariance)
    rough = jnp.linalg.cholesky(0.5 * (covariance + jnp.diag(variance)))
    return jnp.where(jnp.all(jnp.isfinite(root)), root, rough)


def as_given(points: Any, logprior: np.ndarray) -> Any:
    """Points that `evaluate_from_initial` evaluated, in the posterior's own parts.

    Args:
        points: `Evaluations` or a `State`, host arrays with leading axes ``[...]``.
        logprior: the posterior's, ``[...]``.
    """
    solved = np.isfinite(points.logdensity)
    logprior = np.where(np.isfinite(logprior), logprior, -np.inf)
    rest = np.where(solved, points.logdensity, 0.0) - np.where(solved, logprior, 0.0)
    return points._replace(loglikelihood=np.where(solved, rest, -np.inf), logprior=logprior)
