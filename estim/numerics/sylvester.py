"""Discrete Sylvester and Lyapunov equations by doubling, with implicit derivatives.

The solution of X = A X B + C is the sum over j of A^j C B^j. Doubling adds twice as many
terms in each step (Smith 1968): X <- X + A X B, A <- A A, B <- B B. The derivative of a
solution solves the same equation with another constant, and so does its transpose, with A'
and B': the loop is never differentiated.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from estim.status import Status
from estim.typing import Array, Scalar

_MAX_DOUBLINGS = 40
_TOLERANCE = 1e-15
_DIVERGED = 1e100


@jax.jit
def solve_sylvester(left: Array, right: Array, constant: Array) -> tuple[Array, Scalar]:
    """X = left X right + constant, and its `Status`.

    Args:
        left: ``[m, m]``; the product of its spectral radius and that of ``right`` is below one.
        right: ``[n, n]``.
        constant: ``[m, n]``.

    Returns:
        X ``[m, n]`` and OK, or zeros and NOT_CONVERGED where the sum diverges.
    """
    left, right = finite_or_diverging(left), finite_or_diverging(right)

    def smith(left, right, constant):
        return double(lambda p, x: ((p[0] @ p[0], p[1] @ p[1]), p[0] @ x @ p[1]), (left, right), constant)

    x = lax.custom_linear_solve(
        lambda x: x - left @ x @ right,
        constant,
        solve=lambda _, c: smith(left, right, c),
        transpose_solve=lambda _, c: smith(left.T, right.T, c),
    )
    return x, status_of(x, constant)


@jax.jit
def solve_discrete_lyapunov(transition: Array, covariance: Array) -> tuple[Array, Scalar]:
    """X = transition X transition' + covariance, and its `Status`.

    Args:
        transition: ``[n, n]`` with spectral radius below one.
        covariance: ``[n, n]``, symmetric.

    Returns:
        X ``[n, n]`` and OK, or zeros and NOT_CONVERGED where the sum diverges.
    """
    transition = finite_or_diverging(transition)

    def smith(transition, constant):
        return double(lambda a, x: (a @ a, a @ x @ a.T), transition, constant)

    x = lax.custom_linear_solve(
        lambda x: x - transition @ x @ transition.T,
        covariance,
        solve=lambda _, c: smith(transition, c),
        transpose_solve=lambda _, c: smith(transition.T, c),
    )
    return x, status_of(x, covariance)


def status_of(x: Array, constant: Array) -> Scalar:
    """A solution is zero only if the constant is; where the sum diverges, `double` returns zeros."""
    converged = jnp.any(x != 0) | jnp.all(constant == 0)
    return jnp.where(converged, Status.OK, Status.NOT_CONVERGED)


def double(step: Callable, powers: Any, constant: Array) -> Array:
    """The sum of ``powers, increment = step(powers, x)``, repeated until the increment no longer matters.

    Zeros where it does not converge: what is multiplied by zero later must be finite.
    """

    def unfinished(carry):
        iteration, _, x, increment = carry
        size = jnp.abs(x).max(initial=0.0)
        return (iteration < _MAX_DOUBLINGS) & (increment > _TOLERANCE * size) & (size < _DIVERGED)

    def body(carry):
        iteration, powers, x, _ = carry
        powers, change = step(powers, x)
        return iteration + 1, powers, x + change, jnp.abs(change).max(initial=0.0)

    start = (0, powers, constant, jnp.asarray(jnp.inf, constant.dtype))
    _, _, x, increment = lax.while_loop(unfinished, body, start)
    size = jnp.abs(x).max(initial=0.0)
    converged = (increment <= _TOLERANCE * size) & (size < _DIVERGED)
    return jnp.where(converged, x, 0.0)


def finite_or_diverging(matrix: Array) -> Array:
    """The matrix, or one whose powers overflow where an entry is not finite."""
    return jnp.where(jnp.isfinite(matrix).all(), matrix, 1e200)
