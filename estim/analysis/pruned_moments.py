"""The moments of a pruned perturbation of first and second order, in closed form.

With x1 and x2 the states' parts of first and second order, z = (x1, x2, x1 x1') follows a linear law of motion, whose
news are the shocks e, the products x1 e' and the products e e' less their mean. They are uncorrelated over time, and
their covariance follows from that of v = (x1, e), which is normal:

    Cov(v_a v_b, v_c v_d) = W_ac W_bd + W_ad W_bc,        W = E v v'

Source: Andreasen, Fernández-Villaverde and Rubio-Ramírez (2018), Review of Economic Studies 85, sec. 4.
"""

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import ArgumentError, checked
from estim.representations.linear import StateSpace
from estim.representations.pruned import (
    PrunedStateSpace,
    Rule,
    distinct_products,
    first_order_covariance,
    inputs_covariance,
    second_order_mean,
)
from estim.status import Status
from estim.typing import Array


@checked
def pruned_as_linear(solution: PrunedStateSpace) -> StateSpace:
    """The linear state space that has the mean and the autocovariances of a pruned one, whose news are not normal.

    Its Kalman filter takes them as normal: a quasi-likelihood. The state is (z, y), less its mean.

    Args:
        solution: a perturbation of order one or two.

    Raises:
        ArgumentError: it is of third order.
    """
    if solution.order > 2:
        raise ArgumentError(
            "moments in closed form are those of a perturbation of order 1 or 2; simulate this one"
        )
    return _as_linear(solution)


@checked
def risk_adjusted_mean(solution: PrunedStateSpace) -> Array:
    """The unconditional mean of a model's variables ``[n_variables]``, the deterministic steady state and what risk
    adds to it.

    Args:
        solution: a perturbation of order one or two; the third order adds nothing.

    Returns:
        NaN where there is none.
    """
    return _mean(solution, solution.variables)


@checked
def stochastic_steady_state(solution: PrunedStateSpace) -> Array:
    """Where the variables ``[n_variables]`` rest while no shock arrives, although agents reckon with shocks."""
    n, rule = len(solution.states), solution.variables
    if rule.risk is None:
        return rule.level
    motion = solution.motion
    rest = jnp.linalg.solve(jnp.eye(n) - motion.linear[:, :n], 0.5 * motion.risk)
    return rule.level + rule.linear[:, :n] @ rest + 0.5 * rule.risk


@jax.jit
def _mean(solution: PrunedStateSpace, rule: Rule) -> Array:
    cov, status = first_order_covariance(solution)
    mean = rule.level
    if rule.quadratic is not None:
        spread = jnp.tensordot(rule.quadratic, inputs_covariance(solution, cov), 2)
        n = len(solution.states)
        mean = mean + rule.linear[:, :n] @ second_order_mean(solution) + 0.5 * (spread + rule.risk)
    return jnp.where(status == Status.OK, mean, jnp.nan)


@jax.jit
def _as_linear(solution: PrunedStateSpace) -> StateSpace:
    cov, _ = first_order_covariance(solution)
    W = inputs_covariance(solution, cov)
    n, size = len(solution.states), len(W)
    motion = solution.motion
    if solution.order == 1:
        T, R, Q = motion.linear[:, :n], motion.linear[:, n:], solution.shock_cov
        of_state, of_news = solution.measured.linear[:, :n], solution.measured.linear[:, n:]
    else:
        (a, b), times = distinct_products(size, 2)
        old = b < n  # products of states, which the state holds; the others are news
        (i, j), _ = distinct_products(n, 2)
        H = motion.linear
        # x_i x_j = (H v)_i (H v)_j, by the distinct products of v
        product = (H[i][:, a] * H[j][:, b] + H[i][:, b] * H[j][:, a]) * (0.5 * times)[None, :]
        half = lambda rule: 0.5 * rule.quadratic[:, a, b] * times[None, :]
        zero = lambda rows, columns: jnp.zeros((rows, columns))
        squares, news = int(old.sum()), int((~old).sum())
        quadratic = half(motion)
        T = jnp.block(
            [
                [H[:, :n], zero(n, n), zero(n, squares)],
                [zero(n, n), H[:, :n], quadratic[:, old]],
                [zero(squares, 2 * n), product[:, old]],
            ]
        )
        R = jnp.block(
            [
                [H[:, n:], zero(n, news)],
                [zero(n, size - n), quadratic[:, ~old]],
                [zero(squares, size - n), product[:, ~old]],
            ]
        )
        c, d = a[~old], b[~old]
        of_products = W[np.ix_(c, c)] * W[np.ix_(d, d)] + W[np.ix_(c, d)] * W[np.ix_(d, c)]
        Q = jax.scipy.linalg.block_diag(solution.shock_cov, of_products)
        G, seen = solution.measured.linear, half(solution.measured)
        of_state = jnp.concatenate([G[:, :n], G[:, :n], seen[:, old]], axis=1)
        of_news = jnp.concatenate([G[:, n:], seen[:, ~old]], axis=1)
    n_obs, n_z = of_state.shape
    return StateSpace(
        transition=jnp.pad(jnp.concatenate([T, of_state]), ((0, 0), (0, n_obs))),
        selection=jnp.concatenate([R, of_news]),
        state_cov=Q,
        design=jnp.eye(n_obs, n_z + n_obs, n_z),
        obs_intercept=_mean(solution, solution.measured),
        obs_cov=solution.obs_cov,
        status=solution.status,
        obs_trend=solution.obs_trend,
    )
