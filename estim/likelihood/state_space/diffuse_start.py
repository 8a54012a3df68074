"""A start of which nothing is known in the directions of the unit roots, and what data say of these.

    s_1 = A delta + x,      delta ~ N(0, kappa I), kappa without end,

where A spans the directions in which T has unit roots and x, the rest, is stationary. What x has in the
range of A is of no consequence beside delta; a variance of the size of the shocks' is put there, so that a
forecast error that is all level has a variance.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.likelihood.state_space.start import Gaussian
from estim.numerics import solve_discrete_lyapunov
from estim.representations.linear import StateSpace
from estim.solution.unit_roots import unit_root_projector
from estim.status import Status
from estim.typing import Array, Scalar

_READ = 1e-9  # the part of a row of Z in the unit roots that is none
_NEW = 1e-8  # the part of a row of the effects, beside the rows before, that is none


class DiffuseStart(NamedTuple):
    """``gaussian`` is x, ``directions`` the orthogonal projector on the range of A ``[n, n]``."""

    gaussian: Gaussian
    directions: Array


class Determined(NamedTuple):
    """What observations determine of delta.

    Attributes:
        basis: coordinates of it ``[n, n]``: A ``basis`` spans it, in as many columns as its rank is; the others
            are zero.
        used: which columns these are ``[n]``.
        unknown: the orthogonal projector on the directions of which the observations say nothing ``[n, n]``.
        periods: how many of the first periods it takes.
    """

    basis: Array
    used: Array
    unknown: Array
    periods: Scalar


def diffuse_start(state_space: StateSpace) -> DiffuseStart:
    """The start of a state space; NaN where the rest has no stationary distribution."""
    T = state_space.transition
    shock_cov = state_space.selection @ state_space.state_cov @ state_space.selection.T
    U = unit_root_projector(T)
    V = jnp.eye(T.shape[0]) - U
    cov, status = solve_discrete_lyapunov(V @ T @ V, V @ shock_cov @ V)
    size = jax.lax.stop_gradient(jnp.trace(cov + shock_cov)) / T.shape[0]
    cov = jnp.where(status == Status.OK, cov + size * U, jnp.nan)
    return DiffuseStart(Gaussian(jnp.zeros(T.shape[0]), cov), U)


class _Search(NamedTuple):
    row: Scalar  # of y, all periods one after another
    effects: Array  # of delta on this period's y  [n_obs, n]
    unknown: Array  # [n, n]
    rows: Array  # those effects that told something new, of length one  [n, n]
    parts: Array  # the part of each that was new, of length one: they are orthogonal  [n, n]
    rank: Scalar
    periods: Scalar


def determined(state_space: StateSpace, directions: Array, observations: Array) -> Determined:
    """The directions of delta that y ``[n_periods, n_obs]`` (NaN is missing) tells apart, and since when.

    The effect of delta on y_t is Z T^(t-1) A. Its rank is found row by row, each in units of its own, by the
    part of it that the rows before do not span. It is a whole number, and so has no derivative.
    """
    T, _, _, Z, *_ = jax.lax.stop_gradient(state_space)
    U = jax.lax.stop_gradient(directions)
    seen = ~jnp.isnan(observations)
    n, n_obs = T.shape[0], Z.shape[0]
    first = Z @ U
    sizes = jnp.linalg.norm(first, axis=1)
    reads = sizes > _READ * jnp.linalg.norm(Z, axis=1)
    order = jnp.argsort(-sizes)  # what weighs most in |X1' X1| is taken first, which saves digits

    def unfinished(search: _Search):
        return (search.row < seen.size) & (jnp.trace(search.unknown) > 0.5)

    def look(search: _Search) -> _Search:
        row, effects, unknown, rows, parts, rank, periods = search
        period, series = row // n_obs, order[row % n_obs]
        effect = effects[series]
        new = unknown @ (unknown @ effect)
        size, whole = jnp.linalg.norm(new), jnp.linalg.norm(effect)
        tells = seen[period, series] & (size > _NEW * whole)
        new = jnp.where(tells, new / jnp.where(tells, size, 1.0), 0.0)
        here = tells & (jnp.arange(n) == rank)
        return _Search(
            row=row + 1,
            effects=jnp.where(row % n_obs == n_obs - 1, effects @ T @ U, effects),
            unknown=unknown - jnp.outer(new, new),
            rows=jnp.where(here[:, None], effect / jnp.where(tells, whole, 1.0), rows),
            parts=jnp.where(here[:, None], new, parts),
            rank=rank + tells,
            periods=jnp.where(tells, period + 1, periods),
        )

    nothing, zero = jnp.zeros_like(T), jnp.array(0)
    start = _Search(zero, jnp.where(reads[:, None], first, 0.0), U, nothing, nothing, zero, zero)
    found = jax.lax.while_loop(unfinished, look, start)
    used = jnp.arange(n) < found.rank
    # coordinates in which those rows are an identity: triangular, since `parts` come of them in turn
    rows = found.rows @ found.parts.T + jnp.diag(jnp.where(used, 0.0, 1.0))
    basis = jsl.solve_triangular(rows.T, found.parts, lower=False).T
    return Determined(basis, used, found.unknown, found.periods)


def effects_on(state_space: StateSpace, start: Array, seen: Array) -> Array:
    """Effects Z T^(t-1) ``start`` of s_1 on what is ``seen`` ``[n_periods, n_obs]`` of y, else zero."""

    def step(rows, seen):
        return rows @ state_space.transition, jnp.where(seen[:, None], rows @ start, 0.0)

    return jax.lax.scan(step, state_space.design, seen)[1]
