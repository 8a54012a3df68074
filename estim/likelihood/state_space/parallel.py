"""The Kalman filter by an associative scan: all periods at once, in a logarithmic number of steps.

On a GPU this is what a long sample wants; on a few cores the sequential filters win.

Source: Särkkä and García-Fernández (2021), "Temporal Parallelization of Bayesian Smoothers",
IEEE Transactions on Automatic Control 66, equations (12) to (17).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.likelihood.state_space.filtering import first_variances, leave_out_missing, predict, update
from estim.likelihood.state_space.start import Gaussian
from estim.representations.linear import StateSpace
from estim.typing import Array


class _Element(NamedTuple):
    """p(s_t | y_t, s_{t-1}) = N(A s_{t-1} + b, C), and p(y_t | s_{t-1}) in information form (eta, J)."""

    A: Array
    b: Array
    C: Array
    eta: Array
    J: Array


def parallel_logdensities(state_space: StateSpace, observations: Array, start: Gaussian) -> Array:
    """ln p(y_t | y_1 .. y_{t-1}) for each period ``[n_periods]``; NaN in y ``[n_periods, n_obs]`` is missing.

    Z R Q R' Z' + H must be regular: no observable may be known given the last state.
    """
    T, R, Q, Z, d, H = state_space[:6]
    shock_cov = R @ Q @ R.T

    def element(y: Array) -> _Element:
        v, Zy, Hy, _ = leave_out_missing(y - d, Z, H)
        cholesky = jsl.cho_factor(Zy @ shock_cov @ Zy.T + Hy)
        K = jsl.cho_solve(cholesky, Zy @ shock_cov).T
        ZT = Zy @ T
        weighted = jsl.cho_solve(cholesky, ZT).T  # T' Z' S^-1
        return _Element(T - K @ ZT, K @ v, shock_cov - K @ Zy @ shock_cov, weighted @ v, weighted @ ZT)

    first, _ = update(start, observations[0], Z, d, H)
    nothing = jnp.zeros_like(T)
    elements = jax.vmap(element)(observations[1:])
    head = _Element(nothing, first.mean, first.cov, jnp.zeros_like(first.mean), nothing)
    elements = jax.tree.map(lambda h, rest: jnp.concatenate([h[None], rest]), head, elements)
    joined = jax.lax.associative_scan(jax.vmap(_join), elements)
    predicted = jax.vmap(lambda mean, cov: predict(Gaussian(mean, cov), T, shock_cov))(
        joined.b[:-1], joined.C[:-1]
    )
    predicted = jax.tree.map(lambda one, rest: jnp.concatenate([one[None], rest]), start, predicted)
    scale = first_variances(state_space, start)
    return jax.vmap(lambda state, y: update(state, y, Z, d, H, scale)[1])(predicted, observations)


def _join(before: _Element, after: _Element) -> _Element:
    """The element of a stretch of time and the one that follows it."""
    A, b, C, eta, J = before
    n = C.shape[0]
    # (I + C J)^-1 [A, b + C eta, C]
    M = jnp.linalg.solve(
        jnp.eye(n) + C @ after.J, jnp.concatenate([A, (b + C @ after.eta)[:, None], C], axis=1)
    )
    A_M, b_M, C_M = M[:, :n], M[:, n], M[:, n + 1 :]
    return _Element(
        A=after.A @ A_M,
        b=after.A @ b_M + after.b,
        C=after.A @ C_M @ after.A.T + after.C,
        # A' (I + J C)^-1 = ((I + C J)^-1 A)'
        eta=A_M.T @ (after.eta - after.J @ b) + eta,
        J=A_M.T @ after.J @ A + J,
    )
