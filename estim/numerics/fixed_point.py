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
PLAIN_STEPS = 16  # taken from the last good point after a Newton step that made matters worse
NEWTON_FORCING = 1e-5  # the smallest relative residual left by the linear solve inside a Newton step
_PRODUCTS_AT_ONCE = 4


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
    tolerance: Scalar | float = 1e-11,
    max_steps: int = 60,
    plain_steps: int = PLAIN_STEPS,
) -> FixedPoint:
    """Solve x = f(x) from `start` (any pytree). Not differentiable: see `attach_derivative`.

    A Newton step that does not shrink the residual (or leaves the domain) is taken back, and
    `plain_steps` x <- f(x) are taken instead. Ends when the relative error is below `tolerance`,
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
            # No more precision than the quadratic error of the step, or the end, leaves room for.
            forcing = jnp.clip(jnp.maximum(error, 0.03 * tolerance / error), NEWTON_FORCING, 0.1)
            d = solve_one_minus(lambda d: tangent(unit * d) / unit, (y - x) / unit, forcing, 0.0)
            return x + unit * d, y, error

        def retreat():
            restart = jax.lax.fori_loop(0, plain_steps, lambda _, x: flat(x), plain)
            return restart, restart, jnp.inf

        branches = (lambda: (y, y, error), advance, retreat)
        which = jnp.select([error <= tolerance, better], [0, 1], 2)
        ahead, plain, best = jax.lax.switch(which, branches)
        return ahead, plain, best, steps + 1, error, jnp.isfinite(plain).all()

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

    dx = (I - f'(x))^-1 df, in whatever f closes over, in both modes. Without a derivative nothing
    is computed. Its relative error is the solution's own, and `tolerance`.
    """
    x, unravel = ravel_pytree(jax.lax.stop_gradient(solution))
    unit = scale(x)

    def tangent_solve(slope: Callable[[Array], Array], b: Array) -> Array:
        """d with f'(x) d - d = slope(d) = b."""
        return unit * solve_one_minus(lambda d: d + slope(unit * d) / unit, -b / unit, tolerance)

    residual = lambda x: ravel_pytree(f(unravel(x)))[0] - x
    return unravel(jax.lax.custom_root(residual, x, lambda _, x: x, tangent_solve))


def largest(x: Array) -> Scalar:
    """The largest absolute value; infinite where any is not finite (a maximum may pass over NaN)."""
    return jnp.where(jnp.isfinite(x).all(), jnp.max(jnp.abs(x), initial=0.0), jnp.inf)


def solve_one_minus(
    operator: Callable[[Array], Array],
    b: Array,
    tolerance: Scalar | float = LINEAR_TOLERANCE,
    unit: Scalar | float = 1.0,
) -> Array:
    """(I - operator)^-1 b, differentiable in both modes.

    With T the operator, it solves (I - T^k) x = b + T b + ... + T^(k-1) b: as many products with T as
    k = 1 takes, with a k-th of BiCGSTAB's own work, which costs as much as the products.
    Ends when the residual's norm is below `tolerance`, times that of b or `unit`, the larger.
    """

    def advance(x: Array) -> Array:
        return jax.lax.scan(lambda x, _: (operator(x), None), x, length=_PRODUCTS_AT_ONCE)[0]

    def accumulate(total: Array, _: None) -> tuple[Array, None]:
        return b + operator(total), None

    total = jax.lax.scan(accumulate, b, length=_PRODUCTS_AT_ONCE - 1)[0]

    def solve(matvec: Callable[[Array], Array], b: Array) -> Array:
        return bicgstab(matvec, b, tol=tolerance, atol=tolerance * unit, maxiter=300)[0]

    # Not bicgstab's own rule: it takes its starting point for a part of the linear map.
    return jax.lax.custom_linear_solve(lambda x: x - advance(x), total, solve, transpose_solve=solve)


def solve_elementwise(
    residual: Callable[..., Array], start: Array, *args: Any, tolerance: float = 1e-13, max_steps: int = 50
) -> Array:
    """x with ``residual(x, *args) = 0``, each element an equation of its own, by Newton's method.

    Differentiable in `args`, as often as the residual is, by the implicit function theorem: element by element
    dx = -(d residual / d args) / (d residual / d x), evaluated at a root whose own derivatives are these.

    Args:
        residual: ``(x, *args) -> array`` of x's shape, whose element i depends on element i of x alone.
        start: where the search begins; it has no effect on the result.
        args: passed on to `residual`.
        tolerance: of the last Newton step's largest element, absolute.
        max_steps: Newton steps after which the search ends wherever it is.
    """
    fixed = jax.lax.stop_gradient(args)

    def advance(state):
        x, _, steps = state
        value, slope = jax.jvp(lambda x: residual(x, *fixed), (x,), (jnp.ones_like(x),))
        move = -value / slope
        left = jnp.max(
            jnp.where(jnp.isnan(move), 0.0, jnp.abs(move))
        )  # an element without a root keeps none waiting
        return x + move, left, steps + 1

    def unsolved(state):
        _, error, steps = state
        return (error > tolerance) & (steps < max_steps)

    x, _, _ = jax.lax.while_loop(unsolved, advance, (jax.lax.stop_gradient(start), jnp.inf, 0))
    return jax.lax.custom_root(
        lambda x: residual(x, *args), x, lambda _, x: x, lambda linear, b: b / linear(jnp.ones_like(b))
    )
