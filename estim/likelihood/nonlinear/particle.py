"""`Particle`: particle filters, whose key makes them functions of the parameters."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient

from estim.arguments import ArgumentError, NonNegative, Positive, Seed, check_fields, within
from estim.kept import compiled_by_structure
from estim.likelihood.contract import Gradient, Likelihood, check_presample
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.likelihood.nonlinear.measurement_errors import ErrorDensity, error_densities, require_errors
from estim.likelihood.nonlinear.particle_moves import MOVES
from estim.likelihood.nonlinear.tempered_particles import temper
from estim.numerics import covariance_root, resample_systematically
from estim.representations.nonlinear import NonlinearStateSpace
from estim.representations.trend import without_trend
from estim.status import Status
from estim.typing import Array, Key, Scalar


class ParticleData(NamedTuple):
    """What the filter reads: observations ``[n_periods, n_obs]``, NaN where missing, and the key of its draws.

    Another key is another draw of the same log-likelihood. There may be one for the start and each period instead,
    ``[n_periods + 1]``.
    """

    observations: Array
    key: Key


Method = Literal["bootstrap", "conditionally_optimal", "tempered"]


@dataclass(frozen=True)
class Particle(Likelihood):
    """A particle filter: states are drawn, and weighed by what is observed.

    Particles move by shocks, and the measurement errors, added and normal, give their weights (the bootstrap filter of
    Gordon, Salmond and Smith 1993). Where these have become unequal, particles are resampled systematically.
    exp(value) is an unbiased estimate of the likelihood, whatever the number of particles, and the value itself is too
    low by about half its variance; both fall as 1 / `num_particles`. Measurement errors that are small beside what a
    shock moves make the variance large.

    The draws depend on `seed` alone (common random numbers), so that the value is a function of the parameters. It is
    no continuous one: where a parameter moves a weight past a level of the resampling, another particle is taken,
    and the value jumps. Points that are very close share their draws; a little apart (a parameter by a thousandth)
    the values scatter nearly as much as between two seeds. So take as many particles as a variance below one asks for.

    **The gradient** is not the derivative of that function. It is the estimate of the score that follows from weights
    of which each resampling keeps the derivative (Ścibior and Wood 2021): times the likelihood it is unbiased, and as
    particles grow it tends to the gradient of the log-likelihood, with a variance that grows faster than the sample.
    Samplers that move by gradients need the derivative of the very density that they accept by, and refuse it.

    **The method** says where shocks are drawn. Small measurement errors leave the bootstrap filter few particles of any
    weight; the others see today's observation before they move, and need a tenth or a hundredth of the particles.

    Attributes:
        num_particles: how many.
        method: "bootstrap": shocks from the model; "conditionally_optimal": from their distribution given what is
            observed and the state before, exact where the measurement is linear in the shocks, and by its
            linearisation with the weights that make up for it elsewhere; "tempered": errors that are first large and
            then as they are, particles resampled and moved after each step (Herbst and Schorfheide 2019), which has no
            derivatives.
        seed: of the draws.
        ess_fraction: particles are resampled where the effective sample size of their weights is below this share
            of them: 0 never, 1 in every period.
        presample: periods at the start that are filtered but not counted.

    Raises:
        ArgumentError: a setting is out of its range.

    Source: Gordon, Salmond and Smith (1993), IEE Proceedings F 140; Herbst and Schorfheide (2015), Bayesian Estimation
    of DSGE Models, ch. 8, and (2019), Journal of Econometrics 210; Ścibior and Wood (2021), "Differentiable Particle
    Filtering without Modifying the Forward Pass", arXiv:2106.10314.
    """

    num_particles: Positive = 1000
    method: Method = "bootstrap"
    seed: Seed = 0
    ess_fraction: Annotated[float, within(0, 1)] = 0.5
    presample: NonNegative = 0

    reads: ClassVar[type] = NonlinearStateSpace
    noisy: ClassVar[bool] = True

    @property
    def gradient(self) -> Gradient:  # type: ignore[override]
        """No derivative of the tempered filter, of the others one that is no gradient of the value."""
        return "none" if self.method == "tempered" else "biased"

    def __post_init__(self) -> None:
        check_fields(self, "likelihood.")

    def check_specification(self, spec: Any) -> None:
        """
        Raises:
            ArgumentError: there are no measurement errors, by which particles could be weighed.
        """
        require_errors(spec, "Particle")

    def for_data(self, observations: Array) -> tuple["Particle", ParticleData]:
        """The filter itself, and observations ``[n_periods, n_obs]`` with the key of the seed.

        Raises:
            ArgumentError: the presample is as long as the observations.
        """
        check_presample(self.presample, observations)
        return self, ParticleData(jnp.asarray(observations, float), jax.random.key(self.seed))

    def redraw(self, data: ParticleData, rng_key: Key, share: Scalar | float = 1.0) -> ParticleData:
        """The same data with other random numbers: of a share of the periods, each by chance."""
        num = len(data.observations) + 1
        before = data.key if data.key.ndim else jax.random.split(data.key, num)
        key_new, key_which = jax.random.split(rng_key)
        anew = jax.random.uniform(key_which, (num,)) < share
        return data._replace(key=jnp.where(anew, jax.random.split(key_new, num), before))

    def loglikelihood(self, solution: NonlinearStateSpace, data: ParticleData) -> Outcome:
        """An estimate of the log-likelihood, every constant included, and its status.

        Args:
            solution: any `NonlinearStateSpace`, the linear one too.
            data: what `for_data` returned.

        Returns:
            It is -inf, with a gradient of zero, where the state space has a bad status, something is not finite,
            every particle has left the finite numbers, or the measurement errors have no density.

        Raises:
            ArgumentError: measurement errors are not added to what is observed.
        """
        if solution.obs_cov is None:
            raise ArgumentError(
                "likelihood Particle needs measurement errors that are added to what is observed, by a covariance "
                "that no state moves: these are not, so that their density is not known"
            )
        settings = replace(self, seed=0)  # the key is in the data: one program for all seeds
        arrays = (solution, data.observations, jax.random.key_data(data.key))
        if any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(arrays)):
            return _likelihood(settings, *arrays)
        return _compiled(settings)(*arrays)


@lru_cache(maxsize=8)
def _compiled(settings: Particle) -> Any:
    return compiled_by_structure(partial(_likelihood, settings))


class _Cloud(NamedTuple):
    """Particles, each array with a leading axis ``[num_particles]``, and their log-weights, of sum one."""

    states: Any
    log_weights: Array


def _likelihood(
    settings: Particle, solution: NonlinearStateSpace, observations: Array, key_data: Array
) -> Outcome:
    @impossible_if_not_finite
    def likelihood(solution: Any, observations: Array, key_data: Array) -> Outcome:
        key = jax.random.wrap_key_data(key_data)
        y = without_trend(solution, observations)
        errors, regular = error_densities(solution.obs_cov, y)
        terms, _ = filter_particles(settings, solution, y, errors, key)
        gaps = jnp.isnan(observations)
        return outcome(
            terms[settings.presample :].sum(),
            (solution.status == Status.OK, solution.status),
            ((solution.obs_cov, gaps | jnp.isfinite(observations)), Status.NOT_FINITE.value),
            (regular, Status.SINGULAR_OBSERVABLES.value),
            (jnp.isfinite(terms).all(), Status.NOT_FINITE.value),
        )

    return likelihood(solution, observations, key_data)


def filter_particles(
    settings: Particle,
    solution: Any,
    observations: Array,
    errors: ErrorDensity,
    key: Key,
    read: Callable[[Any, Array], Any] = lambda states, log_weights: (),
) -> tuple[Array, Any]:
    """Estimates of p(y_t | y_1 .. y_{t-1}), in logs ``[n_periods]``, and what is read of the particles, by period.

    Args:
        key: one for all, or one for the start and each period ``[n_periods + 1]``.
        read: of states with a leading axis ``[num_particles]`` and the logs of their weights, of sum one, once what
            is observed has weighed them.
    """
    n = settings.num_particles
    keys = key if key.ndim else jax.random.split(key, len(observations) + 1)
    root = covariance_root(solution.shock_cov)
    even = jnp.full(n, -np.log(n))
    states = jax.vmap(solution.start)(jax.random.split(keys[0], n))
    given = keys[1:], observations, errors

    def tempered(carry: tuple[Any, Scalar], now: tuple[Key, Array, ErrorDensity]):
        states, term, scale = temper(solution, carry[0], *now[1:], root, carry[1], now[0])
        return (states, scale), (term, read(states, even))

    def period(cloud: _Cloud, now: tuple[Key, Array, ErrorDensity]):
        key, y, error = now
        key_shocks, key_choice = jax.random.split(key)
        states, weights = MOVES[settings.method](solution, cloud.states, y, error, root, key_shocks)
        joint = cloud.log_weights + weights
        term = jax.nn.logsumexp(joint)
        alive = jnp.isfinite(term)
        cloud = _Cloud(states, jnp.where(alive, joint - jnp.where(alive, term, 0.0), even))
        size = jnp.exp(-jax.nn.logsumexp(2 * stop_gradient(cloud.log_weights)))
        unequal = size < settings.ess_fraction * n
        choose = lambda cloud: _resample(cloud, jax.random.uniform(key_choice))
        return jax.lax.cond(unequal, choose, lambda cloud: cloud, cloud), (term, read(*cloud))

    if settings.method == "tempered":
        return jax.lax.scan(tempered, (states, jnp.asarray(0.3)), given)[1]
    return jax.lax.scan(period, _Cloud(states, even), given)[1]


def _resample(cloud: _Cloud, uniform: Scalar) -> _Cloud:
    """Particles in proportion to their weights, which are even then but keep their derivatives: w / stop(w) / n."""
    chosen = resample_systematically(jnp.exp(stop_gradient(cloud.log_weights)), uniform)
    log_weights = cloud.log_weights[chosen]
    log_weights = log_weights - stop_gradient(log_weights) - np.log(chosen.shape[0])
    return _Cloud(jax.tree.map(lambda x: x[chosen], cloud.states), log_weights)
