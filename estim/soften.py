"""Smooth relaxations of discrete decisions, so that a gradient passes through them.

Each has an inverse temperature: the higher, the closer to the decision that it relaxes, which it is at infinity.
Between the two stands a bias that falls with the temperature and a gradient whose spread rises: `anneal` goes from
one to the other.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import ArgumentError, Positive, PositiveReal, checked
from estim.typing import Array


def threshold(x: Any, inverse_temperature: Any = 10.0) -> Array:
    """1 / (1 + exp(-k x)): how much of a decision is taken that is taken where x is positive.

    Args:
        x: by how much the threshold is exceeded.
        inverse_temperature: k, per unit of x; at infinity 1 where x > 0 and 0 elsewhere.

    Returns:
        Numbers from 0 to 1, of the shape of x.
    """
    x, k, hard = _finite(x, inverse_temperature)
    return jnp.where(hard, jnp.asarray(x > 0, float), jax.nn.sigmoid(k * x))


def switch(x: Any, above: Any, below: Any, inverse_temperature: Any = 10.0) -> Array:
    """`above` where x is positive and `below` elsewhere, mixed by `threshold`.

    Args:
        x: by how much the threshold is exceeded.
        above, below: what there is on either side, finite on both.
        inverse_temperature: as in `threshold`; at infinity ``jnp.where(x > 0, above, below)``.

    Returns:
        Numbers between the two.
    """
    x, k, hard = _finite(x, inverse_temperature)
    share = jax.nn.sigmoid(k * x)
    return jnp.where(hard, jnp.where(x > 0, above, below), share * above + (1 - share) * below)


def positive_part(x: Any, inverse_temperature: Any = 10.0) -> Array:
    """ln(1 + exp(k x)) / k: a smooth max(x, 0), above it by at most ln 2 / k.

    Args:
        x: numbers.
        inverse_temperature: k, per unit of x; at infinity max(x, 0). Its derivative in x is `threshold`.

    Returns:
        Positive numbers, of the shape of x.
    """
    x, k, hard = _finite(x, inverse_temperature)
    return jnp.where(hard, jnp.where(x > 0, x, 0.0), jax.nn.softplus(k * x) / k)


def maximum(x: Any, y: Any, inverse_temperature: Any = 10.0) -> Array:
    """A smooth max(x, y), above it by at most ln 2 / k.

    Args:
        x, y: numbers.
        inverse_temperature: k; at infinity max(x, y).

    Returns:
        y + `positive_part` of x - y.
    """
    return y + positive_part(jnp.subtract(x, y), inverse_temperature)


def minimum(x: Any, y: Any, inverse_temperature: Any = 10.0) -> Array:
    """A smooth min(x, y), below it by at most ln 2 / k.

    Args:
        x, y: numbers.
        inverse_temperature: k; at infinity min(x, y).

    Returns:
        y - `positive_part` of y - x.
    """
    return y - positive_part(jnp.subtract(y, x), inverse_temperature)


def choose(
    values: Any, gumbel: Any = 0.0, inverse_temperature: Any = 10.0, *, straight_through: bool = False
) -> Array:
    """The Gumbel-softmax: the shares of a choice among alternatives that is one of them at infinity.

    With draws g of the standard Gumbel distribution (`jax.random.gumbel`) the alternative that has the largest
    value + g is a draw of the logit probabilities exp(value) / sum exp(value), of whatever temperature the relaxation
    is. Without draws it relaxes the best alternative.

    Args:
        values: ``[..., n]``, of each alternative.
        gumbel: draws of the same shape or of a larger one, ``[..., n]``, held fixed where derivatives are taken.
        inverse_temperature: k; shares are the softmax of k (value + g). At infinity one alternative has all (the first
            of several that are best).
        straight_through: whether the choice itself is returned, one for one alternative and zero for the others, with
            the derivative of the shares.

    Returns:
        Shares ``[..., n]`` that sum to one.

    Source: Jang, Gu and Poole (2017) and Maddison, Mnih and Teh (2017), both ICLR; straight-through: Bengio, Léonard
    and Courville (2013), arXiv:1308.3432.
    """
    shape = jnp.broadcast_shapes(jnp.shape(values), jnp.shape(gumbel))
    total, k, hard = _finite(jnp.broadcast_to(values, shape) + gumbel, inverse_temperature)
    one = jax.nn.one_hot(jnp.argmax(total, axis=-1), total.shape[-1], dtype=total.dtype)
    shares = jnp.where(hard, one, jax.nn.softmax(k * total, axis=-1))
    return straight(one, shares) if straight_through else shares


def straight(hard: Any, soft: Any) -> Array:
    """The value of `hard` with the derivative of `soft`: a straight-through estimate.

    Args:
        hard: a decision.
        soft: a relaxation of it, of the same shape.

    Returns:
        `hard`, exactly.
    """
    return _straight(jnp.asarray(hard, float), jnp.asarray(soft, float))


@jax.custom_jvp
def _straight(hard: Array, soft: Array) -> Array:
    return hard


@_straight.defjvp
def _straight_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    return _straight(*primals), tangents[1]


@checked
def anneal(
    start: PositiveReal,
    end: PositiveReal,
    num_steps: Positive,
    *,
    schedule: Literal["geometric", "linear"] = "geometric",
) -> np.ndarray:
    """Inverse temperatures from one to the other, for searches of which each begins where the last ended.

    Args:
        start: the first, low enough that all alternatives matter.
        end: the last, high enough that the relaxation is the decision, nearly.
        num_steps: how many.
        schedule: whether they rise by equal factors or by equal amounts.

    Returns:
        ``[num_steps]``.

    Raises:
        ArgumentError: they fall.

    Source: Kirkpatrick, Gelatt and Vecchi (1983), Science 220.
    """
    if end < start:
        raise ArgumentError(f"anneal: inverse temperatures rise, not from {start} to {end}")
    steps = np.geomspace if schedule == "geometric" else np.linspace
    return np.asarray(steps(start, end, num_steps))


def _finite(x: Any, inverse_temperature: Any) -> tuple[Array, Array, Array]:
    """x, a finite inverse temperature for what is not hard, and where it is."""
    k = jnp.asarray(inverse_temperature, float)
    hard = jnp.isinf(k)
    return jnp.asarray(x, float), jnp.where(hard, 1.0, k), hard
