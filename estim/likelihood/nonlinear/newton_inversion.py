"""The inversion filter of a state space without kinks: shocks found by Newton's method, period by period."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from estim.numerics import factorize, solve_linear
from estim.representations.nonlinear import NonlinearStateSpace
from estim.status import Status
from estim.typing import Array, Scalar

_TOLERANCE = 1e-9
"""Of the last step, in standard deviations: what it leaves is its square."""

_STAGES, _MAX_STEPS = 4, 50

_PIVOT = 1e-8
"""As a share of what the observables move by at rest: where two roots meet, Newton's method stops about there."""


class Inverted(NamedTuple):
    """By period: ``shocks`` ``[n_shocks]``, ``logdensity``, and a `Status`."""

    shocks: Array
    logdensity: Scalar
    status: Scalar


def invert_by_newton(solution: NonlinearStateSpace, observations: Array, paired: tuple[int, ...]) -> Inverted:
    """Shocks from observations, period by period, from a state at rest.

        y_t = observe(step(s_{t-1}, e_t)),    ln p(y_t | y_1 .. y_{t-1}) = ln N(e_t; 0, Q) - ln |det dy_t / de_t|

    Of several roots it is the one that continues the root of the equations linearised at no shock. Where an
    observable is missing, its paired shock is zero, and both are left out. Derivatives are those of the implicit
    function theorem.

    Args:
        observations: ``[n_periods, n_obs]`` without trend; NaN is missing.
        paired: the shock of each observable, as many as there are.

    Returns:
        By period ``[n_periods, ...]``. The status is NO_SHOCKS where there is no root, SINGULAR_OBSERVABLES where the
        observables do not move with each of the shocks.
    """
    order = jnp.array(paired)
    cov = solution.shock_cov[order][:, order]

    def period(state: Any, y: Array) -> tuple[Any, Inverted]:
        seen = ~jnp.isnan(y)

        def gap(e: Array) -> Array:
            missed = solution.observe(solution.step(state, e)) - jnp.where(seen, y, 0.0)
            return jnp.where(seen, missed, e[order])

        shocks, found = lax.custom_root(gap, jnp.zeros_like(y), _find_root, _solve_tangent, has_aux=True)
        slope = jax.jacfwd(gap)(shocks)
        regular = factorize(slope / _sizes(jax.jacfwd(gap)(jnp.zeros_like(y))), _PIVOT).regular
        logdet = jnp.linalg.slogdet(jnp.where(regular, slope, jnp.eye(len(y))))[1]
        status = jnp.select([~found, ~regular], [Status.NO_SHOCKS, Status.SINGULAR_OBSERVABLES], Status.OK)
        logdensity = shock_logdensity(shocks[order], cov, seen) - logdet
        return solution.step(state, shocks), Inverted(shocks, logdensity, status)

    return lax.scan(period, solution.rest, observations)[1]


def _sizes(matrix: Array) -> Array:
    """The largest entry of each row ``[n, 1]``."""
    size = jnp.abs(matrix).max(axis=1, keepdims=True)
    return jnp.where(size > 0, size, 1.0)


def _find_root(gap: Callable[[Array], Array], start: Array) -> tuple[Array, Scalar]:
    """The root that continues the root of the function linearised at `start`, and whether it was found.

    At the latter the function still leaves something; it is to leave a smaller share of that in each stage.
    """

    def newton(e: Array, left: Array) -> Array:
        return solve_linear(jax.jacfwd(gap)(e), (gap(e) - left)[:, None])[0][:, 0]

    linear = start - newton(start, jnp.zeros_like(start))
    away = gap(linear)

    def unfinished(carry: tuple[Array, Scalar, Scalar]) -> Scalar:
        _, steps, change = carry
        return (steps < _MAX_STEPS) & ~(change <= _TOLERANCE)

    def body(carry: tuple[Array, Scalar, Scalar]) -> tuple[Array, Scalar, Scalar]:
        e, steps, _ = carry
        share = jnp.maximum(0.0, 1.0 - (steps + 1) / _STAGES)
        change = newton(e, share * away)
        size = jnp.abs(change).max() / (1.0 + jnp.abs(e).max())
        return e - change, steps + 1, jnp.where(share > 0, jnp.inf, size)

    e, _, change = lax.while_loop(unfinished, body, (linear, jnp.array(0), jnp.array(jnp.inf)))
    # A singular Jacobian takes no step, which is no root.
    solved = jnp.abs(gap(e)).max() <= 1e-6 * (1.0 + jnp.abs(gap(start)).max())
    found = (change <= _TOLERANCE) & solved
    return jnp.where(found, e, start), found


def _solve_tangent(linear: Callable[[Array], Array], right: Array) -> Array:
    return solve_linear(jax.jacfwd(linear)(right), right[:, None])[0][:, 0]


def shock_logdensity(shocks: Array, cov: Array, seen: Array) -> Scalar:
    """ln N(e; 0, Q) of those that are ``seen`` ``[n]``; the others are zero."""
    both = seen[:, None] & seen[None, :]
    L = jnp.linalg.cholesky(jnp.where(both, cov, jnp.eye(len(cov))))
    white = jax.scipy.linalg.solve_triangular(L, shocks, lower=True)
    return -0.5 * (white @ white + seen.sum() * jnp.log(2 * jnp.pi)) - jnp.log(jnp.diagonal(L)).sum()
