"""Posterior: prior, transforms and log-likelihood, as everything a sampler may know."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution, biject_to

from estim.evaluations import Evaluations
from estim.status import Status
from estim.typing import Array, Key, LogDensity, ParamValues, Position, Scalar


class Posterior(NamedTuple):
    """A posterior over an unconstrained position ``[dim]``; every function is pure and jittable.

    Attributes:
        logdensity_fn: ``loglikelihood_fn + logprior_fn``.
        logprior_fn: log-prior of the parameters plus the log-determinant of the transform.
        loglikelihood_fn: -inf where the model has no solution.
        constrain_fn: position -> {name: value} in the model's units.
        unconstrain_fn: {name: value} -> position.
        sample_prior: ``(rng_key, num) -> [num, dim]`` positions.
        param_names: names of the estimated parameters, in the order of the position.
        evaluate_fn: position -> `Evaluations` of that one point, with its status.
        start: a position to begin a search from, ``[dim]``.
    """

    logdensity_fn: LogDensity
    logprior_fn: LogDensity
    loglikelihood_fn: LogDensity
    constrain_fn: Callable[[Position], dict[str, Scalar]]
    unconstrain_fn: Callable[[ParamValues], Position]
    sample_prior: Callable[[Key, int], Array]
    param_names: tuple[str, ...]
    evaluate_fn: Callable[[Position], Evaluations]
    start: Position

    def with_loglikelihood(self, loglikelihood: Callable[[Position], Any]) -> "Posterior":
        """The same prior with another log-likelihood of the position (a surrogate's, say).

        `loglikelihood` returns a scalar, or a pair ``(scalar, status)``.
        """
        return _assemble(self, loglikelihood)


def from_loglikelihood(
    loglikelihood: Callable[[dict[str, Scalar]], Any],
    prior: Mapping[str, Distribution],
    start: ParamValues | None = None,
) -> Posterior:
    """A posterior from any log-likelihood and independent scalar priors.

    Args:
        loglikelihood: ``{name: value} -> scalar`` or ``(scalar, status)``, in JAX.
        prior: NumPyro distributions by parameter name.
        start: where a search begins; the prior mean where a name is not listed.
    """
    names = tuple(prior)
    transforms = {n: biject_to(d.support) for n, d in prior.items()}

    def constrain(position: Position) -> dict[str, Scalar]:
        return {n: transforms[n](position[i]) for i, n in enumerate(names)}

    def unconstrain(values: ParamValues) -> Position:
        return jnp.stack([jnp.asarray(transforms[n].inv(jnp.asarray(values[n], float))) for n in names])

    def logprior(position: Position) -> Scalar:
        terms = []
        for i, (n, dist) in enumerate(prior.items()):
            value = transforms[n](position[i])
            terms.append(dist.log_prob(value) + transforms[n].log_abs_det_jacobian(position[i], value))
        return jnp.sum(jnp.stack(terms))

    def sample_prior(rng_key: Key, num: int) -> Array:
        keys = jax.random.split(rng_key, len(names))
        draws = {n: d.sample(k, (num,)) for k, (n, d) in zip(keys, prior.items(), strict=True)}
        return jax.vmap(unconstrain)(draws)

    begin = {n: d.mean for n, d in prior.items()} | dict(start or {})
    base = Posterior(
        logprior, logprior, logprior, constrain, unconstrain, sample_prior, names, None, unconstrain(begin)  # type: ignore[arg-type]
    )
    return _assemble(base, lambda position: loglikelihood(constrain(position)))


def from_logdensity(logdensity: LogDensity, start: Array, param_names: tuple[str, ...] | None = None) -> Posterior:
    """A posterior from a bare log-density of an unconstrained position.

    All of it counts as log-likelihood; the "prior" is flat, and `sample_prior` scatters
    starting points as a unit normal around `start` ``[dim]``.
    """
    start = jnp.asarray(start, float)
    names = param_names or tuple(f"x{i}" for i in range(start.shape[0]))
    flat = lambda position: jnp.zeros((), position.dtype)
    base = Posterior(
        flat,
        flat,
        flat,
        constrain_fn=lambda position: {n: position[i] for i, n in enumerate(names)},
        unconstrain_fn=lambda values: jnp.stack([jnp.asarray(values[n], float) for n in names]),
        sample_prior=lambda rng_key, num: start + jax.random.normal(rng_key, (num, start.shape[0])),
        param_names=names,
        evaluate_fn=None,  # type: ignore[arg-type]
        start=start,
    )
    return _assemble(base, logdensity)


def _assemble(base: Posterior, loglikelihood: Callable[[Position], Any]) -> Posterior:
    """Wire the functions of a log-likelihood into `base`, whose prior and transforms stand."""

    def evaluate(position: Position) -> Evaluations:
        result = loglikelihood(position)
        value, status = result if isinstance(result, tuple) else (result, Status.OK.value)
        logprior = base.logprior_fn(position)
        inside = jnp.isfinite(logprior)
        status = jnp.where(inside, status, Status.OUT_OF_SUPPORT.value)
        status = jnp.where((status == Status.OK) & ~jnp.isfinite(value), Status.NOT_FINITE.value, status)
        value = jnp.where(status == Status.OK, value, -jnp.inf)
        return Evaluations(position, value, jnp.where(inside, logprior, -jnp.inf), status.astype(jnp.int32))

    return base._replace(
        evaluate_fn=evaluate,
        logdensity_fn=lambda position: evaluate(position).logdensity,
        loglikelihood_fn=lambda position: evaluate(position).loglikelihood,
    )
