"""Doubling of a two-point boundary problem: the structured doubling algorithm as a star product.

Over one period a linear model passes on a state m and looks ahead to an expectation v:

    m_{t+1} = E m_t + H v_t            v_t = E_t[w_{t+1}]
    w_t     = G m_t + F v_t

Joining a period to the next eliminates what lies between them (Redheffer's star product), and
joining a stretch of 2^k periods to itself gives one of 2^{k+1}: quadratic convergence. The
iterates are those of the structured doubling algorithm (Chiang, Chu, Guo, Huang, Lin and Xu
2009; for this class of models Huber, Meyer-Gohde and Saecker 2023, "Solving linear DSGE models
with structure-preserving doubling methods"). E_k falls to zero if and only if the state is
stable, F_k if and only if the expectations have no other stable solution: the two tell apart
what the Blanchard-Kahn conditions count.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from estim.linalg.linear import lu_solve, solve_linear
from estim.linalg.sylvester import solve_sylvester
from estim.status import Status
from estim.typing import Array, Scalar

_MAX_DOUBLINGS = 25
"""A root below 1 + 1e-6 in modulus has not grown by `_GROWN` after 2^25 periods: a unit root."""

_VANISHED = 1e-3
_GROWN = 1e12
_TOLERANCE = 1e-14
_RESIDUAL = 1e-8


@jax.custom_jvp
@jax.jit
def solve_expectations(e: Array, h: Array, g: Array, f: Array) -> tuple[Array, Scalar]:
    """The stable V with v_t = V m_t, which solves V = (G + F V)(E + H V), and its `Status`.

    Args:
        e: E ``[n, n]``, state on state.
        h: H ``[n, m]``, state on expectation.
        g: G ``[m, n]``, looked-ahead combination on state.
        f: F ``[m, m]``, looked-ahead combination on expectation.

    Returns:
        V ``[m, n]`` and OK, or zeros and EXPLOSIVE, INDETERMINATE, NOT_CONVERGED or NOT_FINITE.
        A root of the state with modulus one, up to 1e-6, is allowed.
    """
    finite = jnp.isfinite(e).all() & jnp.isfinite(h).all() & jnp.isfinite(g).all() & jnp.isfinite(f).all()
    e_k, _, g_k, f_k = _double(e, h, g, f)

    # w_t = G_oo m_t and m_{t+1} = E m_t + H v_t give v_t = G_oo m_{t+1} = V m_t.
    m = f.shape[0]
    v, regular = solve_linear(jnp.eye(m) - g_k @ h, g_k @ e)
    residual = _norm((g + f @ v) @ (e + h @ v) - v) / (1.0 + _norm(v))
    status = jnp.select(
        [
            ~finite,
            _norm(e_k) > _GROWN,
            ~(_norm(f_k) < _VANISHED),
            ~regular | ~(residual < _RESIDUAL),
        ],
        [Status.NOT_FINITE, Status.EXPLOSIVE, Status.INDETERMINATE, Status.NOT_CONVERGED],
        Status.OK,
    )
    return jnp.where(status == Status.OK, v, 0.0), status


@solve_expectations.defjvp
def _expectations_jvp(primals, tangents):
    v, status = solve_expectations(*primals)
    ok = status == Status.OK
    e, h, g, f = (jnp.where(ok, a, 0.0) for a in primals)
    d_e, d_h, d_g, d_f = (jnp.where(ok, a, 0.0) for a in tangents)
    transition, looked_ahead = e + h @ v, g + f @ v
    # d V = (F dV) T + (G + F V)(H dV) + R, so that (I - (G + F V) H) dV = F dV T + R.
    r = (d_g + d_f @ v) @ transition + looked_ahead @ (d_e + d_h @ v)
    inverse, _ = solve_linear(jnp.eye(f.shape[0]) - looked_ahead @ h, jnp.eye(f.shape[0]))
    d_v, _ = solve_sylvester(inverse @ f, transition, inverse @ r)
    return (v, status), (d_v, np.zeros(status.shape, jax.dtypes.float0))


def _double(e: Array, h: Array, g: Array, f: Array) -> tuple[Array, Array, Array, Array]:
    """Join the stretch to itself until it no longer matters what lies beyond its end."""
    n, m = h.shape

    def unfinished(carry):
        iteration, (e, _, g, f), change = carry
        size_e, size_f = _norm(e), _norm(f)
        settled = (change <= _TOLERANCE * (1.0 + _norm(g))) & (size_e < _VANISHED) & (size_f < _VANISHED)
        grown = ~(size_e < _GROWN) | ~(size_f < _GROWN)
        return (iteration < _MAX_DOUBLINGS) & ~settled & ~grown

    def body(carry):
        iteration, (e, h, g, f), _ = carry
        # Halfway, w = (I - G H)^-1 (G E m + F v) and the state is E m + H w.
        w = _solve(jnp.eye(m) - g @ h, jnp.concatenate([g @ e, f], axis=1))
        state = h @ w + jnp.concatenate([e, jnp.zeros_like(h)], axis=1)
        ahead, behind = e @ state, f @ w
        change = _norm(behind[:, :n])
        joined = ahead[:, :n], h + ahead[:, n:], g + behind[:, :n], behind[:, n:]
        return iteration + 1, joined, change

    start = (0, (e, h, g, f), jnp.asarray(jnp.inf, e.dtype))
    return lax.while_loop(unfinished, body, start)[1]


def _solve(matrix: Array, rhs: Array) -> Array:
    if matrix.shape[0] == 0:
        return rhs
    lu, _, permutation = lax.linalg.lu(matrix)
    return lu_solve(lu, permutation, rhs)


def _norm(a: Array) -> Scalar:
    """The largest absolute row sum."""
    return jnp.abs(a).sum(axis=1).max(initial=0.0)
