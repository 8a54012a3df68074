"""A root between two bounds, by Chandrupatla's method: inverse quadratic interpolation where safe, else halving.

Source: Chandrupatla (1997), Advances in Engineering Software 28(3); Scherer (2010), Computational Physics, 6.1.7.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.typing import Scalar


class BracketedRoot(NamedTuple):
    """``x`` with the smaller value at the ends of the last bracket, the function's ``value`` there, what it ``kept``
    there, whether the signs at the bounds were opposite, and the number of function values, bounds included."""

    x: Scalar
    value: Scalar
    kept: Any
    bracketed: Scalar
    steps: Scalar


def solve_bracketed(
    f: Callable[[Scalar, Any], tuple[Scalar, Any]],
    low: Scalar | float,
    high: Scalar | float,
    kept: Any,
    tolerance: float = 1e-12,
    max_steps: int = 100,
) -> BracketedRoot:
    """x between `low` and `high` with f(x) = 0. Not differentiable.

    Args:
        f: ``(x, kept) -> (value, kept)``, where ``kept`` is whatever makes the next value cheaper, such as the solution
            of an inner problem.
        low, high: f has opposite signs there, or there is no root to be found.
        kept: for the first value.
        tolerance: of x, relative to its size.
        max_steps: values after which the search ends.

    Returns:
        The root, exact where f is zero, else the better end of a bracket of the width of the tolerance. A function that
        jumps is followed to its jump.
    """
    low, high = jnp.asarray(low, float), jnp.asarray(high, float)

    def best(a, f_a, b, f_b):
        nearer = jnp.abs(f_a) < jnp.abs(f_b)
        return jnp.where(nearer, a, b), jnp.where(nearer, f_a, f_b)

    def share(a, f_a, b, f_b):
        """The width that counts as zero, as a share of the bracket."""
        x, _ = best(a, f_a, b, f_b)
        return tolerance * jnp.abs(x) / jnp.maximum(jnp.abs(b - a), 1e-300)

    def advance(state):
        """The bounds first, so that f stands in the program once."""
        a, f_a, b, f_b, t, kept, steps = state
        x = jnp.select([steps == 0, steps == 1], [low, high], a + t * (b - a))
        f_x, kept = f(x, kept)
        same = (jnp.sign(f_x) == jnp.sign(f_a)) & (steps > 1)  # the third point c is the end that x replaces
        c, f_c = jnp.where(same, a, b), jnp.where(same, f_a, f_b)
        b, f_b = jnp.where(same, b, a), jnp.where(same, f_b, f_a)
        a, f_a = x, f_x
        xi, phi = (a - b) / (c - b), (f_a - f_b) / (f_c - f_b)
        safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & (steps > 1)
        t = f_a / (f_b - f_a) * f_c / (f_b - f_c)
        t = t + (c - a) / (b - a) * f_a / (f_c - f_a) * f_b / (f_c - f_b)
        least = jnp.minimum(share(a, f_a, b, f_b), 0.5)
        t = jnp.clip(jnp.where(safe & jnp.isfinite(t), t, 0.5), least, 1 - least)
        return a, f_a, b, f_b, t, kept, steps + 1

    def unsolved(state):
        a, f_a, b, f_b, _, _, steps = state
        bracketed = jnp.sign(f_a) * jnp.sign(f_b) < 0  # False where one is not finite
        narrow = share(a, f_a, b, f_b) >= 1
        return (steps < 2) | (bracketed & ~narrow & (steps < max_steps))

    first = (low, jnp.nan, low, jnp.nan, 0.5, kept, 0)
    a, f_a, b, f_b, _, kept, steps = jax.lax.while_loop(unsolved, advance, first)
    x, value = best(a, f_a, b, f_b)
    bracketed = jnp.isfinite(f_a) & jnp.isfinite(f_b) & (jnp.sign(f_a) * jnp.sign(f_b) <= 0)
    return BracketedRoot(x, value, kept, bracketed, jnp.asarray(steps))
