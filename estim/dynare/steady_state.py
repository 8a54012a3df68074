"""Steady states that a file leaves to be found: at rest, the equations are solved for the levels."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
from scipy.optimize import root

from estim.typing import Array

type StaticResiduals = Callable[[Any, Any], dict[str, Any]]
"""``(levels, params) -> {equation: residual}``."""

_TOLERANCE = 1e-10
_STEPS = 0.5 ** np.arange(12.0)


def numerical_steady_state(static_residuals: StaticResiduals, guess: Any, params: Any) -> Any:
    """The levels at which every residual is zero, to machine precision, or NaN where the search fails.

    Newton's method, each step shortened to whichever of `_STEPS` leaves least, until none leaves
    less; the derivative with respect to the parameters is that of the implicit function.

    Args:
        static_residuals: as many as there are levels.
        guess: a NamedTuple of levels to begin from.
        params: passed on.
    """

    def search(residuals: Callable[[Array], Array], start: Array) -> Array:
        def improve(state):
            x, left, _ = state
            slope, value = jax.jacfwd(lambda x: (residuals(x),) * 2, has_aux=True)(x)
            tried = x[None, :] - _STEPS[:, None] * _solve(slope, value)[None, :]
            sizes = _largest(jax.vmap(residuals)(tried))
            best = jnp.argmin(sizes)
            better = sizes[best] < left
            return jnp.where(better, tried[best], x), jnp.minimum(sizes[best], left), better

        x, left, _ = jax.lax.while_loop(
            lambda state: state[2], improve, (start, _largest(residuals(start)), True)
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
    residuals = lambda x: _stack(static_residuals(kind(*x), params))
    zero = jnp.zeros(len(kind._fields))
    return kind(*_solve(jax.jacfwd(residuals)(zero), -residuals(zero)))


def search(static_residuals: StaticResiduals, guess: Any, params: Any) -> tuple[Any, dict[str, float]]:
    """Levels and what they leave, by MINPACK from several starts around `guess`: at the edge, where
    a search may take its time. The best attempt is returned, good or bad."""
    names = list(static_residuals(guess, params))
    value = jax.jit(lambda x: _stack(static_residuals(type(guess)(*x), params)))
    slope = jax.jit(jax.jacfwd(value))
    best, size = np.array(guess, float), np.inf
    for start in _starts(np.array(guess, float)):
        for method in ("hybr", "lm"):
            at = lambda f: lambda x: np.asarray(f(x))
            found = root(at(value), start, jac=at(slope), method=method, tol=1e-14)
            left = np.max(np.abs(found.fun)) if np.isfinite(found.fun).all() else np.inf
            if left < size:
                best, size = found.x, left
            if size < _TOLERANCE:
                return type(guess)(*best), dict(zip(names, np.asarray(value(best)), strict=True))
    return type(guess)(*best), dict(zip(names, np.asarray(value(best)), strict=True))


def _starts(guess: np.ndarray) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    scattered = [guess * np.exp(0.1 * rng.standard_normal(guess.shape)) for _ in range(4)]
    return [guess, np.where(guess == 0, 0.1, guess), np.where(guess == 0, 1.0, guess), *scattered]


def _solve(matrix: Array, vector: Array) -> Array:
    """The smallest solution: a unit root leaves the level of a variable open."""
    operator, solver = lx.MatrixLinearOperator(matrix), lx.AutoLinearSolver(well_posed=False)
    return lx.linear_solve(operator, vector, solver=solver, throw=False).value


def _largest(residuals: Array) -> Array:
    """Their maximum norm along the last axis; infinite where one is no number."""
    return jnp.where(jnp.isfinite(residuals).all(axis=-1), jnp.abs(residuals).max(axis=-1), jnp.inf)


def _stack(residuals: dict[str, Any]) -> Array:
    return jnp.stack([jnp.asarray(r, float) for r in residuals.values()])
