"""A pruned perturbation of second order as a linear law of motion of its states and their products.

With x1 and x2 the states' parts of first and second order, z = (x1, x2, x1 x1') follows

    z_t = c + T z_{t-1} + R n_t,    y_t = d + C z_{t-1} + D n_t,    n_t = (e, x1 e', e e' less its mean),

where x1 is that of t - 1. The news n_t have mean zero given the past, and are not normal. Their covariance follows from
that of v = (x1, e): by Gauss's moments

    Cov(v_a v_b, v_c v_d) = W_ac W_bd + W_ad W_bc,    Cov(e_b, x1_a e_c) = E x1_a W_bc,    W = E v v'.

Of products, as of symmetric matrices, each distinct one stands there once.

Source: Andreasen, Fernández-Villaverde and Rubio-Ramírez (2018), Review of Economic Studies 85, sec. 4.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from estim.representations.pruned import PrunedStateSpace, distinct_products, inputs_covariance
from estim.typing import Array


class Augmented(NamedTuple):
    """Shapes: ``constant`` c ``[n_z]``, ``transition`` T ``[n_z, n_z]``, ``selection`` R ``[n_z, n_news]``, ``level`` d
    ``[n_obs]``, ``measured`` C ``[n_obs, n_z]``, ``measured_news`` D ``[n_obs, n_news]``, ``shock_cov``."""

    constant: Array
    transition: Array
    selection: Array
    level: Array
    measured: Array
    measured_news: Array
    shock_cov: Array

    def news_cov(self, mean: Array, second_moment: Array) -> Array:
        """Covariance of the news ``[n_news, n_news]``, given E x1 ``[n]`` and E x1 x1' ``[n, n]``."""
        Q, n = self.shock_cov, len(mean)
        e = len(Q)
        if self.selection.shape[1] == e:
            return Q
        W = jnp.block([[second_moment, jnp.zeros((n, e))], [jnp.zeros((e, n)), Q]])
        a, b = news_products(n, e)
        products = W[np.ix_(a, a)] * W[np.ix_(b, b)] + W[np.ix_(a, b)] * W[np.ix_(b, a)]
        cross = Q[:, b - n] * jnp.concatenate([mean, jnp.zeros(e)])[a][None, :]
        return jnp.block([[Q, cross], [cross.T, products]])


def news_products(n: int, e: int) -> tuple[np.ndarray, np.ndarray]:
    """The coordinates (a, b) of the products of v that are news: b is a shock."""
    (a, b), _ = distinct_products(n + e, 2)
    return a[b >= n], b[b >= n]


def augmented(solution: PrunedStateSpace) -> Augmented:
    """The law of motion of a perturbation of order one, then z = x1, or two."""
    motion, seen, n = solution.motion, solution.measured, len(solution.states)
    H, G, Q = motion.linear, seen.linear, solution.shock_cov
    e = len(Q)
    if solution.order == 1:
        return Augmented(jnp.zeros(n), H[:, :n], H[:, n:], seen.level, G[:, :n], G[:, n:], Q)
    (a, b), times = distinct_products(n + e, 2)
    (i, j), _ = distinct_products(n, 2)
    old = b < n  # products of states, which z holds; the others are news
    # x_i x_j = (H v)_i (H v)_j, by the distinct products of v
    product = (H[i][:, a] * H[j][:, b] + H[i][:, b] * H[j][:, a]) * (0.5 * times)[None, :]
    half = lambda rule: 0.5 * rule.quadratic[:, a, b] * times[None, :]
    bend, curve = half(motion), half(seen)
    zero = lambda rows, columns: jnp.zeros((rows, columns))
    squares, news = int(old.sum()), int((~old).sum())
    T = jnp.block(
        [
            [H[:, :n], zero(n, n + squares)],
            [zero(n, n), H[:, :n], bend[:, old]],
            [zero(squares, 2 * n), product[:, old]],
        ]
    )
    R = jnp.block(
        [[H[:, n:], zero(n, news)], [zero(n, e), bend[:, ~old]], [zero(squares, e), product[:, ~old]]]
    )
    mean = inputs_covariance(solution, jnp.zeros((n, n)))[a[~old], b[~old]]
    return Augmented(
        constant=R[:, e:] @ mean + jnp.concatenate([jnp.zeros(n), 0.5 * motion.risk, jnp.zeros(squares)]),
        transition=T,
        selection=R,
        level=seen.level + 0.5 * seen.risk + curve[:, ~old] @ mean,
        measured=jnp.concatenate([G[:, :n], G[:, :n], curve[:, old]], axis=1),
        measured_news=jnp.concatenate([G[:, n:], curve[:, ~old]], axis=1),
        shock_cov=Q,
    )
