"""The Riccati equation of optimal control, by structured doubling, with its implicit derivative.

    P = r(P) = Q + A' P A - A' P B (R + B' P B)^-1 B' P A

With G = B R^-1 B' and H = Q, a doubling joins a stretch of 2^k periods to itself:

    A <- A W A,   G <- G + A W G A',   H <- H + A' H W A,      W = (I + G H)^-1,

and H converges to P quadratically (Anderson 1978, International Journal of Control 28; Chu, Fan, Lin and Wang 2004,
ibid. 77). A change of P and of the arguments obeys dP = (A - B F)' dP (A - B F) + dr, with dr the change of r at the
same P: as long as the policy F is optimal, its own change does not matter.
"""

import jax
import jax.numpy as jnp
import numpy as np

from estim.numerics.linear import solve_linear
from estim.numerics.sylvester import double, finite_or_diverging, solve_sylvester, status_of
from estim.status import Status
from estim.typing import Array, Scalar


@jax.custom_jvp
@jax.jit
def solve_control_riccati(A: Array, B: Array, Q: Array, R: Array) -> tuple[Array, Scalar]:
    """The P of the least cost x' P x, and its `Status`.

    Args:
        A: ``[n, n]``, state on state; a discount factor beta enters as the root of beta times A, and times B.
        B: ``[n, m]``, state on control.
        Q: ``[n, n]``, cost of states, symmetric and positive semidefinite.
        R: ``[m, m]``, cost of controls, symmetric and positive definite.

    Returns:
        P ``[n, n]`` and OK, or zeros and NOT_CONVERGED where no control keeps the cost finite, SINGULAR where R is
        singular.
    """
    weighted, regular = solve_linear(R, B.T)
    G = B @ weighted
    eye = jnp.eye(len(A))

    def join(powers, H):
        A, G = powers
        W_AG, _ = solve_linear(eye + G @ H, jnp.concatenate([A, G], axis=1))
        W_A, W_G = W_AG[:, : len(A)], W_AG[:, len(A) :]
        return (A @ W_A, _symmetric(G + A @ W_G @ A.T)), _symmetric(A.T @ H @ W_A)

    P = double(join, (finite_or_diverging(A), G), Q)
    P = jnp.where(regular, P, 0.0)
    return P, jnp.where(regular, status_of(P, Q), Status.SINGULAR)


@solve_control_riccati.defjvp
def _riccati_jvp(primals, tangents):
    P, status = solve_control_riccati(*primals)
    A, B, _, R = primals
    moved = jax.jvp(lambda *given: _one_period(P, *given), primals, tangents)[1]
    closed = A - B @ control_policy(P, A, B, R)
    closed, moved = (jnp.where(status == Status.OK, x, 0.0) for x in (closed, moved))
    d_P, _ = solve_sylvester(closed.T, closed, moved)
    return (P, status), (d_P, np.zeros(status.shape, jax.dtypes.float0))


def _one_period(P: Array, A: Array, B: Array, Q: Array, R: Array) -> Array:
    return Q + A.T @ P @ (A - B @ control_policy(P, A, B, R))


def control_policy(P: Array, A: Array, B: Array, R: Array) -> Array:
    """F ``[m, n]`` of the best control u = -F x where what is left costs x' P x."""
    return solve_linear(R + B.T @ P @ B, B.T @ P @ A)[0]


def _symmetric(matrix: Array) -> Array:
    return 0.5 * (matrix + matrix.T)
