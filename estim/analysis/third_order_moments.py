"""The moments of a pruned perturbation of third order, in closed form.

With x1, x2, x3 the states' parts of each order and v = (x1, e), shocks e scaled to unit variance, tomorrow's

    z = (x1, x2, x1 x1', x3, x1 x2', x1 x1' x1')   and what is observed

are polynomials f(v, x2, x3) of third degree in v. Their expectation given today is linear in today's z. Of the news,
what is left, Hermite's expansion in e has uncorrelated terms, whose coefficients are expected derivatives,

    Cov(f | today) = sum over i of A_i A_i' + 1/2 sum over i, j of B_ij B_ij' + 1/6 sum over i, j, k of C_ijk C_ijk',

A = E f_e, B = E f_ee, C = E f_eee, expectations over e. A is linear in (1, x1, x2, x1 x1'), B in (1, x1), C is
constant, so that the mean of the three sums needs the second moments of these, which are those of the second order.

Source: Andreasen, Fernández-Villaverde and Rubio-Ramírez (2018), Review of Economic Studies 85, sec. 4, who write the
covariance of the news out; by Hermite's polynomials it is three sums.
"""

from itertools import permutations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.numerics import semidefinite_cholesky, solve_discrete_lyapunov
from estim.representations.linear import StateSpace
from estim.representations.pruned import (
    PrunedStateSpace,
    Rule,
    distinct_products,
    first_order_covariance,
    second_order_mean,
)
from estim.typing import Array


class Polynomial(NamedTuple):
    """constant + D1 v + D2[v, v] + D3[v, v, v] + by_x2 x2 + cross[v, x2] + by_x3 x3, row by row, D2 and D3 symmetric.

    Shapes: ``[r]``, ``[r, m]``, ``[r, m, m]``, ``[r, m, m, m]``, ``[r, n]``, ``[r, m, n]``, ``[r, n]``.
    """

    constant: Array
    D1: Array
    D2: Array
    D3: Array
    by_x2: Array
    cross: Array
    by_x3: Array


@jax.jit
def third_order_as_linear(solution: PrunedStateSpace) -> StateSpace:
    """The linear state space with the mean and the autocovariances of a pruned perturbation of third order.

    As `estim.analysis.pruned_as_linear`, which see.
    """
    n = len(solution.states)
    f = _tomorrow(solution)
    cov, _ = first_order_covariance(solution)
    (i, j), _ = distinct_products(n, 2)
    second = 2 * n + len(i)  # the length of (x1, x2, x1 x1')
    mean = jnp.concatenate([jnp.zeros(n), second_order_mean(solution), cov[i, j]])
    T = _expected(f, n)
    known = jnp.zeros((second, second)).at[:n, :n].set(cov)  # all that the news of second order ask for
    spread, _ = solve_discrete_lyapunov(T[:second, :second], _news(f, n, known, mean)[:second, :second])
    news = _news(f, n, spread, mean)
    n_obs = len(solution.measured.level)
    n_z = len(T) - n_obs
    level = f.constant + jnp.trace(f.D2[:, n:, n:], axis1=1, axis2=2) + T[:, :second] @ mean
    return StateSpace(
        transition=jnp.pad(T, ((0, 0), (0, n_obs))),
        selection=jnp.eye(len(T)),
        state_cov=news,
        design=jnp.eye(n_obs, len(T), n_z),
        obs_intercept=level[n_z:],
        obs_cov=solution.obs_cov,
        status=solution.status,
        obs_trend=solution.obs_trend,
    )


