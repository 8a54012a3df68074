"""Stochastic singularity: observables that are tied to each other, so that they have no joint density.

    y_t = d + sum_h G_h e_{t-h} + u_t,        G(z) = sum_h G_h z^h.

Some combination of present and past observables is known without error if and only if the rows of
[G(z) Q^1/2, H^1/2] are dependent for every z. The minors of that matrix are rational in z: they vanish
everywhere or at single points. So a look at one point tells, where a recursion would divide by what should
be zero, and its rounding errors grow.
"""

import jax
import jax.numpy as jnp

from estim.numerics import covariance_root, eliminate
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.typing import Array, Scalar

SMALLEST_SHARE = 1e-13
"""Observables are tied if some variance, given the others, is a smaller share of what it is by itself.

Rounding leaves some 1e-16 of it. The square root, 3e-7, is the smallest standard deviation of a
measurement error, in units of the observable's own, that is told from zero.
"""

SMALLEST_ROOT = 1e-12
"""The same in standard deviations, where roots of covariances are computed and not covariances."""

_POINT = -0.4179  # inside the circle, where G(z) converges, and a zero of no model in particular


def singular_state_space(state_space: StateSpace, by_roots: bool = False) -> Scalar:
    """Whether the observables of a state space are tied, all of them being seen; ``by_roots`` tells finer."""
    T, R, Q, Z, _, H = jax.lax.stop_gradient(state_space[:6])
    G = eliminate((jnp.eye(T.shape[0]) - _POINT * T).T, Z.T)[0].T @ R  # Z (I - z T)^-1 R
    return (_tied_roots if by_roots else _tied)(G, Q, H)


def singular_moving_average(moving_average: MovingAverage) -> Scalar:
    """The same of a moving average."""
    fixed = jax.lax.stop_gradient(moving_average)
    responses = fixed.impulse_responses
    G = jnp.tensordot(_POINT ** jnp.arange(responses.shape[0]), responses, 1)
    return _tied(G, fixed.shock_cov, fixed.obs_cov)


def _tied(G: Array, Q: Array, H: Array) -> Scalar:
    """Is some variance, given those before, too small? The pivots of a failed Cholesky factor are NaN."""
    covariance = G @ Q @ G.T + H
    pivots = jnp.diagonal(jnp.linalg.cholesky(covariance, symmetrize_input=False))
    return ~jnp.all(pivots * pivots > SMALLEST_SHARE * jnp.diagonal(covariance))


def _tied_roots(G: Array, Q: Array, H: Array) -> Scalar:
    rows = jnp.concatenate([G @ covariance_root(Q), covariance_root(H)], axis=1)
    pivots = jnp.diagonal(jnp.linalg.qr(rows.T, mode="r"))
    return ~jnp.all(jnp.abs(pivots) > SMALLEST_ROOT * jnp.linalg.norm(rows, axis=1))
