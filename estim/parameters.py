"""Priors as functions of an unconstrained position: transforms, log-density, draws.

Priors of one family are stacked and handled at once: a model with thirty parameters has four or
five families, and the program is compiled in a fraction of the time.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jax.scipy.stats import norm
from numpyro.distributions import Distribution, biject_to, constraints
from numpyro.distributions.transforms import (
    AffineTransform,
    ComposeTransform,
    ParameterFreeTransform,
    Transform,
)

from estim.priors import Names
from estim.typing import Array, Key, LogDensity, ParamValues, Position, Scalar

JointPrior = Callable[[dict[str, Scalar]], Scalar]

_CANDIDATES = 20
_BLOCK = 500


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


class NormalCDF(ParameterFreeTransform):
    """From the real line onto (0, 1) by the distribution function of the standard normal.

    A density that is positive at the ends of its interval, as a posterior pressed against a bound is,
    has normal tails in these coordinates, and a uniform one is standard normal; the logit would
    give exponential tails, which make the steps of gradient samplers small.
    """

    codomain = constraints.unit_interval

    def __call__(self, x: Array) -> Array:
        ends = jnp.finfo(jnp.result_type(x))
        return jnp.clip(ndtr(x), ends.tiny, 1.0 - ends.eps)

    def _inverse(self, y: Array) -> Array:
        return ndtri(y)

    def log_abs_det_jacobian(self, x: Array, y: Array, intermediates: Any = None) -> Array:
        return norm.logpdf(x)


def transform_onto(support: constraints.Constraint) -> Transform:
    """From the real line onto a support: by `NormalCDF` onto an interval, else by NumPyro's own transform."""
    if not isinstance(support, type(constraints.interval(0.0, 1.0))):
        return biject_to(support)
    low, high = support.lower_bound, support.upper_bound
    return ComposeTransform([NormalCDF(), AffineTransform(low, high - low, domain=constraints.unit_interval)])


class _Family(NamedTuple):
    """Priors that differ in numbers only.

    ``distribution`` holds k of them along a leading axis of its arrays; ``places`` are their components
    of the position, ``[k]``, or ``[k, n]`` where each is of a vector.
    """

    distribution: Distribution
    places: np.ndarray


def parameterise(priors: Mapping[Names, Distribution], joint_prior: JointPrior | None = None) -> Parameters:
    """Each distribution in the coordinates of its support's own transform, and a joint term over all.

    Args:
        priors: NumPyro distributions by name; one of a vector by the names of its components.
        joint_prior: ``{name: value} -> log-density``, a term added to the log-prior. Draws of the
            prior then are draws of `priors` resampled by it, twenty candidates to each.
    """
    names = tuple(n for own in priors for n in ([own] if isinstance(own, str) else own))
    families = _families(priors, names)
    order = np.concatenate([family.places.ravel() for family in families])
    back = np.argsort(order)

    def by_family(fn: Callable[..., Any], vector: Array) -> list[Any]:
        """``fn(distribution, its part of the vector)`` for all priors, family by family."""
        parts = jax.lax.split(vector[order], [family.places.size for family in families])
        return [
            jax.vmap(fn)(family.distribution, part.reshape(family.places.shape))
            for family, part in zip(families, parts, strict=True)
        ]

    def joined(parts: list[Array]) -> Array:
        return jnp.concatenate([part.ravel() for part in parts])[back]

    def constrain(position: Position) -> dict[str, Scalar]:
        values = joined(by_family(lambda d, x: transform_onto(d.support)(x), position))
        scalars = jax.lax.split(values, [1] * len(names))
        return {name: scalar.reshape(()) for name, scalar in zip(names, scalars, strict=True)}

    def unconstrain(values: ParamValues) -> Position:
        vector = jnp.stack([jnp.asarray(values[name], float) for name in names])
        return joined(by_family(lambda d, value: transform_onto(d.support).inv(value), vector))

    def summed(fn: Callable[[Distribution, Array, Scalar], Scalar], position: Position) -> Scalar:
        """Sum over the priors of ``fn(distribution, value, log-determinant of its transform)``."""

        def one(d: Distribution, x: Array) -> Scalar:
            transform = transform_onto(d.support)
            value = transform(x)
            return fn(d, value, transform.log_abs_det_jacobian(x, value))

        return jnp.sum(jnp.concatenate(by_family(one, position)))

    def logdet(position: Position) -> Scalar:
        return summed(lambda d, value, logdet: logdet, position)

    def logprior(position: Position) -> Scalar:
        total = summed(lambda d, value, logdet: d.log_prob(value) + logdet, position)
        return total if joint_prior is None else total + joint_prior(constrain(position))

    @jax.vmap
    def draw(rng_key: Key) -> Position:
        keys = iter(jax.random.split(rng_key, len(families)))
        one = lambda d, key: transform_onto(d.support).inv(d.sample(key))
        return joined([jax.vmap(one)(d, jax.random.split(next(keys), len(places))) for d, places in families])

    @jax.jit
    def sample_block(rng_key: Key) -> Array:
        if joint_prior is None:
            return draw(jax.random.split(rng_key, _BLOCK))
        key_draw, key_choose = jax.random.split(rng_key)
        candidates = draw(jax.random.split(key_draw, _CANDIDATES * _BLOCK))
        log_weights = jax.vmap(lambda position: joint_prior(constrain(position)))(candidates)
        log_weights = jnp.where(jnp.isnan(log_weights), -jnp.inf, log_weights)
        return candidates[jax.random.categorical(key_choose, log_weights, shape=(_BLOCK,))]

    def sample(rng_key: Key, num: int) -> Array:
        """In blocks of one shape, and by the machine's own generator of bits: samplers of Gamma variables are slow to
        compile, with JAX's twice as slow, and any number is asked for."""
        rng_key = jax.random.key(jax.random.bits(rng_key), impl="rbg")
        blocks = [sample_block(jax.random.fold_in(rng_key, i)) for i in range(-(-num // _BLOCK))]
        return jnp.concatenate(blocks)[:num]

    return Parameters(
        names, jax.jit(constrain), jax.jit(unconstrain), jax.jit(logdet), jax.jit(logprior), sample
    )


def _families(priors: Mapping[Names, Distribution], names: tuple[str, ...]) -> list[_Family]:
    """The priors by what they have in common: the tree of their arrays, and the shapes of these."""
    members: dict[Any, list[tuple[Distribution, Any]]] = {}
    for own, distribution in priors.items():
        arrays, tree = jax.tree.flatten(distribution)
        place = names.index(own) if isinstance(own, str) else [names.index(n) for n in own]
        members.setdefault((tree, *map(jnp.shape, arrays)), []).append((distribution, place))
    return [
        _Family(
            jax.tree.map(lambda *rows: np.stack([np.asarray(row, float) for row in rows]), *distributions),
            np.array(places),
        )
        for distributions, places in (zip(*family, strict=True) for family in members.values())
    ]
