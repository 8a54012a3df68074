"""Roots of a few equations by Newton's method with the whole matrix of derivatives: a search, with derivatives by the
implicit function theorem; and one step as an operator, whose fixed point is the root."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import gmres

from estim.numerics.linear import solve_linear
from estim.typing import Array

DENSE = 512
"""Up to so many unknowns `newton_step` has the whole Jacobian, beyond it its products."""
_SHORTEST = 2.0**-12  # share of a step


def solve_equations(
    residual: Callable[[Array], Array], start: Array, tolerance: float = 1e-13, max_steps: int = 100
) -> Array:
    """x ``[n]`` with ``residual(x) = 0``, or NaN where the search fails.

    A step is halved until it leaves less. Derivatives in whatever `residual` closes over, of any order, are implicit:
    dx = -F_x^-1 dF.

    Args:
        residual: of x ``[n]``, ``[n]`` numbers.
        start: ``[n]``, which has no effect on the result.
        tolerance: of the largest residual, absolute; a search goes on below it as long as steps help.
        max_steps: halved ones count.
    """

    def search(residual: Callable[[Array], Array], start: Array) -> Array:
        def step_at(x: Array) -> Array:
            return solve_linear(jax.jacfwd(residual)(x), residual(x)[:, None])[0][:, 0]

        def attempt(state):
            x, step, left, share, steps = state
            tried = x - share * step
            size = jnp.max(jnp.abs(residual(tried)), initial=0.0)
            better = size < left
            x = jnp.where(better, tried, x)
            return (
                x,
                jnp.where(better, step_at(x), step),
                jnp.where(better, size, left),
                jnp.where(better, 1.0, share / 2),
                steps + 1,
            )

        def go_on(state):
            *_, left, share, steps = state
            near = (left <= tolerance) & (share < 1.0)  # there, one more whole step is tried
            return (share > _SHORTEST) & ~near & (left > 0) & (steps < max_steps)

        first = jnp.max(jnp.abs(residual(start)), initial=0.0)
        x, _, left, *_ = jax.lax.while_loop(go_on, attempt, (start, step_at(start), first, 1.0, 0))
        return jnp.where(left <= tolerance, x, jnp.nan)

    def tangent(linear: Callable[[Array], Array], b: Array) -> Array:
        return solve_linear(jax.jacfwd(linear)(b), b[:, None])[0][:, 0]

    return jax.lax.custom_root(residual, jax.lax.stop_gradient(start), search, tangent)


def newton_step(f: Callable[[Array], Array], x: Array) -> Array:
    """x - f'(x)^-1 f(x): by elimination, or where there are many unknowns by GMRES (Saad and Schultz, 1986) on products
    of the Jacobian, as in the markets for thousands of goods.

    At a root the step's derivative in x is zero, and in what f depends on it is -f'(x)^-1 df: that of the root.

    Args:
        f: ``[n] -> [n]``.
        x: ``[n]``.

    Returns:
        The next point ``[n]``; not finite where the Jacobian is singular.
    """
    if x.size <= DENSE:
        return x - jnp.linalg.solve(jax.jacfwd(f)(x), f(x))
    left, product = jax.linearize(f, x)

    def solve(matvec: Callable[[Array], Array], b: Array) -> Array:
        return gmres(matvec, b, tol=1e-13, atol=0.0, restart=20, maxiter=50)[0]

    return x - jax.lax.custom_linear_solve(product, left, solve, transpose_solve=solve)
