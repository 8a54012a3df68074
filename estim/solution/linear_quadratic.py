"""`solve_lq`: the best control of a linear economy with a quadratic loss."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.arguments import ArgumentError
from estim.numerics import solve_linear
from estim.numerics.control_riccati import control_policy, solve_control_riccati
from estim.status import Status
from estim.typing import Array, Scalar


class LinearQuadratic(NamedTuple):
    """The best control u = -F x, and what it costs: x' P x + c.

    Shapes: ``policy`` F ``[n_controls, n_states]``, ``value`` P ``[n_states, n_states]``, ``noise_constant`` c ``[]``,
    ``transition`` A - B F ``[n_states, n_states]``, ``status`` ``[]``: OK, or NOT_CONVERGED where no control keeps the
    loss finite, or SINGULAR where a control costs nothing; then P is zero.
    """

    policy: Array
    value: Array
    noise_constant: Scalar
    transition: Array
    status: Scalar


def solve_lq(
    A: Array,
    B: Array,
    Q: Array,
    R: Array,
    *,
    beta: Scalar | float = 1.0,
    C: Array | None = None,
    cross: Array | None = None,
) -> LinearQuadratic:
    """Minimise E sum_t beta^t (x' Q x + u' R u + 2 x' N u) where x' = A x + B u + C w, by doubling.

    JAX may trace and batch it; its derivatives, of any order, are implicit. With a beta of one and shocks the loss is
    infinite, and the policy is the best one all the same.

    Args:
        A: ``[n_states, n_states]``.
        B: ``[n_states, n_controls]``.
        Q: ``[n_states, n_states]``, symmetric and positive semidefinite.
        R: ``[n_controls, n_controls]``, symmetric and positive definite.
        beta: discount factor, from 0 to 1.
        C: ``[n_states, n_shocks]``; shocks w are independent, with mean zero and unit variance. None where there are
            none.
        cross: N ``[n_states, n_controls]``; None for zero.

    Returns:
        The policy and the value; failure is its status.

    Raises:
        ArgumentError: a matrix has another shape.

    Source: Ljungqvist and Sargent (2018), Recursive Macroeconomic Theory, ch. 5.
    """
    A, B, Q, R = (jnp.asarray(x, float) for x in (A, B, Q, R))
    n, m = B.shape if B.ndim == 2 else (len(A), 0)
    N = jnp.zeros((n, m)) if cross is None else jnp.asarray(cross, float)
    C = jnp.zeros((n, 1)) if C is None else jnp.asarray(C, float)
    wanted = {"A": (A, (n, n)), "B": (B, (n, m)), "Q": (Q, (n, n)), "R": (R, (m, m)), "cross": (N, (n, m))}
    for name, (matrix, shape) in (wanted | {"C": (C, (n, *C.shape[1:2]))}).items():
        if matrix.shape != shape or matrix.ndim != 2:
            raise ArgumentError(f"solve_lq: {name} has shape {matrix.shape}, not {shape}")
    return _solve(A, B, Q, R, N, C, jnp.asarray(beta, float))


@jax.jit
def _solve(A: Array, B: Array, Q: Array, R: Array, N: Array, C: Array, beta: Scalar) -> LinearQuadratic:
    ahead = jnp.sqrt(beta)
    on_state = solve_linear(R, N.T)[0]  # u = v - R^-1 N' x has no cross term
    P, status = solve_control_riccati(ahead * (A - B @ on_state), ahead * B, Q - N @ on_state, R)
    F = control_policy(P, ahead * (A - B @ on_state), ahead * B, R) + on_state
    noise = jnp.trace(C.T @ P @ C)
    patient = beta >= 1
    constant = beta / jnp.where(patient, 1.0, 1 - beta) * noise
    constant = jnp.where(patient & (noise > 0), jnp.inf, constant)
    return LinearQuadratic(
        F, P, constant, A - B @ F, jnp.where(jnp.isfinite(P).all(), status, Status.NOT_FINITE)
    )
