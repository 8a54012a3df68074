"""The fixed point v = T(v) of a dynamic program: the plain algorithms, one step of each beside the other.

Value-function iteration applies T; optimistic policy iteration improves the policy once and follows it for some
periods; Howard's policy iteration follows it for ever, by a linear solve. Newton's method on T is Howard's, since the
derivative of a maximum is that of the best action. Sources: Puterman (1994), Markov Decision Processes, ch. 6;
Sargent and Stachurski (2024), Dynamic Programming, ch. 5 and 8.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jax.scipy.sparse.linalg import bicgstab

from estim.numerics.fixed_point import largest, solve_fixed_point
from estim.numerics.krylov import gmres
from estim.numerics.linear import solve_linear
from estim.typing import Array, Scalar

DENSE = 128
"""Up to so many states I - T' is a matrix, beyond it is known by its products."""
FEW = 48
"""The same where a policy is evaluated on the way to the best, which need not be exact."""
LOOSEST, TIGHTEST, TIGHTER = 0.1, 1e-6, 0.1
"""Share of what is left that one policy's evaluation by Krylov's method may leave; the loosest becomes tighter by this
factor with every step that makes matters worse: policies that are evaluated loosely can go round in circles."""
SPARE = 1e-4
"""Share of the search's tolerance below which no evaluation is driven."""
DERIVATIVE_TOLERANCE = 1e-12
PLAIN_STEPS = 60  # where Newton's step has failed: a step costs little beside the next linear solve


class Program(NamedTuple):
    """A dynamic program at given parameters.

    Attributes:
        operator: T, ``value -> value``.
        improve: ``value -> (T(v), policy)``.
        follow: ``(policy, value) -> value``, T with the policy held fixed, whose derivative at v is T's.
        change: ``(ahead, value) -> number``, what is to be small when the search by plain steps ends.
    """

    operator: Callable[[Any], Any]
    improve: Callable[[Any], tuple[Any, Any]]
    follow: Callable[[Any, Any], Any]
    change: Callable[[Any, Any], Scalar]


class Found(NamedTuple):
    """A value, the error max |T(v) - v| when the search ended, whether that is small enough, and the steps."""

    value: Any
    error: Scalar
    converged: Scalar
    steps: Scalar


def iterate_values(program: Program, start: Any, tolerance: float, max_steps: int) -> Found:
    """v <- T(v) until no element changes by more than `tolerance`."""
    return _iterate(program.operator, program.change, start, tolerance, max_steps)


def iterate_optimistically(
    program: Program, start: Any, tolerance: float, max_steps: int, sweeps: int
) -> Found:
    """v <- T_sigma^m(v) with sigma the best policy at v and m ``sweeps``, until no element changes by more."""

    def step(value: Any) -> Any:
        _, policy = program.improve(value)
        return jax.lax.fori_loop(0, sweeps, lambda _, v: program.follow(policy, v), value)

    return _iterate(step, program.change, start, tolerance, max_steps)


def _iterate(
    step: Callable[[Any], Any],
    change: Callable[[Any, Any], Scalar],
    start: Any,
    tolerance: float,
    max_steps: int,
) -> Found:
    def advance(state):
        value, _, steps = state
        ahead = step(value)
        return ahead, change(ahead, value), steps + 1

    def unsolved(state):
        _, error, steps = state
        return (error > tolerance) & (steps < max_steps)

    first = advance(
        (start, jnp.inf, 0)
    )  # an infinite error ends the search, but for the one that it begins with
    value, error, steps = jax.lax.while_loop(lambda s: unsolved(s) & (s[1] < jnp.inf), advance, first)
    return Found(value, error, error <= tolerance, jnp.asarray(steps))


def iterate_policies(
    program: Program, start: Any, tolerance: float, max_steps: int, exact: bool | None = None
) -> Found:
    """Howard's policy iteration: v <- the value of the best policy at v, by a linear solve.

    From v, v + (I - T_sigma'(v))^-1 (T(v) - v), which is the policy's value where T_sigma is affine and Newton's step
    where it is not. Ends one step after max |T(v) - v| has come below `tolerance` times 1 + max |v|. Where the solve is
    by Krylov's method it is the more exact the faster the search closes in: the square of the last step's progress
    (Eisenstat and Walker, 1996, SIAM Journal on Scientific Computing 17, choice 2), though no more than what is left to
    a ten-thousandth of the tolerance.
    """
    x0, unravel = ravel_pytree(start)

    def advance(state):
        x, (before, _), loosest, steps = state
        ahead, policy = program.improve(unravel(x))
        follow = lambda x: ravel_pytree(program.follow(policy, unravel(x)))[0]
        left = ravel_pytree(ahead)[0] - x
        error = largest(left)
        unit = 1 + largest(x)
        loosest = jnp.where(error < before, loosest, jnp.maximum(TIGHTER * loosest, TIGHTEST))
        forcing = jnp.maximum((error / before) ** 2, SPARE * tolerance * unit / error)
        forcing = jnp.where(jnp.isfinite(before), jnp.clip(forcing, TIGHTEST, loosest), loosest)
        move = _value_ahead(follow, x, left, forcing, x.size <= FEW if exact is None else exact)
        return x + move, jnp.array([error, unit]), loosest, steps + 1

    def unsolved(state):
        _, (error, unit), _, steps = state
        return (error > tolerance * unit) & (error < jnp.inf) & (steps < max_steps)

    first = advance((x0, jnp.full(2, jnp.inf), jnp.asarray(LOOSEST), 0))
    x, (error, unit), _, steps = jax.lax.while_loop(unsolved, advance, first)
    return Found(unravel(x), error, error <= tolerance * unit, jnp.asarray(steps))