def _tomorrow(solution: PrunedStateSpace) -> Polynomial:
    """Tomorrow's z, and the observables behind it, as functions of today's v, x2 and x3."""
    n, root = len(solution.states), semidefinite_cholesky(solution.shock_cov)
    m = n + len(root)
    scale = jnp.eye(m).at[n:, n:].set(root)
    motion, seen = (_by_unit_shocks(rule, scale) for rule in (solution.motion, solution.measured))
    H, hx = motion.linear, motion.linear[:, :n]
    (i, j), _ = distinct_products(n, 2)
    (a, b, c), _ = distinct_products(n, 3)
    one, two = (k.ravel() for k in np.indices((n, n)))

    def of(rows: int, **terms: Array) -> Polynomial:
        shapes: list[tuple[int, ...]] = [(), (m,), (m, m), (m, m, m), (n,), (m, n), (n,)]
        named = zip(Polynomial._fields, shapes, strict=True)
        return Polynomial(*(terms.get(name, jnp.zeros((rows, *shape))) for name, shape in named))

    def of_third_order(rule: Rule) -> dict[str, Array]:
        x = rule.linear[:, :n]
        return {"D3": rule.cubic / 6, "cross": rule.quadratic[:, :, :n], "by_x3": x}

    slope, half = 0.5 * motion.risk_slope, 0.5 * motion.quadratic
    parts = [
        of(n, D1=H),
        of(n, constant=0.5 * motion.risk, D2=half, by_x2=hx),
        of(len(i), D2=jnp.einsum("ra,rb->rab", H[i], H[j])),
        of(n, D1=slope, **of_third_order(motion)),
        of(
            n * n,
            D1=0.5 * H[one] * motion.risk[two][:, None],
            D3=jnp.einsum("ra,rbc->rabc", H[one], half[two]),
            cross=jnp.einsum("ra,rb->rab", H[one], hx[two]),
        ),
        of(len(a), D3=jnp.einsum("ra,rb,rc->rabc", H[a], H[b], H[c])),
        of(
            len(seen.level),
            constant=seen.level + 0.5 * seen.risk,
            D1=seen.linear + 0.5 * seen.risk_slope,
            D2=0.5 * seen.quadratic,
            by_x2=seen.linear[:, :n],
            **of_third_order(seen),
        ),
    ]
    f = jax.tree.map(lambda *rows: jnp.concatenate(rows), *parts)
    return f._replace(D2=_symmetric(f.D2), D3=_symmetric(f.D3))


def _by_unit_shocks(rule: Rule, scale: Array) -> Rule:
    return rule._replace(
        linear=rule.linear @ scale,
        quadratic=jnp.einsum("rab,ac,bd->rcd", rule.quadratic, scale, scale),
        cubic=jnp.einsum("rabc,ad,be,cf->rdef", rule.cubic, scale, scale, scale),
        risk_slope=rule.risk_slope @ scale,
    )


def _symmetric(form: Array) -> Array:
    orders = list(permutations(range(1, form.ndim)))
    return jnp.stack([form.transpose(0, *order) for order in orders]).mean(axis=0)


def _expected(f: Polynomial, n: int) -> Array:
    """The expectation of f given today, by z ``[r, n_z]``."""
    by_x1 = f.D1[:, :n] + 3 * jnp.trace(f.D3[:, :n, n:, n:], axis1=2, axis2=3)
    cross = f.cross[:, :n].reshape(len(by_x1), -1)
    squares, cubes = (_of_distinct(D, n) for D in (f.D2, f.D3))
    return jnp.concatenate([by_x1, f.by_x2, squares, f.by_x3, cross, cubes], axis=1)


def _of_distinct(form: Array, n: int, behind: tuple[Any, ...] = ()) -> Array:
    """The coefficients of distinct products of x1; `behind` are axes that are left as they stand."""
    at, times = distinct_products(n, form.ndim - 1 - len(behind))
    times = times.reshape(-1, *[1] * len(behind))
    return form[(slice(None), *at, *behind)] * times[None]


def _news(f: Polynomial, n: int, spread: Array, mean: Array) -> Array:
    """The mean of Cov(f | today) ``[r, r]``, given covariance and mean of (x1, x2, x1 x1')."""
    third = jnp.trace(f.D3[:, n:, n:, n:], axis1=2, axis2=3)
    squares = _of_distinct(f.D3, n, (slice(n, None),))
    A = [(f.D1[:, n:] + 3 * third)[:, None], 2 * f.D2[:, :n, n:], f.cross[:, n:].swapaxes(1, 2), 3 * squares]
    B = [2 * f.D2[:, None, n:, n:], 6 * f.D3[:, :n, n:, n:]]
    mean = jnp.concatenate([jnp.ones(1), mean])
    moment = jnp.pad(spread, (1, 0)) + jnp.outer(mean, mean)
    found = _summed(jnp.concatenate(A, axis=1), moment)
    found += _summed(jnp.concatenate(B, axis=1), moment[: n + 1, : n + 1]) / 2
    return found + _summed(6 * f.D3[:, None, n:, n:, n:], jnp.ones((1, 1))) / 6


def _summed(factor: Array, moment: Array) -> Array:
    """The sum of F M F' over the axes of shocks, of ``factor`` F ``[r, k, ...]``."""
    flat = factor.reshape(*factor.shape[:2], -1)
    weighted = jnp.einsum("rki,kl->rli", flat, moment)
    return jnp.einsum("rki,ski->rs", weighted, flat)
