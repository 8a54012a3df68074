"""The marginal likelihood of a DSGE-VAR against one-step predictions with a conjugate prior, and its limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_gaussian import joint_normal, random_observations, random_state_space
from scipy.stats import multivariate_t

import estim
from estim.arguments import ArgumentError
from estim.status import Status
from estim.tables import DataError

LAGS, PERIODS = 2, 14


def moments_by_hand(space, constant):
    """Of (y_t, y_{t-1}, .., 1) from the joint distribution of all observations."""
    joint, n = joint_normal(space, LAGS + 1), space.design.shape[0]
    at = np.arange(len(joint.mean) - n * (LAGS + 1), len(joint.mean))
    order = np.concatenate([at[t * n : (t + 1) * n] for t in range(LAGS, -1, -1)])
    mean, second = joint.mean[order], joint.cov[np.ix_(order, order)]
    if not constant:
        return second
    mean = np.append(mean, 1.0)
    return np.pad(second, (0, 1)) + np.outer(mean, mean)


def predicted(space, y, weight, constant):
    """The sum of the log-densities of one-step predictions, each a multivariate t, the prior updated after each."""
    n, T = y.shape[1], len(y) - LAGS
    A = weight * T * moments_by_hand(space, constant)
    v = weight * T - (len(A) - n)
    total = 0.0
    for t in range(LAGS, len(y)):
        x = np.concatenate([*(y[t - lag] for lag in range(1, LAGS + 1)), np.ones(int(constant))])
        V = np.linalg.inv(A[n:, n:])
        Phi = V @ A[n:, :n]
        S = A[:n, :n] - A[:n, n:] @ Phi
        scale = S * (1 + x @ V @ x) / (v - n + 1)
        total += multivariate_t.logpdf(y[t], x @ Phi, scale, df=v - n + 1)
        z = np.concatenate([y[t], x])
        A, v = A + np.outer(z, z), v + 1
    return total


@pytest.mark.parametrize("constant", [True, False])
def test_the_product_of_one_step_predictions(constant):
    space, y = random_state_space(3), random_observations(3, PERIODS)
    for weight in (0.8, 3.0):
        row, data = estim.DSGEVAR(lags=LAGS, weight=weight, constant=constant).for_data(y)
        found, status = row.loglikelihood(space, data)
        np.testing.assert_allclose(found, predicted(space, y, weight, constant), rtol=1e-9)
        assert int(status) == Status.OK


def test_the_gradient_in_the_weight_and_failures_as_values():
    space, y = random_state_space(3), random_observations(3, PERIODS)
    row, data = estim.DSGEVAR(lags=LAGS, weight="lam").for_data(y)
    value = jax.jit(lambda lam: row.loglikelihood(space, data, lam).value)
    numerical = (value(1.501) - value(1.499)) / 0.002
    np.testing.assert_allclose(jax.grad(value)(1.5), numerical, rtol=1e-5)
    low, status = row.loglikelihood(space, data, 0.1)
    assert low == -jnp.inf and int(status) == Status.OUT_OF_SUPPORT
    assert jax.grad(value)(0.1) == 0
    unit = space._replace(transition=jnp.eye(4))
    assert int(row.loglikelihood(unit, data, 1.0).status) == Status.NO_STATIONARY_START


def test_settings_and_data_are_checked():
    y = random_observations(3, PERIODS)
    with pytest.raises(ArgumentError, match="weight must be above zero"):
        estim.DSGEVAR(weight=0.0)
    with pytest.raises(ArgumentError, match=r"weight=0.1: the prior is proper from 0.5833 on"):
        estim.DSGEVAR(lags=LAGS, weight=0.1).for_data(y)
    with pytest.raises(ArgumentError, match="14 periods of 2 series are too few, it takes 18"):
        estim.DSGEVAR(lags=5, weight=1.0).for_data(y)
    with pytest.raises(DataError, match="without gaps"):
        estim.DSGEVAR(lags=LAGS, weight=1.0).for_data(np.where(y > 2, np.nan, y) * np.nan)
    with pytest.raises(ArgumentError, match="is the parameter 'lam'"):
        estim.DSGEVAR(lags=LAGS, weight="lam").loglikelihood(random_state_space(3), jnp.asarray(y))
