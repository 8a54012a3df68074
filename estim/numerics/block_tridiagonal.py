"""Block-tridiagonal systems: each period's equations read the unknowns of the period before, its own and the next."""

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import lu_factor, lu_solve

from estim.typing import Array


def solve_block_tridiagonal(lower: Array, middle: Array, upper: Array, rhs: Array) -> Array:
    """x with ``lower_t x_{t-1} + middle_t x_t + upper_t x_{t+1} = rhs_t`` for t = 1 ... T.

    The unknowns of one period after another are eliminated by orthogonal transformations of the rows that read them,
    those left over from the period before and the next period's own. So no block on the diagonal needs to be regular.
    A singular system gives numbers that are not finite. Differentiable in all arguments, in both modes.

    Args:
        lower, middle, upper: ``[T, n, n]``; the first ``lower`` and the last ``upper`` are not read.
        rhs: ``[T, n]``.

    Returns:
        x ``[T, n]``.
    """
    lower, middle, upper = map(jnp.asarray, (lower, middle, upper))
    matvec = lambda x: _multiply(lower, middle, upper, x)
    flipped = lambda a: a.transpose(0, 2, 1)
    # The transpose reads lower' of the next period and upper' of the one before.
    down, up = jnp.roll(flipped(upper), 1, axis=0), jnp.roll(flipped(lower), -1, axis=0)
    return lax.custom_linear_solve(
        matvec,
        rhs,
        solve=lambda _, b: _eliminate(lower, middle, upper, b),
        transpose_solve=lambda _, b: _eliminate(down, flipped(middle), up, b),
    )


def _multiply(lower: Array, middle: Array, upper: Array, x: Array) -> Array:
    nothing = jnp.zeros_like(x[:1])
    before, after = jnp.concatenate([nothing, x[:-1]]), jnp.concatenate([x[1:], nothing])
    times = lambda a, b: (a @ b[:, :, None])[:, :, 0]
    return times(lower, before) + times(middle, x) + times(upper, after)


def _eliminate(lower: Array, middle: Array, upper: Array, rhs: Array) -> Array:
    n = rhs.shape[1]
    zero = jnp.zeros((n, n))
    upper = upper.at[-1].set(0.0)

    def forward(rows: Array, new: tuple[Array, ...]) -> tuple[Array, Array]:
        """`rows` ``[n, 2 n + 1]`` are what is left of the periods before, in x_t, x_{t+1} and the right side."""
        low, mid, up, b = new  # the equations of t + 1
        left = jnp.concatenate([rows[:, :-1], zero, rows[:, -1:]], axis=1)
        both = jnp.concatenate([left, jnp.concatenate([low, mid, up, b[:, None]], axis=1)])
        q, _ = jnp.linalg.qr(both[:, :n], mode="complete")
        turned = q.T @ both
        return turned[n:, n:], turned[:n]

    first = jnp.concatenate([middle[0], upper[0], rhs[0][:, None]], axis=1)
    end = jnp.zeros((1, n, n)), jnp.eye(n)[None], jnp.zeros((1, n, n)), jnp.zeros((1, n))
    following = [jnp.concatenate([a[1:], b]) for a, b in zip((lower, middle, upper, rhs), end, strict=True)]
    _, pivots = lax.scan(forward, first, tuple(following))

    def backward(later: tuple[Array, Array], row: Array):
        x1, x2 = later
        known = row[:, -1] - row[:, n : 2 * n] @ x1 - row[:, 2 * n : 3 * n] @ x2
        x = jax.scipy.linalg.solve_triangular(row[:, :n], known)
        return (x, x1), x

    return lax.scan(backward, (jnp.zeros(n), jnp.zeros(n)), pivots, reverse=True)[1]


def solve_repeated_blocks(lower: Array, middle: Array, upper: Array, rhs: Array) -> Array:
    """The same for ``[n, n]`` blocks that are those of every period, by the block Thomas algorithm.

    It is for few unknowns in many periods, and needs pivots that are regular.

    Args:
        lower, middle, upper: ``[n, n]``.
        rhs: ``[T, n]``.

    Returns:
        x ``[T, n]``.
    """

    def eliminate(gain: Array, _: None):
        """x_{t-1} = ... - gain x_t makes the pivot of t. The right side is not read: x stays linear in it."""
        pivot = lu_factor(middle - lower @ gain)
        gain = lu_solve(pivot, upper)
        return gain, (pivot, gain)

    _, (pivots, gains) = lax.scan(eliminate, jnp.zeros_like(middle), length=len(rhs))
    nothing = jnp.zeros(len(middle))

    def down(x: Array, at: tuple[tuple[Array, Array], Array]):
        pivot, b = at
        x = lu_solve(pivot, b - lower @ x)
        return x, x

    def up(x: Array, at: tuple[Array, Array]):
        gain, known = at
        x = known - gain @ x
        return x, x

    known = lax.scan(down, nothing, (pivots, rhs))[1]
    return lax.scan(up, nothing, (gains, known), reverse=True)[1]