def iterate_newton(
    program: Program, start: Any, tolerance: float, max_steps: int, beyond: bool = False
) -> Found:
    """Newton-Krylov steps on v - T(v), with plain steps wherever one has made matters worse; any pytree.

    It ends where max |T(v) - v| is below `tolerance` times 1 + |v|; with ``beyond`` one step later, as Howard's method:
    where agents hardly discount a value may be far from the fixed point for its error.
    """
    found = solve_fixed_point(
        program.operator,
        start,
        scale=_unit,
        tolerance=tolerance,
        max_steps=max_steps,
        plain_steps=PLAIN_STEPS,
    )
    value = found.value
    if beyond:
        x, unravel = ravel_pytree(value)
        f = lambda x: ravel_pytree(program.operator(unravel(x)))[0]
        value = unravel(x + _solve_linearised(f, x, f(x) - x, TIGHTEST))
    return Found(value, found.error, found.error <= tolerance, found.steps)


def attach_value_derivative(follow: Callable[[Any], Any], value: Any) -> Any:
    """The `value` of v = follow(v) with the derivative dv = (I - T')^-1 dT, in whatever `follow` closes over."""
    x, unravel = ravel_pytree(jax.lax.stop_gradient(value))
    residual = lambda x: ravel_pytree(follow(unravel(x)))[0] - x

    def tangent_solve(linear: Callable[[Array], Array], b: Array) -> Array:
        """d with T'(v) d - d = linear(d) = b."""
        return solve_one_minus(lambda d: d + linear(d), -b, DERIVATIVE_TOLERANCE)

    return unravel(jax.lax.custom_root(residual, x, lambda _, x: x, tangent_solve))


def discount_radius(follow: Callable[[Any], Any], value: Any) -> Scalar:
    """A bound below one on the spectral radius of K = T'(v), which has no negative entries; infinite if there is none.

    x = (I - K)^-1 1 counts periods, each discounted. It is positive if and only if r(K) < 1 (I - K is then an M-matrix:
    Berman and Plemmons, 1994, ch. 6), and r(K) <= 1 - 1 / max x, with equality where all states discount alike.
    """
    flat, unravel = ravel_pytree(value)
    ones = jnp.ones_like(flat)
    periods = _solve_linearised(lambda x: ravel_pytree(follow(unravel(x)))[0], flat, ones, 1e-8)
    finite = jnp.isfinite(periods).all() & (periods > 0.5).all()
    return jnp.where(finite, 1 - 1 / jnp.max(jnp.where(finite, periods, 1.0)), jnp.inf)


def _value_ahead(f: Callable[[Array], Array], x: Array, b: Array, tolerance: Scalar, exact: bool) -> Array:
    """(I - f'(x))^-1 b, by elimination where it is to be ``exact``; else by BiCGSTAB, whose own work is little beside
    the products, and on by GMRES where it failed."""
    _, tangent = jax.linearize(f, x)
    if exact:
        return _eliminate(tangent, b)
    product = lambda d: d - tangent(d)
    near, _ = bicgstab(product, b, tol=tolerance, atol=0.0, maxiter=200)
    return gmres(product, b, tolerance, near=jnp.where(jnp.isfinite(near).all(), near, 0.0))


def _solve_linearised(f: Callable[[Array], Array], x: Array, b: Array, tolerance: Scalar | float) -> Array:
    """(I - f'(x))^-1 b."""
    _, tangent = jax.linearize(f, x)
    return solve_one_minus(tangent, b, tolerance)


def solve_one_minus(operator: Callable[[Array], Array], b: Array, tolerance: Scalar | float) -> Array:
    """(I - operator)^-1 b, by elimination where there are few states, else by GMRES; differentiable in both modes.

    Not by BiCGSTAB, as in `estim.numerics.fixed_point`: it breaks down where b is zero in most states, as in the
    derivative of a single value.
    """
    if b.size <= DENSE:
        return _eliminate(operator, b)

    solve = partial(gmres, tolerance=tolerance)
    return jax.lax.custom_linear_solve(lambda x: x - operator(x), b, solve, transpose_solve=solve)


def _eliminate(operator: Callable[[Array], Array], b: Array) -> Array:
    identity = jnp.eye(b.size)
    return solve_linear(identity - jax.vmap(operator, out_axes=1)(identity), b[:, None])[0][:, 0]


def distance(one: Any, other: Any) -> Scalar:
    """max |one - other| over all arrays; infinite where any is not finite."""
    return largest(ravel_pytree(jax.tree.map(jnp.subtract, one, other))[0])


def _unit(x: Array) -> Array:
    return 1 + jnp.abs(x)
