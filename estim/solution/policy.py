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
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from estim.numerics import eliminate, factorize, solve_expectations, solve_factorized
from estim.numerics.host import on_host_where_needed
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

    W is zero where B is regular, else of the size of its surroundings.
    """
    right = -jnp.concatenate([past[0], future[0]], axis=1)
    if determined:
        nothing = jnp.zeros((future[0].shape[1], past[0].shape[1]))
        found = _solve(now, right, nothing)
        return on_host_where_needed(respond_on_host, ~found[2], found, now, *past, *future)
    guess = _guess(now, *past, *future)
    return _solve(now + future[0] @ (guess @ past[1]), right, guess)


def _solve(matrix: Array, right: Array, guess: Array) -> tuple[Array, Array, Scalar]:
    scaled, rows, columns = _scaled(matrix)
    xy, regular = eliminate(scaled, rows * right, _PIVOT)
    return columns * xy, guess, regular


@_respond.defjvp
def _respond_jvp(determined: bool, primals, tangents):
    _, guess, regular = _respond(determined, *lax.stop_gradient(primals))

    def by_factors(now, past, future):
        matrix = now + future[0] @ (guess @ past[1])
        _, rows, columns = _scaled(lax.stop_gradient(matrix))
        scaled = rows * matrix * columns.T
        right = -rows * jnp.concatenate([past[0], future[0]], axis=1)
        return columns * solve_factorized(scaled, factorize(scaled, _PIVOT), right)

    xy, d_xy = jax.jvp(by_factors, primals, tangents)
    return (xy, guess, regular), (d_xy, jnp.zeros_like(guess), np.zeros(regular.shape, jax.dtypes.float0))


@np.errstate(all="ignore")
def respond_on_host(
    now: np.ndarray, l: np.ndarray, n: np.ndarray, j: np.ndarray, p: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:
    """`_respond` in NumPy, whether B is singular or not."""
    right = -np.concatenate([l, j], axis=1)
    for guess in (np.zeros((j.shape[1], n.shape[0])), _guess(now, l, n, j, p)):
        scaled, rows, columns = _scaled(now + j @ (guess @ n))
        if np.isfinite(scaled).all() and np.linalg.cond(scaled) < 1.0 / _PIVOT:
            return columns * np.linalg.solve(scaled, rows * right), guess, True
    return np.zeros_like(right), guess, False


def _guess(now: Any, l: Any, n: Any, j: Any, p: Any) -> Any:
    """Some W such that B + J W N is regular if any does that; of arrays of NumPy, or of JAX."""
    random, shape = np.random.default_rng(0), (j.shape[1], n.shape[0])
    pattern = random.uniform(0.3, 1.0, shape) * random.choice([-1.0, 1.0], shape)
    rows, columns = _scales(abs(now) + abs(j) @ abs(p) + abs(l) @ abs(n))
    led = _inverse((abs(j) * rows[:, None]).max(axis=0, initial=0.0))
    lagged = _inverse((abs(n) * columns[None, :]).max(axis=1, initial=0.0))
    return pattern * led[:, None] * lagged[None, :]


def _scaled(matrix: Any) -> tuple[Any, Any, Any]:
    """The matrix, which neither units nor the scale of an equation make singular now, and the scales ``[n, 1]`` of
    its rows and columns."""
    rows, columns = _scales(abs(matrix))
    return matrix * rows[:, None] * columns[None, :], rows[:, None], columns[:, None]


def _scales(size: Any) -> tuple[Any, Any]:
    """Of rows and columns, so that the largest entry in each is one."""
    rows = _inverse(size.max(axis=1, initial=0.0))
    return rows, _inverse((size * rows[:, None]).max(axis=0, initial=0.0))


def _inverse(size: Any) -> Any:
    """One over it, one where it is zero."""
    return 1.0 / (size + (size == 0))
