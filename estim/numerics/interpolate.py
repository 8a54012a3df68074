"""Linear interpolation on grids: brackets found by bisection, values differentiable.

All functions work on the last axis; leading axes broadcast. A bracket is an integer and
carries no derivative, so what is interpolated is smooth between the points where a bracket
changes, and continuous everywhere.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.typing import Array


def bracket(knots: Array, points: Array) -> Array:
    """Index i in ``[0, n-2]`` with ``knots[i] <= points < knots[i+1]`` (the end brackets reach to infinity).

    ``knots`` ``[..., n]`` ascending, ``points`` ``[..., m]``; the result is ``[..., m]``.
    """
    last = knots.shape[-1] - 2
    knots, points = jax.lax.stop_gradient((knots, points))
    halvings = max(last, 1).bit_length()
    shape = (*jnp.broadcast_shapes(knots.shape[:-1], points.shape[:-1]), points.shape[-1])

    def halve(k, index):
        trial = index + (1 << (halvings - 1 - k))
        inside = trial <= last
        return jnp.where(inside & (take(knots, jnp.where(inside, trial, 0)) <= points), trial, index)

    return jax.lax.fori_loop(0, halvings, halve, jnp.zeros(shape, jnp.int32))


def take(values: Array, index: Array) -> Array:
    """``values[..., index]`` along the last axis: ``values`` ``[n]`` or ``[..., n]``, ``index`` ``[..., m]``."""
    if values.ndim == 1:
        return values.at[index].get(mode="promise_in_bounds")
    leading = jnp.broadcast_shapes(values.shape[:-1], index.shape[:-1])
    n, m = values.shape[-1], index.shape[-1]
    values = jnp.broadcast_to(values, (*leading, n)).reshape(-1)
    index = jnp.broadcast_to(index, (*leading, m)).reshape(-1, m)
    flat = index + n * jnp.arange(index.shape[0], dtype=index.dtype)[:, None]
    return values.at[flat.reshape(-1)].get(mode="promise_in_bounds").reshape(*leading, m)


def interpolate(knots: Array, points: Array, values: Any) -> Any:
    """Piecewise linear interpolation through ``(knots, values)`` at ``points``, extrapolated at both ends.

    ``values`` is an array, or a tuple of arrays that are interpolated at the same points.

    Args:
        knots: ``[n]``, rising.
        points: ``[...]``, where values are wanted.
        values: ``[n]`` at the knots, or a tuple of such, interpolated at the same points.

    Returns:
        The values at the points, ``[...]``, a tuple where ``values`` is one.
    """
    i = bracket(knots, points)
    left, right = take(knots, i), take(knots, i + 1)
    weight = (points - left) / (right - left)

    def at_points(values):
        low = take(values, i)
        return low + weight * (take(values, i + 1) - low)

    return jax.tree.map(at_points, values)


class Lottery(NamedTuple):
    """A choice between grid points: number ``point + 1`` with probability ``weight``, else ``point``."""

    point: Array
    weight: Array


def lottery(grid: Array, choice: Array) -> Lottery:
    """The lottery over neighbouring grid points whose mean is `choice` (Young 2010); ``grid`` ``[n]``.

    A choice beyond the grid goes to its end point.
    """
    grid = jnp.asarray(grid)
    index = bracket(grid, choice)
    left, right = take(grid, index), take(grid, index + 1)
    return Lottery(index, jnp.clip((choice - left) / (right - left), 0.0, 1.0))
