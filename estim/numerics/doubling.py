"""Doubling of a two-point boundary problem: the structured doubling algorithm as a star product.

Over one period a linear model passes on a state m and looks ahead to an expectation v:

    m_{t+1} = E m_t + H v_t            v_t = E_t[w_{t+1}]
    w_t     = G m_t + F v_t

Joining a period to the next eliminates what lies between them (Redheffer's star product), and
joining a stretch of 2^k periods to itself gives one of 2^{k+1}: quadratic convergence. The
iterates are those of the structured doubling algorithm (Chiang, Chu, Guo, Huang, Lin and Xu
2009; for this class of models Huber, Meyer-Gohde and Saecker 2023, "Solving linear DSGE models
with structure-preserving doubling methods"). They begin with expectations of zero beyond the end.
Where states and expectations react to each other, E_k then falls to zero if the state is stable,
and F_k if the expectations have no other stable solution: the two tell apart what the
Blanchard-Kahn conditions count. Where they do not, as a debt that explodes by itself beside a
consumption that its own Euler equation determines, both grow, and roots decide (`estim.numerics.roots`).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from estim.numerics.host import on_host_where_needed
from estim.numerics.linear import eliminate, solve_linear
from estim.numerics.roots import RESIDUAL, solve_by_roots
from estim.numerics.sylvester import solve_sylvester
from estim.status import Status
from estim.typing import Array, Scalar

_MAX_DOUBLINGS = 25
"""Then a root at the radius of what counts as stable, 1 + 1e-6, has grown by `_GROWN`."""

_VANISHED = 1e-3
_GROWN = 1e12
_TOLERANCE = 1e-16
"""Of the next change of G_k, which is estimated: with two digits to spare."""

_BOUNDED = 1e3
"""What a state grows to that has roots of one; beyond, a root is near the radius, or a multiple one."""

_GONE = 1e-12
"""What falls without becoming so small must fall ever faster: else a root of one is behind it."""

_QUICKLY = 10
"""So few doublings that no multiple root of one, but an explosive one, grows by `_GROWN`."""

_AMPLIFIED = 1e10
"""Rounding errors of G_k grow by E_k and F_k together: beyond, they decide."""

_PIVOT = 1e-12


@jax.custom_jvp
@jax.jit
def solve_expectations(e: Array, h: Array, g: Array, f: Array) -> tuple[Array, Scalar]:
    """The stable V with v_t = V m_t, which solves V = (G + F V)(E + H V), and its `Status`.

    Doubling finds it. Where doubling does not tell, an ordered Schur form does.

    Args:
        e: E ``[n, n]``, state on state.
        h: H ``[n, m]``, state on expectation.
        g: G ``[m, n]``, looked-ahead combination on state.
        f: F ``[m, m]``, looked-ahead combination on expectation.

    Returns:
        V ``[m, n]`` and OK, or zeros and EXPLOSIVE, INDETERMINATE, SINGULAR, NOT_CONVERGED or
        NOT_FINITE. A root is stable up to a modulus of `estim.numerics.roots.RADIUS`.
    """
    doublings, (_, _, g_k, _), size = _double(e, h, g, f)

    # w_t = G_oo m_t and m_{t+1} = E m_t + H v_t give v_t = G_oo m_{t+1} = V m_t.
    v, regular = eliminate(jnp.eye(f.shape[0]) - g_k @ h, g_k @ e, _PIVOT)
    fell = lambda now, before: (now < _GONE) | (now < 0.1 * before)
    stable = jnp.where(size.e < _VANISHED, fell(size.e, size.e_before), size.e < _BOUNDED)
    unique = (size.f < _VANISHED) & fell(size.f, size.f_before)
    residual = _norm((g + f @ v) @ (e + h @ v) - v)
    solved = stable & unique & regular & (residual < RESIDUAL * (1.0 + _norm(v)))
    explosive = (size.e > _GROWN) & (size.e < jnp.inf) & (doublings <= _QUICKLY)
    indeterminate = (size.f > _GROWN) & (size.f < jnp.inf)
    told = (solved | explosive | indeterminate) & (size.e * size.f < _AMPLIFIED)
    status = jnp.select([explosive, indeterminate], [Status.EXPLOSIVE, Status.INDETERMINATE], Status.OK)
    v, status = on_host_where_needed(solve_by_roots, ~told, (v, status), e, h, g, f)
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


class _Sizes(NamedTuple):
    """Norms of E_k and F_k, now and one doubling before, and of the last change of G_k."""

    e: Scalar
    f: Scalar
    e_before: Scalar
    f_before: Scalar
    change: Scalar


def _double(
    e: Array, h: Array, g: Array, f: Array
) -> tuple[Scalar, tuple[Array, Array, Array, Array], _Sizes]:
    """Join the stretch to itself until it no longer matters what lies beyond its end.

    How often, the last stretch, and its sizes.
    """
    n, m = h.shape

    def unfinished(carry):
        iteration, (_, _, g, _), size = carry
        # The next change of G has E_k and F_k where the last had those of one doubling before.
        next_change = size.change * (size.e * size.f) / (size.e_before * size.f_before)
        small = ~(next_change > _TOLERANCE * (1.0 + _norm(g)))
        settled = small & (size.e < _VANISHED) & (size.f < _VANISHED)
        grown = ~(size.e < _GROWN) | ~(size.f < _GROWN) | (size.e * size.f > _AMPLIFIED)
        return (iteration < _MAX_DOUBLINGS) & ~settled & ~grown

    def body(carry):
        iteration, (e, h, g, f), size = carry
        # Halfway, w = (I - G H)^-1 (G E m + F v) and the state is E m + H w.
        w, _ = eliminate(jnp.eye(m) - g @ h, jnp.concatenate([g @ e, f], axis=1))
        state = h @ w + jnp.concatenate([e, jnp.zeros_like(h)], axis=1)
        ahead, behind = e @ state, f @ w
        joined = ahead[:, :n], h + ahead[:, n:], g + behind[:, :n], behind[:, n:]
        sizes = _Sizes(_norm(joined[0]), _norm(joined[3]), size.e, size.f, _norm(behind[:, :n]))
        return iteration + 1, joined, sizes

    size_e, size_f = _norm(e), _norm(f)
    sizes = _Sizes(size_e, size_f, size_e, size_f, jnp.asarray(jnp.inf, e.dtype))
    return lax.while_loop(unfinished, body, (jnp.array(0), (e, h, g, f), sizes))


def _norm(a: Array) -> Scalar:
    return jnp.sqrt(jnp.sum(a * a))
