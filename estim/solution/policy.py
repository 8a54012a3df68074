"""From the equations to the few states and expectations that matter, and back.

The past enters through a few combinations m_t of last period's variables and of today's shocks; the
future through a few combinations w_{t+1} of next period's variables:

    A x_{t+1} + B x_t + C x_{t-1} + D e_t = J w_{t+1} + B x_t + L m_t,
    w_{t+1} = P x_{t+1},      m_t = N x_{t-1} + S e_t.

One regular system in B gives x_t = X m_t + Y v_t with v_t = E_t[w_{t+1}]; what then remains,
m_{t+1} = N x_t and w_t = P x_t, is small and is solved by `solve_expectations`. So static
variables are eliminated, singular lead matrices are no special case, and m is the state.

Where B is singular, as when only the next period's equations determine a variable, w is replaced by
its distance w - W m from a guess, and so B by B + J W N. No W changes the solution. Where there is
one, w = W* m, the matrix B + J W* N is regular, and so it is for almost every other W.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from estim.linalg import (
    Factors,
    compute_where,
    eliminate,
    factorize,
    solve_expectations,
    solve_factorized,
)
from estim.status import Status
from estim.typing import Array, Scalar

_PIVOT = 1e-12


def solve_policy(
    now: Array,
    past: tuple[Array, Array],
    future: tuple[Array, Array],
    *,
    lagged: np.ndarray | slice = slice(None),
    led: np.ndarray | slice = slice(None),
    determined: bool = True,
) -> tuple[Array, Array, Scalar]:
    """The stable solution x_t = X m_t, m_{t+1} = T m_t of J w_{t+1} + B x_t + L m_t = 0.

    Args:
        now: B ``[n_variables, n_variables]``.
        past: L ``[n_variables, n_states]`` and N ``[n_states, n_variables]``.
        future: J ``[n_variables, n_expectations]`` and P ``[n_expectations, n_variables]``.
        lagged: the columns of N that are not zero.
        led: the columns of P that are not zero.
        determined: whether B may be regular; where it is known not to be, it is not tried.

    Returns:
        X ``[n_variables, n_states]``, T ``[n_states, n_states]`` and the `Status`: OK,
        INDETERMINATE, EXPLOSIVE, SINGULAR, NOT_CONVERGED or NOT_FINITE. Where it is not OK, X and T
        are finite and useless.
    """
    (l, n), (_, p) = past, future
    n_states = l.shape[1]
    xy, guess, regular = _respond(determined, now, past, future)
    x, y = jnp.split(xy, [n_states], axis=1)

    ahead, behind = n[:, lagged] @ xy[lagged], p[:, led] @ xy[led]
    e, h, g, f = ahead[:, :n_states], ahead[:, n_states:], behind[:, :n_states] - guess, behind[:, n_states:]
    v, status = solve_expectations(e, h, g, f)
    return x + y @ v, e + h @ v, jnp.where(regular, status, Status.SINGULAR)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _respond(
    determined: bool, now: Array, past: tuple[Array, Array], future: tuple[Array, Array]
) -> tuple[Array, Array, Scalar]:
    """[X, Y] of x_t = X m_t + Y (v_t - W m_t), the guess W, and whether B + J W N is regular.

    Where B is, W is zero and no factors are needed. The derivatives are those of `_respond_by_factors`.
    """
    by_factors = partial(_respond_by_factors, determined)
    if not determined:
        return by_factors(now, past, future)
    rows = _inverse(jnp.abs(now).max(axis=1, initial=0.0))
    scaled = now * rows[:, None]
    smallest_pivots = _PIVOT * jnp.abs(scaled).max(axis=0, initial=0.0)
    xy, regular = eliminate(scaled, _right_side(rows, past, future), smallest_pivots)
    found = xy, jnp.zeros((future[0].shape[1], past[0].shape[1])), regular
    return compute_where(~regular, by_factors, found, now, past, future)


@_respond.defjvp
def _respond_jvp(determined: bool, primals, tangents):
    return jax.jvp(partial(_respond_by_factors, determined), primals, tangents)


def _respond_by_factors(
    determined: bool, now: Array, past: tuple[Array, Array], future: tuple[Array, Array]
) -> tuple[Array, Array, Scalar]:
    guess, (rows, columns), factors = _regular_guess(now, past, future, determined)
    scaled = (now + future[0] @ (guess @ past[1])) * rows[:, None] * columns[None, :]
    xy = solve_factorized(scaled, factors, _right_side(rows, past, future))
    return columns[:, None] * xy, guess, factors.regular


def _right_side(rows: Array, past: tuple[Array, Array], future: tuple[Array, Array]) -> Array:
    return -rows[:, None] * jnp.concatenate([past[0], future[0]], axis=1)


def _regular_guess(
    now: Array, past: tuple[Array, Array], future: tuple[Array, Array], determined: bool
) -> tuple[Array, tuple[Array, Array], Factors]:
    """W, scales of the rows and columns of B + J W N, and the factors of what is scaled.

    W is zero where B is regular, else of the size of its surroundings.
    """
    now, (l, n), (j, p) = lax.stop_gradient((now, past, future))
    random = np.random.default_rng(0)
    shape = j.shape[1], n.shape[0]
    pattern = random.uniform(0.3, 1.0, shape) * random.choice([-1.0, 1.0], shape)

    def guess(now, l, n, j, p):
        rows, columns = _scales(jnp.abs(now) + jnp.abs(j) @ jnp.abs(p) + jnp.abs(l) @ jnp.abs(n))
        led = _inverse((jnp.abs(j) * rows[:, None]).max(axis=0, initial=0.0))
        lagged = _inverse((jnp.abs(n) * columns[None, :]).max(axis=1, initial=0.0))
        w = pattern * led[:, None] * lagged[None, :]
        return w, *_scale_and_factorize(now + j @ (w @ n))

    unknown = Factors(jnp.eye(len(now)), jnp.arange(len(now), dtype=jnp.int32), jnp.array(False))
    ones = jnp.ones(len(now))
    first = _scale_and_factorize(now) if determined else ((ones, ones), unknown)
    return compute_where(~first[1].regular, guess, (jnp.zeros(shape), *first), now, l, n, j, p)


def _scale_and_factorize(matrix: Array) -> tuple[tuple[Array, Array], Factors]:
    """Neither units nor the scale of an equation make a matrix singular."""
    rows, columns = _scales(jnp.abs(matrix))
    return (rows, columns), factorize(matrix * rows[:, None] * columns[None, :], _PIVOT)


def _scales(size: Array) -> tuple[Array, Array]:
    """Of rows and columns, so that the largest entry in each is one."""
    rows = _inverse(size.max(axis=1, initial=0.0))
    return rows, _inverse((size * rows[:, None]).max(axis=0, initial=0.0))


def _inverse(size: Array) -> Array:
    """One over it, one where it is zero."""
    return 1.0 / jnp.where(size > 0, size, 1.0)
