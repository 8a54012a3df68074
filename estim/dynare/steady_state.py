"""Steady states that a file leaves to be found: at rest, the equations are solved for the levels."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import optimistix as optx
from scipy.optimize import root

from estim.typing import Array

type StaticResiduals = Callable[[Any, Any], dict[str, Any]]
"""``(levels, params) -> {equation: residual}``."""

_TOLERANCE = 1e-10
_LINEAR = lx.AutoLinearSolver(well_posed=False)  # a unit root leaves the level of a variable open


def numerical_steady_state(static_residuals: StaticResiduals, guess: Any, params: Any) -> Any:
    """The levels at which every residual is zero, or NaN where the search fails.

    Newton's method within a trust region; the derivative with respect to the parameters is that
    of the implicit function.

    Args:
        static_residuals: as many as there are levels.
        guess: a NamedTuple of levels to begin from.
        params: passed on.
    """
    found: optx.Solution = optx.root_find(
        lambda x, p: _stack(static_residuals(type(guess)(*x), p)),
        optx.Dogleg(rtol=_TOLERANCE, atol=_TOLERANCE),
        jnp.array(guess, float),
        args=params,
        adjoint=optx.ImplicitAdjoint(linear_solver=_LINEAR),
        max_steps=200,
        throw=False,
    )
    ok = found.result == optx.RESULTS.successful
    return type(guess)(*jnp.where(ok, found.value, jnp.nan))


def linear_steady_state(static_residuals: StaticResiduals, kind: type[Any], params: Any) -> Any:
    """The solution of residuals that are linear in the levels: the smallest one if there are many."""
    residuals = lambda x: _stack(static_residuals(kind(*x), params))
    zero = jnp.zeros(len(kind._fields))
    matrix = lx.MatrixLinearOperator(jax.jacfwd(residuals)(zero))
    return kind(*lx.linear_solve(matrix, -residuals(zero), solver=_LINEAR, throw=False).value)


def search(static_residuals: StaticResiduals, guess: Any, params: Any) -> tuple[Any, dict[str, float]]:
    """Levels and what they leave, by MINPACK from several starts around `guess`: at the edge, where
    a search may take its time. The best attempt is returned, good or bad."""
    names = list(static_residuals(guess, params))
    value = jax.jit(lambda x: _stack(static_residuals(type(guess)(*x), params)))
    slope = jax.jit(jax.jacfwd(value))
    best, size = np.array(guess, float), np.inf
    for start in _starts(np.array(guess, float)):
        for method in ("hybr", "lm"):
            found = root(
                lambda x: np.asarray(value(x)), start, jac=lambda x: np.asarray(slope(x)), method=method
            )
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


def _stack(residuals: dict[str, Any]) -> Array:
    return jnp.stack([jnp.asarray(r, float) for r in residuals.values()])
