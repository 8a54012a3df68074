"""Priors as functions of an unconstrained position: transforms, log-density, draws.

Priors of one family are stacked and handled at once, and so are the supports of one kind: a model with
thirty parameters has four or five families of priors, all on intervals perhaps, and the program is
compiled in a fraction of the time.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache, partial
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erfc, ndtri
from numpyro.distributions import Distribution, biject_to, constraints
from numpyro.distributions.transforms import (
    AffineTransform,
    ComposeTransform,
    ParameterFreeTransform,
    Transform,
)

from estim.prior_checks import check_prior, log_mass
from estim.priors import Names
from estim.typing import Array, Key, LogDensity, ParamValues, Position, Scalar

JointPrior = Callable[[dict[str, Scalar]], Scalar]

_CANDIDATES = 20
_BLOCK = 500
_WIDTHS = (1.0, 3.0, 10.0)


class Initial(NamedTuple):
    """A distribution of positions that can be drawn from exactly and whose density is known, constant included.

    Tempered SMC begins from it, whatever the posterior's prior is: one that a bound cuts, one with a term on top
    that nobody can draw from, or none at all.

    Attributes:
        sample: ``(rng_key, num) -> [num, dim]`` positions.
        logdensity_fn: position -> log-density, normalised.
    """

    sample: Callable[[Key, int], Array]
    logdensity_fn: LogDensity


class Latent(NamedTuple):
    """Numbers that a likelihood adds to the position: independent, standard normal, in the order of their coordinates.

    ``name``; ``dims``, the names of the dimensions, and ``coords``, the labels along each.
    """

    name: str
    dims: tuple[str, ...]
    coords: tuple[tuple[Any, ...], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(map(len, self.coords))

    @property
    def names(self) -> tuple[str, ...]:
        """Of each number, such as ``shocks[3, eps_R]``."""
        return tuple(f"{self.name}[{', '.join(map(str, at))}]" for at in product(*self.coords))


class Parameters(NamedTuple):
    """The estimated parameters, one component of the position ``[dim]`` each, in the order of ``names``.

    Attributes:
        constrain_fn: position -> {name: value} in the model's units.
        unconstrain_fn: {name: value} -> position.
        logdet_fn: position -> log |det d values / d position|.
        logprior_fn: log-prior of the values plus ``logdet_fn``.
        sample_prior: ``(rng_key, num) -> [num, dim]`` positions.
        initial: the prior without its joint term and with mass one, see `Initial`.
        latents: what stands behind the parameters in the position, see `with_latents`; nothing for most.
    """

    names: tuple[str, ...]
    constrain_fn: Callable[[Position], dict[str, Scalar]]
    unconstrain_fn: Callable[[ParamValues], Position]
    logdet_fn: LogDensity
    logprior_fn: LogDensity
    sample_prior: Callable[[Key, int], Array]
    initial: Initial
    latents: tuple[Latent, ...] = ()


class NormalCDF(ParameterFreeTransform):
    """From the real line onto (0, 1) by the distribution function of the standard normal.

    A density that is positive at the ends of its interval, as a posterior pressed against a bound is,
    has normal tails in these coordinates, and a uniform one is standard normal; the logit would
    give exponential tails, which make the steps of gradient samplers small.
    """

    codomain = constraints.unit_interval

    def __call__(self, x: Array) -> Array:
        ends = jnp.finfo(jnp.result_type(x))
        return jnp.clip(0.5 * erfc(-math.sqrt(0.5) * x), ends.tiny, 1.0 - ends.eps)

    def _inverse(self, y: Array) -> Array:
        ends = jnp.finfo(jnp.result_type(y))
        return ndtri(jnp.clip(y, ends.tiny, 1.0 - ends.eps))

    def log_abs_det_jacobian(self, x: Array, y: Array, intermediates: Any = None) -> Array:
        return -0.5 * (x * x + math.log(2.0 * math.pi))


def transform_onto(support: constraints.Constraint) -> Transform:
    """From the real line onto a support: by `NormalCDF` onto an interval, else by NumPyro's own transform."""
    if not isinstance(support, type(constraints.interval(0.0, 1.0))):
        return biject_to(support)
    low, high = support.lower_bound, support.upper_bound
    return ComposeTransform([NormalCDF(), AffineTransform(low, high - low, domain=constraints.unit_interval)])


