"""The moments of a pruned perturbation of first and second order, in closed form.

The states, their second-order parts and the products of the former follow a linear law of motion, whose news are
uncorrelated over time: see `estim.representations.augmented`. Of third order: `estim.analysis.third_order_moments`.

Source: Andreasen, Fernández-Villaverde and Rubio-Ramírez (2018), Review of Economic Studies 85, sec. 4.
"""

import jax
import jax.numpy as jnp

from estim.analysis.third_order_moments import third_order_as_linear
from estim.arguments import checked
from estim.representations.augmented import augmented
from estim.representations.linear import StateSpace
from estim.representations.pruned import (
    PrunedStateSpace,
    Rule,
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
        solution: a perturbation.
    """
    return third_order_as_linear(solution) if solution.order == 3 else _as_linear(solution)


@checked
def risk_adjusted_mean(solution: PrunedStateSpace) -> Array:
    """The unconditional mean of a model's variables ``[n_variables]``, the deterministic steady state and what risk
    adds to it.

    Args:
        solution: a perturbation; the third order adds nothing.

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
    law = augmented(solution)
    n_obs, n_z = law.measured.shape
    return StateSpace(
        transition=jnp.pad(jnp.concatenate([law.transition, law.measured]), ((0, 0), (0, n_obs))),
        selection=jnp.concatenate([law.selection, law.measured_news]),
        state_cov=law.news_cov(jnp.zeros(len(cov)), cov),
        design=jnp.eye(n_obs, n_z + n_obs, n_z),
        obs_intercept=_mean(solution, solution.measured),
        obs_cov=solution.obs_cov,
        status=solution.status,
        obs_trend=solution.obs_trend,
    )
