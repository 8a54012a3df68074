"""Steady states that a file leaves to be found: at rest, the equations are solved for the levels."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
from scipy.optimize import root

from estim.solution.partials import dense, sparse_partials
from estim.typing import Array

type StaticResiduals = Callable[[Any, Any], dict[str, Any]]
"""``(levels, params) -> {equation: residual}``."""

_TOLERANCE = 1e-10
_SHORTEST = 2.0**-12  # share of Newton's step


def numerical_steady_state(static_residuals: StaticResiduals, guess: Any, params: Any) -> Any:
    """The levels at which every residual is zero, to machine precision, or NaN where the search fails.

    Newton's method, each step halved until it leaves less, as long as there is one that does; the
    derivative with respect to the parameters is that of the implicit function.

    Args:
        static_residuals: as many as there are levels.
        guess: a NamedTuple of levels to begin from.
        params: passed on.
    """

    value_and_slope = _value_and_slope(static_residuals, type(guess), params)

    def search(residuals: Callable[[Array], Array], start: Array) -> Array:
        def go_on(state):
            _, _, left, share, _ = state  # near the root, no further than steps are of use
            return (share == 1.0) | ((share > _SHORTEST) & (left > _TOLERANCE))

        def attempt(state):
            x, step, left, share, tried = state
            value, slope = value_and_slope(tried)
            size = jnp.where(jnp.isfinite(value).all(), jnp.abs(value).max(), jnp.inf)
            better = size < left
            x, left = jnp.where(better, tried, x), jnp.minimum(size, left)
            step = jnp.where(better, _solve(slope, value), step)
            share = jnp.where(better, 1.0, share / 2)
            return x, step, left, share, x - share * step

        x, _, left, _, _ = jax.lax.while_loop(
            go_on, attempt, (start, jnp.zeros_like(start), jnp.inf, 1.0, start)
        )
        return jnp.where(left <= _TOLERANCE, x, jnp.nan)

    levels = jax.lax.custom_root(
        lambda x: _stack(static_residuals(type(guess)(*x), params)),
        jnp.array(guess, float),
        search,
        lambda linear, y: _solve(jax.jacfwd(linear)(y), y),
    )
    return type(guess)(*levels)


def linear_steady_state(static_residuals: StaticResiduals, kind: type[Any], params: Any) -> Any:
    """The solution of residuals that are linear in the levels: the smallest one if there are many."""
    value, slope = _value_and_slope(static_residuals, kind, params)(jnp.zeros(len(kind._fields)))
    return kind(*_solve(slope, -value))


def search(static_residuals: StaticResiduals, guess: Any, params: Any) -> tuple[Any, dict[str, float]]:
    """Levels and what they leave, by MINPACK from several starts around `guess`: at the edge, where
    a search may take its time. The best attempt is returned, good or bad."""
    best, size = np.array(guess, float), np.inf
    with np.errstate(all="ignore"):
        names = list(static_residuals(type(guess)(*best), params))
    both = jax.jit(_value_and_slope(static_residuals, type(guess), params))
    value_and_slope = lambda x: tuple(map(np.asarray, both(x)))
    for start in _starts(best):
        for method in ("hybr", "lm"):
            found = root(value_and_slope, start, jac=True, method=method, tol=1e-14)
            left = np.max(np.abs(found.fun)) if np.isfinite(found.fun).all() else np.inf
            if left < size:
                best, size = found.x, left
        if size < _TOLERANCE:
            break
    return type(guess)(*best), dict(zip(names, value_and_slope(best)[0], strict=True))


def _value_and_slope(
    static_residuals: StaticResiduals, kind: type[Any], params: Any
) -> Callable[[Array], tuple[Array, Array]]:
    """``x -> (residuals, their derivatives)``; most are zero, and the others compile faster alone."""

    def value_and_slope(x: Array) -> tuple[Array, Array]:
        residuals = lambda *levels: list(static_residuals(kind(*levels), params).values())
        value, partials = sparse_partials(residuals, list(x))
        return jnp.stack(value), dense(partials, len(kind._fields))

    return value_and_slope


def _starts(guess: np.ndarray) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    scattered = [guess * np.exp(0.1 * rng.standard_normal(guess.shape)) for _ in range(4)]
    return [guess, np.where(guess == 0, 0.1, guess), np.where(guess == 0, 1.0, guess), *scattered]


def _solve(matrix: Array, vector: Array) -> Array:
    """The smallest solution: a unit root leaves the level of a variable open."""
    operator, solver = lx.MatrixLinearOperator(matrix), lx.AutoLinearSolver(well_posed=False)
    return lx.linear_solve(operator, vector, solver=solver, throw=False).value


def _stack(residuals: dict[str, Any]) -> Array:
    return jnp.stack([jnp.asarray(r, float) for r in residuals.values()])
