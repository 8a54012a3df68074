"""Is the solution in sequence space the only one? The winding number criterion (Onatski 2006).

Far from the first date the targets respond to the unknowns in a way that depends on the distance in
time alone, H_j for targets j periods after the unknown. Let A(theta) = sum_j H_j exp(-i j theta). The
solution is unique if the curve det A(theta), theta from 0 to 2 pi, does not wind around zero;
each winding counts a stable solution too many (indeterminate) or too few (no stable solution).
The criterion is generic: it counts, and a count of zero is no proof of existence where the system falls into
parts (Sims 2007, On the genericity of the winding number criterion).
Sources: Onatski (2006, Journal of Economic Dynamics and Control 30); for heterogeneous agents in sequence space
Auclert, Rognlie and Straub (2023, Determinacy and existence in the sequence space) and Hagedorn (2023).
"""

import jax
import jax.numpy as jnp

from estim.status import Status
from estim.typing import Array, Scalar


def winding_number(matrix: Array, shape: tuple[int, int]) -> Scalar:
    """Windings of det A around zero; positive: solutions too many. ``matrix`` ``[n * T, n * T]``, ``shape`` (n, T)."""
    n_unknowns, horizon = shape
    middle = horizon // 2
    distances = jnp.arange(horizon) - middle
    column = jnp.moveaxis(matrix.reshape(*shape, *shape)[:, :, :, middle], 1, 0)
    points = 1 << (4 * horizon - 1).bit_length()
    # The column begins `middle` periods before the unknown moves. Where it has not died out at its ends, cutting
    # it there would make the curve oscillate around zero; fading it out smooths the curve instead.
    fade = jnp.cos(jnp.pi / 2 * distances / (middle + 1)) ** 2
    symbol = jnp.zeros((points, n_unknowns, n_unknowns)).at[distances].set(column * fade[:, None, None])
    symbol = jnp.fft.fft(symbol, axis=0)
    curve = jnp.linalg.det(symbol)
    return jnp.round(jnp.sum(jnp.angle(jnp.roll(curve, -1) / curve)) / (2 * jnp.pi))


def determinacy_status(matrix: Array, shape: tuple[int, int]) -> Array:
    """OK, INDETERMINATE or EXPLOSIVE."""
    number = winding_number(jax.lax.stop_gradient(matrix), shape)
    return jnp.select([number > 0, number < 0], [Status.INDETERMINATE, Status.EXPLOSIVE], Status.OK)
