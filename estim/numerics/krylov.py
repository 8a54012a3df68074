"""Linear systems that are known by their products."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.typing import Array, Scalar

MOST_CYCLES = 50


class _Cycle(NamedTuple):
    """Of at most m directions: their number, what is left of b ``[n]``, an orthonormal basis of their products
    ``[m, n]``, the products' coordinates in it ``[m, m]``, triangular, and b's ``[m]``."""

    num: Scalar
    left: Array
    basis: Array
    triangle: Array
    taken: Array


def gmres(
    product: Callable[[Array], Array],
    b: Array,
    tolerance: Scalar | float,
    restart: int = 16,
    near: Array | None = None,
) -> Array:
    """x with ``product(x) = b`` up to ``tolerance |b|``, by restarted GMRES.

    The basis is of the products, so that what is left of b falls as it grows and no rotation is needed ("simpler
    GMRES": Walker and Zhou 1994, Numerical Linear Algebra with Applications 1). One pass of Gram and Schmidt each: what
    rounding leaves the next cycle begins with. JAX's own takes two to four times as long.

    Args:
        product: linear, of vectors ``[n]``.
        b: ``[n]``.
        tolerance: of the Euclidean norm, relative to that of b.
        restart: directions of a cycle.
        near: where it begins, by default at zero.
    """
    restart = min(restart, b.size)
    enough = tolerance * jnp.linalg.norm(b)

    def unsolved(left: Array) -> Scalar:
        return jnp.linalg.norm(left) > enough

    def one_cycle(state: tuple[Array, Array, Scalar]) -> tuple[Array, Array, Scalar]:
        x, residual, count = state
        first = residual / jnp.linalg.norm(residual)

        def grow(c: _Cycle) -> _Cycle:
            w = product(jnp.where(c.num == 0, first, c.basis[c.num - 1]))
            along = c.basis @ w
            w = w - along @ c.basis
            length = jnp.linalg.norm(w)
            v = w / jnp.where(length > 0, length, 1.0)
            share = v @ c.left
            return _Cycle(
                c.num + 1,
                c.left - share * v,
                c.basis.at[c.num].set(v),
                c.triangle.at[:, c.num].set(along.at[c.num].set(jnp.where(length > 0, length, 1.0))),
                c.taken.at[c.num].set(share),
            )

        nothing = _Cycle(
            jnp.asarray(0), residual, jnp.zeros((restart, b.size)), jnp.eye(restart), jnp.zeros(restart)
        )
        c = jax.lax.while_loop(lambda c: (c.num < restart) & unsolved(c.left), grow, nothing)
        y = jax.scipy.linalg.solve_triangular(c.triangle, c.taken)
        x = x + y[0] * first + y[1:] @ c.basis[:-1]
        return x, b - product(x), count + 1

    first = (jnp.zeros_like(b), b) if near is None else (near, b - product(near))
    start = (*first, jnp.asarray(0))
    return jax.lax.while_loop(lambda s: unsolved(s[1]) & (s[2] < MOST_CYCLES), one_cycle, start)[0]
