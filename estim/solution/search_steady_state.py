"""Steady states that a file leaves to be found: at rest, the equations are solved for the levels.

What no equation determines stays where the search begins, as `initval` says: a variable whose own equation says
0 = 0 at rest (a random walk), and along directions that all equations leave open (variables that share a trend).
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from estim.solution.search_on_host import TOLERANCE
from estim.solution.static_system import StaticResiduals, read_system, regular, solve
from estim.typing import Array

_SHORTEST = 2.0**-12  # share of Newton's step


def numerical_steady_state(static_residuals: StaticResiduals, guess: Any, params: Any) -> Any:
    """The levels at which every residual is zero, to machine precision, or NaN where the search fails.

    Newton's method, each step halved until it leaves less, as long as there is one that does; the
    derivative with respect to the parameters is that of the implicit function.

    Args:
        static_residuals: ``(lag, now, lead, params) -> {equation: residual}``, as many as there are levels; all
            dates have the same levels.
        guess: a NamedTuple of levels to begin from.
        params: a NamedTuple, passed on.
    """
    kind = type(guess)
    params = type(params)(*(jnp.asarray(p, float) for p in params))
    return kind(*_find(static_residuals, kind, jnp.stack([jnp.asarray(x, float) for x in guess]), params))


def linear_steady_state(static_residuals: StaticResiduals, guess: Any, params: Any) -> Any:
    """The solution of residuals that are linear in the levels; arguments as in `numerical_steady_state`."""
    kind, start = type(guess), jnp.stack([jnp.asarray(x, float) for x in guess])
    here = read_system(static_residuals, kind, start, params)
    return kind(*(start - solve(regular(here.jacobian), here.value)))


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _find(static_residuals: StaticResiduals, kind: type[Any], guess: Array, params: Any) -> Array:
    """The root near `guess`, or NaN."""

    def go_on(state):
        *_, share, _, small = state  # near the root, no further than steps are of use
        return (share == 1.0) | ((share > _SHORTEST) & ~small)

    def attempt(state):
        x, step, left, share, tried, small = state
        there = read_system(static_residuals, kind, tried, params)
        size = jnp.where(jnp.isfinite(there.value).all(), jnp.abs(there.value).max(), jnp.inf)
        better = size < left
        x, left = jnp.where(better, tried, x), jnp.minimum(size, left)
        small = jnp.where(better, (jnp.abs(there.value) <= TOLERANCE * there.scale).all(), small)
        step = jnp.where(better, solve(regular(there.jacobian), there.value), step)
        share = jnp.where(better, 1.0, share / 2)
        return x, step, left, share, x - share * step, small

    start = (guess, jnp.zeros_like(guess), jnp.inf, 1.0, guess, jnp.array(False))
    x, *_, small = jax.lax.while_loop(go_on, attempt, start)
    return jnp.where(small, x, jnp.nan)


@_find.defjvp
def _find_jvp(
    static_residuals: StaticResiduals, kind: type[Any], primals: tuple, tangents: tuple
) -> tuple[Array, Array]:
    """With F(x, p) = 0 at the root x: dx = -F_x^-1 F_p dp; levels that stay move with the guess."""
    (guess, params), (guess_dot, params_dot) = primals, tangents
    x = _find(static_residuals, kind, guess, params)
    at = kind(*x)
    here = read_system(static_residuals, kind, x, params)
    left = lambda p: jnp.stack([jnp.asarray(r, float) for r in static_residuals(at, at, at, p).values()])
    _, moved = jax.jvp(left, (params,), (params_dot,))
    return x, solve(regular(here.jacobian), here.kept @ guess_dot - moved)
