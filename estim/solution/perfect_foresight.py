"""Perfect foresight: a path on which every equation holds at every date, nothing linearised.

All equations of all periods are one system F(x) = 0 in the paths x, stacked by period, and Newton's method solves it by
its block-tridiagonal structure (Laffargue 1990; Juillard 1996). A constraint that binds at times is its complementarity
function (Fischer 1992): with residual r and slack s

    r + s - sqrt(r^2 + s^2) = 0    if and only if    r >= 0, s >= 0, r s = 0.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from estim.kept import kept_on_model
from estim.model import Model
from estim.numerics.block_tridiagonal import solve_block_tridiagonal
from estim.typing import Array, Scalar

TOLERANCE = 1e-10
MAX_STEPS = 60
_SHORTEST = 2.0**-14


class Ends(NamedTuple):
    """What a path lies between: levels of all variables in period 0 ``initial`` and in period T + 1 ``terminal``,
    ``[n]`` each."""

    initial: Array
    terminal: Array


class Found(NamedTuple):
    """``path`` ``[T, n]`` and the largest residual that it leaves."""

    path: Array
    error: Scalar


def follow_path(model: Model, params: Any, exogenous: Array, ends: Ends, guess: Array) -> Found:
    """The path of all variables, from a guess. Differentiable in `params`, `exogenous` and `ends`.

    Args:
        model: a model whose constraints, if it has some, are complementarities.
        params: its Params.
        exogenous: shocks by period ``[T, n_shocks]``, as the equations read them.
        ends: where it begins and ends, levels ``(initial, terminal)``, ``[n]`` each.
        guess: ``[T, n]``.

    Returns:
        What Newton's method found; the error says whether it is a path.
    """
    params = jax.tree.map(lambda x: jnp.asarray(x, float), params)
    path = _solve(model, params, exogenous, ends, lax.stop_gradient(guess))
    error = jnp.abs(_residuals(model, params, exogenous, ends, lax.stop_gradient(path))).max()
    return Found(path, jnp.where(jnp.isfinite(error), error, jnp.inf))


@kept_on_model
def compiled_path(model: Model) -> Any:
    """`follow_path` of a model, compiled."""
    return jax.jit(partial(follow_path, model))


def _equations(model: Model, params: Any, lag: Array, now: Array, lead: Array, shocks: Array) -> Array:
    """What the equations leave in a period ``[n]``."""
    at = model.variables(*lag), model.variables(*now), model.variables(*lead)
    left = dict(model.residuals(at[0], at[1], at[2], model.shocks(*shocks), params))
    for name, slack in model.complementarity.items():
        left[name] = _fischer(left[name], slack(at[0], at[1], at[2], params))
    return jnp.stack([jnp.asarray(r, float) for r in left.values()])


def _fischer(r: Scalar, s: Scalar) -> Scalar:
    size = r * r + s * s
    edge = size == 0.0  # where both are zero any element of the generalised derivative serves
    return r + s - jnp.where(edge, 0.0, jnp.sqrt(jnp.where(edge, 1.0, size)))


def _dated(path: Array, ends: Ends) -> tuple[Array, Array, Array]:
    return (
        jnp.concatenate([ends.initial[None], path[:-1]]),
        path,
        jnp.concatenate([path[1:], ends.terminal[None]]),
    )


def _residuals(model: Model, params: Any, exogenous: Array, ends: Ends, path: Array) -> Array:
    """``[T, n]``."""
    equations = partial(_equations, model, params)
    return jax.vmap(equations)(*_dated(path, ends), exogenous)


def _blocks(
    model: Model, params: Any, exogenous: Array, ends: Ends, path: Array
) -> tuple[Array, Array, Array]:
    """Derivatives of each period's equations by the period before, its own and the next, ``[T, n, n]`` each."""
    derivative = jax.jacfwd(partial(_equations, model, params), argnums=(0, 1, 2))
    return jax.vmap(derivative)(*_dated(path, ends), exogenous)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _solve(model: Model, params: Any, exogenous: Array, ends: Ends, guess: Array) -> Array:
    left = lambda path: _residuals(model, params, exogenous, ends, path)

    def size(values: Array) -> Scalar:
        norm = jnp.linalg.norm(values)
        return jnp.where(jnp.isfinite(norm), norm, jnp.inf)

    def go_on(state):
        _, _, share, remains, steps = state
        return (remains > TOLERANCE) & (share > _SHORTEST) & (steps < MAX_STEPS)

    def attempt(state):
        path, move, share, remains, steps = state
        tried = path + share * move
        rest = size(left(tried))
        better = rest < remains

        def further(path: Array) -> Array:
            move = -solve_block_tridiagonal(*_blocks(model, params, exogenous, ends, path), left(path))
            return jnp.where(jnp.isfinite(move).all(), move, 0.0)

        path = jnp.where(better, tried, path)
        move = lax.cond(better & (rest > TOLERANCE), further, lambda _: move, path)
        return path, move, jnp.where(better, 1.0, share / 2), jnp.minimum(rest, remains), steps + better

    first = guess, jnp.zeros_like(guess), 1.0, jnp.inf, 0
    return lax.while_loop(go_on, attempt, first)[0]


@_solve.defjvp
def _solve_jvp(model: Model, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """With F(x, p) = 0 on the path x: dx = -F_x^-1 F_p dp; the guess is of no consequence."""
    params, exogenous, ends, guess = primals
    path = _solve(model, params, exogenous, ends, guess)
    left = lambda params, exogenous, ends: _residuals(model, params, exogenous, ends, path)
    _, moved = jax.jvp(left, (params, exogenous, ends), tangents[:3])
    return path, -solve_block_tridiagonal(*_blocks(model, params, exogenous, ends, path), moved)
