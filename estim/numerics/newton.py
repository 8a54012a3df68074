"""Newton's step as an operator, whose fixed point is the root: iterated, differentiated and reported as any other."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from estim.typing import Array


def newton_step(f: Callable[[Array], Array], x: Array) -> Array:
    """x - f'(x)^-1 f(x), with the Jacobian of f by forward mode.

    At a root the step's derivative in x is zero, and in what f depends on it is -f'(x)^-1 df: that of the root.

    Args:
        f: ``[n] -> [n]``.
        x: ``[n]``.

    Returns:
        The next point ``[n]``; not finite where the Jacobian is singular.
    """
    return x - jnp.linalg.solve(jax.jacfwd(f)(x), f(x))
