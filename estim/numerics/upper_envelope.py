"""The upper envelope of lines through points in no order, as the endogenous grid gives where a choice is not convex.

Euler's equation is then necessary and not sufficient: several choices satisfy it at the same state, and the best has
the highest value. Every line between neighbouring points is evaluated at every state that it spans, which is simple
and vectorises. Sources: Iskhakov, Jorgensen, Rust and Schjerning (2017), Quantitative Economics 8(2), section 2.3;
Druedahl (2021), Computational Economics 58, section 4.
"""

import jax
import jax.numpy as jnp

from estim.typing import Array


def upper_envelope(knots: Array, values: Array, points: Array, outcome: Array) -> tuple[Array, Array]:
    """The highest of the lines between neighbouring ``(knots, values)`` at `points`, and the outcome on that line.

    Args:
        knots: ``[n]``, in the order of the choices that they belong to, not of their size.
        values: ``[n]`` at the knots.
        points: ``[m]``, where the envelope is wanted.
        outcome: ``[n]`` at the knots, as a choice, linear between neighbours too.

    Returns:
        Value and outcome ``[m]``. Beyond the last knot the last line goes on; where no line is, -inf and the first
        outcome. Which line is highest is a whole number, so derivatives are those of that line.
    """
    left, width = knots[None, :-1], jnp.diff(knots)[None]
    share = (points[:, None] - left) / jnp.where(width == 0, 1.0, width)
    last = (jnp.arange(left.size) == left.size - 1)[None]
    goes_on = last & (width > 0)
    spans = (share >= 0) & ((share <= 1) | goes_on) & (width != 0)
    between = lambda y: y[None, :-1] + share * jnp.diff(y)[None]
    height = jax.lax.stop_gradient(jnp.where(spans, between(values), -jnp.inf))
    line = height.argmax(axis=1)
    on_line = lambda y: jnp.take_along_axis(between(y), line[:, None], axis=1)[:, 0]
    there = spans.any(axis=1)
    return jnp.where(there, on_line(values), -jnp.inf), jnp.where(there, on_line(outcome), outcome[0])