class _Family(NamedTuple):
    """Distributions, or supports, that differ in numbers only.

    ``members`` holds k of them along a leading axis of its arrays; ``places`` are their components
    of the position, ``[k]``, or ``[k, n]`` where each is of a vector.
    """

    members: Any
    places: np.ndarray


def parameterise(priors: Mapping[Names, Distribution], joint_prior: JointPrior | None = None) -> Parameters:
    """Each distribution in the coordinates of its support's own transform, and a joint term over all.

    Args:
        priors: NumPyro distributions by name; one of a vector by the names of its components.
        joint_prior: ``{name: value} -> log-density``, a term added to the log-prior. Draws of the
            prior then are draws of `priors` resampled by it, twenty candidates to each.

    Raises:
        PriorError: a prior that cannot be used; the message names the parameter.
    """
    for own, prior in priors.items():
        check_prior(own, prior)
    names = tuple(n for own in priors for n in ([own] if isinstance(own, str) else own))
    distributions = _families(priors, names)
    supports = _families({own: d.support for own, d in priors.items()}, names)

    @jax.jit
    def transformed(position: Position) -> tuple[Array, Scalar]:
        """The values ``[dim]`` at a position, and the log-determinant of the transform."""

        def one(support: constraints.Constraint, x: Array) -> tuple[Array, Array]:
            transform = transform_onto(support)
            value = transform(x)
            return value, transform.log_abs_det_jacobian(x, value)

        values, logdets = zip(*_by_family(supports, one, position), strict=True)
        return _joined(supports, values), jnp.sum(jnp.concatenate(logdets))

    def inverted(values: Array) -> Position:
        return _joined(supports, _by_family(supports, lambda s, value: transform_onto(s).inv(value), values))

    def by_name(values: Array) -> dict[str, Scalar]:
        return dict(zip(names, jnp.unstack(values), strict=True))

    def constrain(position: Position) -> dict[str, Scalar]:
        return by_name(transformed(position)[0])

    def unconstrain(values: ParamValues) -> Position:
        return inverted(jnp.stack([jnp.asarray(values[name], float) for name in names]))

    def logdet(position: Position) -> Scalar:
        return transformed(position)[1]

    def separate_and_values(position: Position) -> tuple[Scalar, Array]:
        """The log-density of `priors` alone, transform included, and the values there."""
        values, logdet = transformed(position)
        logdensities = _by_family(distributions, lambda d, value: d.log_prob(value), values)
        return jnp.sum(jnp.concatenate(logdensities)) + logdet, values

    def logprior(position: Position) -> Scalar:
        total, values = separate_and_values(position)
        return total if joint_prior is None else total + joint_prior(by_name(values))

    @cache
    def mass() -> float:
        with jax.ensure_compile_time_eval():
            return sum(log_mass(prior) for prior in priors.values())

    @jax.vmap
    def draw(rng_key: Key) -> Position:
        keys = jax.random.split(rng_key, len(distributions))
        one = lambda d, key: d.sample(key)
        draws = [
            jax.vmap(one)(d, jax.random.split(key, len(places)))
            for (d, places), key in zip(distributions, keys, strict=True)
        ]
        return inverted(_joined(distributions, draws))

    @jax.jit
    def separate_block(rng_key: Key) -> Array:
        return draw(jax.random.split(rng_key, _BLOCK))

    @jax.jit
    def joint_block(rng_key: Key) -> Array:
        assert joint_prior is not None
        key_draw, key_choose = jax.random.split(rng_key)
        candidates = draw(jax.random.split(key_draw, _CANDIDATES * _BLOCK))
        log_weights = jax.vmap(lambda position: joint_prior(constrain(position)))(candidates)
        log_weights = jnp.where(jnp.isnan(log_weights), -jnp.inf, log_weights)
        return candidates[jax.random.categorical(key_choose, log_weights, shape=(_BLOCK,))]

    def sample(block: Callable[[Key], Array], rng_key: Key, num: int) -> Array:
        """In blocks of one shape, and by the machine's own generator of bits: samplers of Gamma variables are slow to
        compile, with JAX's twice as slow, and any number is asked for."""
        rng_key = jax.random.key(jax.random.bits(rng_key), impl="rbg")
        blocks = [block(jax.random.fold_in(rng_key, i)) for i in range(-(-num // _BLOCK))]
        return jnp.concatenate(blocks)[:num]

    separate = partial(sample, separate_block)
    return Parameters(
        names,
        jax.jit(constrain),
        jax.jit(unconstrain),
        jax.jit(logdet),
        jax.jit(logprior),
        separate if joint_prior is None else partial(sample, joint_block),
        Initial(separate, lambda position: separate_and_values(position)[0] - mass()),
    )


@lru_cache(maxsize=8)
def with_latents(parameters: Parameters, latents: tuple[Latent, ...]) -> Parameters:
    """The same with latents behind the parameters, independent of them and standard normal; as they are where there
    are none."""
    added = tuple(name for latent in latents for name in latent.names)
    if not added:
        return parameters
    n, names = len(parameters.names), (*parameters.names, *added)

    def normal(position: Position) -> Scalar:
        z = position[n:]
        return -0.5 * (z @ z + len(added) * math.log(2.0 * math.pi))

    def beside(sample: Callable[[Key, int], Array], rng_key: Key, num: int) -> Array:
        key_own, key_latents = jax.random.split(rng_key)
        return jnp.concatenate(
            [sample(key_own, num), jax.random.normal(key_latents, (num, len(added)))], axis=1
        )

    def constrain(position: Position) -> dict[str, Scalar]:
        own = parameters.constrain_fn(position[:n])
        return own | dict(zip(added, jnp.unstack(position[n:]), strict=True))

    def unconstrain(values: ParamValues) -> Position:
        latent = [jnp.asarray(values[name], float) for name in added]
        return jnp.concatenate([parameters.unconstrain_fn(values), jnp.stack(latent)])

    own, initial = parameters, parameters.initial
    return Parameters(
        names,
        jax.jit(constrain),
        jax.jit(unconstrain),
        jax.jit(lambda position: own.logdet_fn(position[:n])),
        jax.jit(lambda position: own.logprior_fn(position[:n]) + normal(position)),
        partial(beside, own.sample_prior),
        Initial(
            partial(beside, initial.sample),
            lambda position: initial.logdensity_fn(position[:n]) + normal(position),
        ),
        latents,
    )


def scattered(centre: Array) -> Initial:
    """Near and far around a position: a mixture, to equal parts, of normals with deviations of 1, 3 and 10."""
    dim, widths = centre.size, jnp.asarray(_WIDTHS)

    def sample(rng_key: Key, num: int) -> Array:
        key_width, key_noise = jax.random.split(rng_key)
        width = jax.random.choice(key_width, widths, (num, 1))
        return centre[None, :] + width * jax.random.normal(key_noise, (num, dim))

    def logdensity(position: Position) -> Scalar:
        squared = jnp.sum((position - centre) ** 2)
        each = -0.5 * squared / widths**2 - dim * (jnp.log(widths) + 0.5 * math.log(2.0 * math.pi))
        return jax.nn.logsumexp(each) - math.log(len(_WIDTHS))

    return Initial(sample, logdensity)


def _families(members: Mapping[Names, Any], names: tuple[str, ...]) -> list[_Family]:
    """Distributions, or supports, by what they have in common: the tree of their arrays, and the shapes of these."""
    alike: dict[Any, list[tuple[Any, Any]]] = {}
    for own, member in members.items():
        arrays, tree = jax.tree.flatten(member)
        place = names.index(own) if isinstance(own, str) else [names.index(n) for n in own]
        alike.setdefault((tree, np.shape(place), *map(jnp.shape, arrays)), []).append((member, place))
    return [
        _Family(
            jax.tree.map(lambda *rows: np.stack([np.asarray(row, float) for row in rows]), *family),
            np.array(places),
        )
        for family, places in (zip(*pairs, strict=True) for pairs in alike.values())
    ]


def _by_family(families: list[_Family], fn: Callable[..., Any], vector: Array) -> list[Any]:
    """``fn(member, its part of the vector)`` for all members, family by family."""
    parts = jax.lax.split(_taken(vector, _order(families)), [family.places.size for family in families])
    return [
        jax.vmap(fn)(family.members, part.reshape(family.places.shape))
        for family, part in zip(families, parts, strict=True)
    ]


def _joined(families: list[_Family], parts: Iterable[Array]) -> Array:
    """A vector from its parts by family."""
    return _taken(jnp.concatenate([part.ravel() for part in parts]), np.argsort(_order(families)))


def _order(families: list[_Family]) -> np.ndarray:
    return np.concatenate([family.places.ravel() for family in families])


def _taken(vector: Array, order: np.ndarray) -> Array:
    return vector if np.array_equal(order, np.arange(order.size)) else vector[order]
