"""Steady states that a file leaves to be found: at rest, the equations are solved for the levels.

What no equation determines stays where the search begins, as `initval` says: a variable whose own equation says
0 = 0 at rest (a random walk), and along directions that all equations leave open (variables that share a trend).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.solution.static_system import (
    StaticResiduals,
    StaticSystem,
    read_system,
    regular,
    solve,
    system_on_host,
)
from estim.typing import Array

_TOLERANCE = 1e-10
"""What an equation may leave, in units of one plus the size of its terms."""

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
        small = jnp.where(better, (jnp.abs(there.value) <= _TOLERANCE * there.scale).all(), small)
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


def search(
    static_residuals: StaticResiduals, guess: Any, stages: Sequence[Any]
) -> tuple[Any, dict[str, float]]:
    """Levels and what they leave, by MINPACK from several starts around `guess`: at the edge, where
    a search may take its time. The best attempt is returned, good or bad.

    Args:
        static_residuals: as in `numerical_steady_state`.
        guess: a NamedTuple of levels to begin from.
        stages: parameters on the way of a homotopy; each search begins where the one before ended.
    """
    kind = type(guess)
    system = system_on_host(static_residuals, kind, stages[-1])
    with np.errstate(all="ignore"):
        at = kind(*np.array(guess, float))
        names = list(static_residuals(at, at, at, stages[-1]))
    levels = np.array(guess, float)
    for params in stages:
        levels = _best(system, levels, params)
    return kind(*levels), dict(zip(names, np.asarray(system(levels, stages[-1]).value), strict=True))


def _best(system: Callable[[np.ndarray, Any], StaticSystem], guess: np.ndarray, params: Any) -> np.ndarray:
    from scipy.optimize import root  # to import it takes as long as to read a small model

    best, size = guess, np.inf

    def value_and_gradient(x):
        here = system(x, params)
        return np.asarray(here.value + here.kept @ (x - guess)), here.jacobian

    for start in _starts(guess):
        for method in ("hybr", "lm"):
            found = root(value_and_gradient, start, jac=True, method=method, tol=1e-14)
            left = np.max(np.abs(found.fun)) if np.isfinite(found.fun).all() else np.inf
            if left < size:
                best, size = found.x, left
        if (
            np.isfinite(size)
            and (np.abs(value_and_gradient(best)[0]) <= _TOLERANCE * system(best, params).scale).all()
        ):
            break
    return best


def _starts(guess: np.ndarray) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    scattered = [guess * np.exp(0.1 * rng.standard_normal(guess.shape)) for _ in range(4)]
    return [guess, np.where(guess == 0, 0.1, guess), np.where(guess == 0, 1.0, guess), *scattered]
