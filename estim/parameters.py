"""Priors as functions of an unconstrained position: transforms, log-density, draws."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from numpyro.distributions import Distribution, biject_to

from estim.priors import Names, gather, spread
from estim.typing import Array, Key, LogDensity, ParamValues, Position, Scalar

JointPrior = Callable[[dict[str, Scalar]], Scalar]

_CANDIDATES = 20


class Parameters(NamedTuple):
    """The estimated parameters, one component of the position ``[dim]`` each, in the order of ``names``.

    Attributes:
        constrain_fn: position -> {name: value} in the model's units.
        unconstrain_fn: {name: value} -> position.
        logdet_fn: position -> log |det d values / d position|.
        logprior_fn: log-prior of the values plus ``logdet_fn``.
        sample_prior: ``(rng_key, num) -> [num, dim]`` positions.
    """

    names: tuple[str, ...]
    constrain_fn: Callable[[Position], dict[str, Scalar]]
    unconstrain_fn: Callable[[ParamValues], Position]
    logdet_fn: LogDensity
    logprior_fn: LogDensity
    sample_prior: Callable[[Key, int], Array]


def parameterise(priors: Mapping[Names, Distribution], joint_prior: JointPrior | None = None) -> Parameters:
    """Each distribution in the coordinates of its support's own transform, and a joint term over all.

    Args:
        priors: NumPyro distributions by name; one of a vector by the names of its components.
        joint_prior: ``{name: value} -> log-density``, a term added to the log-prior. Draws of the
            prior then are draws of `priors` resampled by it, twenty candidates to each.
    """
    transforms = {names: biject_to(d.support) for names, d in priors.items()}
    names = tuple(n for own in priors for n in ([own] if isinstance(own, str) else own))
    place = {own: names.index(own) if isinstance(own, str) else _span(names, own) for own in priors}

    def unconstrained(position: Position) -> dict[Names, Array]:
        return {own: position[place[own]] for own in priors}

    def constrain(position: Position) -> dict[str, Scalar]:
        values: dict[str, Scalar] = {}
        for own, x in unconstrained(position).items():
            values |= spread(own, transforms[own](x))
        return values

    def unconstrain(values: ParamValues) -> Position:
        return jnp.concatenate([jnp.atleast_1d(t.inv(gather(own, values))) for own, t in transforms.items()])

    def logdet(position: Position) -> Scalar:
        x = unconstrained(position)
        return sum(t.log_abs_det_jacobian(x[own], t(x[own])) for own, t in transforms.items())

    def logprior(position: Position) -> Scalar:
        values = constrain(position)
        terms = [d.log_prob(gather(own, values)) for own, d in priors.items()]
        if joint_prior is not None:
            terms.append(joint_prior(values))
        return jnp.sum(jnp.stack(terms)) + logdet(position)

    def sample_independently(rng_key: Key, num: int) -> Array:
        keys = jax.random.split(rng_key, len(priors))
        draws: dict[str, Array] = {}
        for key, (own, d) in zip(keys, priors.items(), strict=True):
            draws |= spread(own, jax.vmap(d.sample)(jax.random.split(key, num)))
        return jax.vmap(unconstrain)(draws)

    def sample(rng_key: Key, num: int) -> Array:
        if joint_prior is None:
            return sample_independently(rng_key, num)
        key_draw, key_choose = jax.random.split(rng_key)
        candidates = sample_independently(key_draw, _CANDIDATES * num)
        log_weights = jax.vmap(lambda position: joint_prior(constrain(position)))(candidates)
        log_weights = jnp.where(jnp.isnan(log_weights), -jnp.inf, log_weights)
        return candidates[jax.random.categorical(key_choose, log_weights, shape=(num,))]

    return Parameters(names, constrain, unconstrain, logdet, logprior, sample)


def _span(names: tuple[str, ...], own: tuple[str, ...]) -> slice:
    first = names.index(own[0])
    return slice(first, first + len(own))
