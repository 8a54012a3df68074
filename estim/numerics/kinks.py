"""The larger and the smaller of two numbers, whose derivative where both are equal is the second one's.

At a kink JAX gives each half the derivative, as if half of a rule held there. Dynare gives the second argument's, so
that ``max(floor, rule)`` at rest on its kink is solved with the rule.
"""

import jax
import jax.numpy as jnp

from estim.typing import Array


@jax.custom_jvp
def maximum(x: Array, y: Array) -> Array:
    """The larger of two numbers."""
    return jnp.maximum(x, y)


@jax.custom_jvp
def minimum(x: Array, y: Array) -> Array:
    """The smaller of two numbers."""
    return jnp.minimum(x, y)


@maximum.defjvp
def _(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return maximum(x, y), jnp.where(x > y, dx, dy)


@minimum.defjvp
def _(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return minimum(x, y), jnp.where(x < y, dx, dy)
