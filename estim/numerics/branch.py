"""A branch that costs nothing where it is not taken, in a batch too."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from estim.typing import Scalar


def compute_where[T](needed: Scalar, compute: Callable[..., T], otherwise: T, *args: Any) -> T:
    """``compute(*args)`` where `needed`, else `otherwise`; for no element of a batch if none needs it.

    `vmap` turns a `cond` into both of its branches. A loop stays one: it runs once, or not at all.

    Args:
        needed: a boolean.
        compute: a function of arrays. What it closes over may be read in any case.
        otherwise: what it would return, of the same shapes.
        args: pytrees of arrays.

    Returns:
        Like `otherwise`. Only forward-mode derivatives are there, so the arrays should be constants
        (`lax.stop_gradient`).
    """

    def once(carry):
        # What reads the loop's state is not moved out of the loop.
        _, inputs = lax.optimization_barrier((carry[0], args))
        return jnp.array(False), compute(*inputs)

    return lax.while_loop(lambda carry: carry[0], once, (jnp.asarray(needed), otherwise))[1]


@jax.custom_jvp
def moving_where(moves: Scalar, params: Any) -> Any:
    """`params` themselves, so that nothing is computed twice, whose derivative is zero where they do not move."""
    return params


@moving_where.defjvp
def _(given: Any, tangents: Any) -> Any:
    (moves, params), (_, along) = given, tangents
    return params, jax.tree.map(lambda t: jnp.where(moves, t, 0.0), along)
