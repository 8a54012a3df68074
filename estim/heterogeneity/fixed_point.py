"""Fixed points x = f(x) by Newton-Krylov steps, differentiable by the implicit function theorem.

The linear equations (I - f'(x)) d = b are solved by BiCGSTAB on products with f', never by a
matrix. Unknowns are measured in units of `scale`, so that one tolerance suits values that
span many orders of magnitude.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.scipy.sparse.linalg import bicgstab

from estim.typing import Array, Scalar

LINEAR_TOLERANCE = 1e-13
NEWTON_MAXITER = 150
PLAIN_STEPS = 16  # taken from the last good point after a Newton step that made matters worse
NEWTON_FORCING = 1e-3  # relative residual left by the linear solve inside a Newton step


class FixedPoint(NamedTuple):
    """``value`` x, its relative ``error`` max |f(x) - x| / scale, and the number of Newton ``steps``."""

    value: Any
    error: Scalar
    steps: Scalar


def solve_fixed_point(
    f: Callable[[Any], Any],
    start: Any,
    *,
    scale: Callable[[Array], Array] = jnp.abs,
    tolerance: float = 1e-11,
    max_steps: int = 60,
) -> FixedPoint:
    """Solve x = f(x) from `start` (any pytree). Not differentiable: see `attach_derivative`.

    A Newton step that does not shrink the residual (or leaves the domain) is taken back, and
    some plain steps x <- f(x) are taken instead. Ends when the relative error is below `tolerance`,
    after `max_steps`, or where even plain steps leave the domain.
    """
    x0, unravel = ravel_pytree(start)

    def flat(x: Array) -> Array:
        return ravel_pytree(f(unravel(x)))[0]

    def newton(state):
        x, plain, best, steps, *_ = state
        unit = scale(x)
        y, tangent = jax.linearize(flat, x)
        error = largest((y - x) / unit)
        better = error < best

        def advance():
            d, _ = bicgstab(
                lambda d: d - tangent(unit * d) / unit,
                (y - x) / unit,
                tol=NEWTON_FORCING,
                maxiter=NEWTON_MAXITER,
            )
            return x + unit * d, y, error

        def retreat():
            restart = jax.lax.fori_loop(0, PLAIN_STEPS, lambda _, x: flat(x), plain)
            return restart, restart, jnp.inf

        ahead, plain, best = jax.lax.cond(better, advance, retreat)
        done = better & (error <= tolerance)
        return jnp.where(done, y, ahead), plain, best, steps + 1, error, jnp.isfinite(plain).all()

    def unsolved(state):
        *_, steps, error, alive = state
        return (error > tolerance) & (steps < max_steps) & alive

    x, _, _, steps, error, _ = jax.lax.while_loop(unsolved, newton, (x0, x0, jnp.inf, 0, jnp.inf, True))
    return FixedPoint(unravel(x), jnp.asarray(error), jnp.asarray(steps))


def attach_derivative(
    f: Callable[[Any], Any],
    solution: Any,
    scale: Callable[[Array], Array] = jnp.abs,
    tolerance: float = LINEAR_TOLERANCE,
) -> Any:
    """`solution` of x = f(x) with the derivative that the implicit function theorem gives it.

    One Newton step from the solution, x - (I - f'(x))^-1 (x - f(x)), with x held constant: its
    value is x up to rounding, its derivative in whatever f closes over is exact.
    """
    x, unravel = ravel_pytree(jax.lax.stop_gradient(solution))
    unit = jax.lax.stop_gradient(scale(x))
    y, tangent = jax.linearize(lambda x: ravel_pytree(f(unravel(x)))[0], x)
    d = solve_one_minus(lambda d: tangent(unit * d) / unit, (y - x) / unit, tolerance=tolerance)
    return unravel(x + unit * d)


def largest(x: Array) -> Scalar:
    """The largest absolute value; infinite where any is not finite (a maximum may pass over NaN)."""
    return jnp.where(jnp.isfinite(x).all(), jnp.max(jnp.abs(x), initial=0.0), jnp.inf)


def solve_one_minus(
    operator: Callable[[Array], Array],
    b: Array,
    x0: Array | None = None,
    tolerance: float = LINEAR_TOLERANCE,
) -> Array:
    """(I - operator)^-1 b, differentiable in both modes."""
    return bicgstab(lambda x: x - operator(x), b, x0=x0, tol=tolerance, atol=tolerance, maxiter=1000)[0]


def solve_elementwise(
    residual: Callable[..., Array], start: Array, *args: Any, tolerance: float = 1e-13, max_steps: int = 50
) -> Array:
    """x with ``residual(x, *args) = 0``, each element an equation of its own, by Newton's method.

    Differentiable in `args`.
    """

    def newton_step(x, *args):
        value, slope = jax.jvp(lambda x: residual(x, *args), (x,), (jnp.ones_like(x),))
        return -value / slope

    fixed = jax.lax.stop_gradient(args)

    def advance(state):
        x, _, steps = state
        move = newton_step(x, *fixed)
        return x + move, jnp.max(jnp.abs(move)), steps + 1

    def unsolved(state):
        _, error, steps = state
        return (error > tolerance) & (steps < max_steps)

    x, _, _ = jax.lax.while_loop(unsolved, advance, (jax.lax.stop_gradient(start), jnp.inf, 0))
    # The implicit derivative: a last step from the solution, whose slope is held constant.
    slope = jax.jvp(lambda x: residual(x, *fixed), (x,), (jnp.ones_like(x),))[1]
    return x - residual(x, *args) / slope
