"""Every form of the linear Gaussian likelihood against a textbook filter and the joint normal density."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import estim  # noqa: F401
from estim.likelihood.kalman import kalman_loglikelihood
from estim.likelihood.start import Gaussian, stationary_start
from estim.solve.representations import StateSpace
from estim.status import Status


def random_state_space(seed, n_states=4, n_shocks=3, n_obs=2, measurement_error=True):
    rng = np.random.default_rng(seed)
    transition = rng.normal(size=(n_states, n_states))
    transition *= 0.9 / np.abs(np.linalg.eigvals(transition)).max()
    root = rng.normal(size=(n_shocks, n_shocks))
    noise = 0.3 * rng.normal(size=(n_obs, n_obs)) * measurement_error
    return StateSpace(
        transition=jnp.array(transition),
        selection=jnp.array(rng.normal(size=(n_states, n_shocks))),
        state_cov=jnp.array(root @ root.T),
        design=jnp.array(rng.normal(size=(n_obs, n_states))),
        obs_intercept=jnp.array(rng.normal(size=n_obs)),
        obs_cov=jnp.array(noise @ noise.T),
        status=jnp.array(Status.OK),
    )


def random_observations(seed, n_periods=12, n_obs=2, missing=0.0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n_periods, n_obs))
    return np.where(rng.random(y.shape) < missing, np.nan, y)


def joint_normal_logdensity(state_space, y, mean, cov):
    """y stacked over time is one normal vector: its moments by hand, its density by SciPy."""
    T, R, Q, Z, d, H = (np.asarray(x) for x in state_space[:6])
    n_periods = y.shape[0]
    means, covs = [np.asarray(mean)], {}
    state_cov = np.asarray(cov)
    for t in range(n_periods):
        covs[t, t] = state_cov
        for h in range(1, n_periods - t):
            covs[t + h, t] = T @ covs[t + h - 1, t]
            covs[t, t + h] = covs[t + h, t].T
        state_cov = T @ state_cov @ T.T + R @ Q @ R.T
        means.append(T @ means[-1])
    big = np.block([[covs[s, t] for t in range(n_periods)] for s in range(n_periods)])
    big_Z = np.kron(np.eye(n_periods), Z)
    mean_y = big_Z @ np.concatenate(means[:n_periods]) + np.tile(d, n_periods)
    cov_y = big_Z @ big @ big_Z.T + np.kron(np.eye(n_periods), H)
    seen = ~np.isnan(y.ravel())
    return multivariate_normal.logpdf(y.ravel()[seen], mean_y[seen], cov_y[np.ix_(seen, seen)])


METHODS = ["standard", "chandrasekhar"]
TAKES_GAPS = ["standard"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(3))
def test_loglikelihood_is_the_joint_normal_density(seed, method):
    state_space, y = random_state_space(seed), random_observations(seed)
    first = stationary_start(state_space)
    expected = joint_normal_logdensity(state_space, y, first.mean, first.cov)
    np.testing.assert_allclose(kalman_loglikelihood(state_space, y, method=method), expected, rtol=1e-10)


@pytest.mark.parametrize("method", TAKES_GAPS)
def test_missing_numbers_are_integrated_out(method):
    state_space, y = random_state_space(0), random_observations(0, missing=0.3)
    first = stationary_start(state_space)
    expected = joint_normal_logdensity(state_space, y, first.mean, first.cov)
    np.testing.assert_allclose(kalman_loglikelihood(state_space, y, method=method), expected, rtol=1e-10)


def loglikelihood_along_a_line(y, method):
    """Every matrix moves with one scalar; Q and H stay symmetric."""
    state_space = random_state_space(3)
    keys = jax.random.split(jax.random.key(0), 6)
    directions = [0.1 * jax.random.normal(k, x.shape) for k, x in zip(keys, state_space[:6], strict=True)]

    def loglikelihood(step):
        T, R, Q, Z, d, H = (x + step * e for x, e in zip(state_space[:6], directions, strict=True))
        moved = StateSpace(T, R, (Q + Q.T) / 2, Z, d, H @ H.T, state_space.status)
        return kalman_loglikelihood(moved, y, method=method, presample=2)

    return loglikelihood


@pytest.mark.parametrize("method", METHODS)
def test_gradient_and_curvature_are_those_of_finite_differences(method):
    f = loglikelihood_along_a_line(random_observations(3), method)
    h = 1e-4
    np.testing.assert_allclose(jax.grad(f)(0.0), (f(h) - f(-h)) / (2 * h), rtol=1e-6)
    gradient = jax.grad(f)
    np.testing.assert_allclose(
        jax.jvp(gradient, (0.0,), (1.0,))[1], (gradient(h) - gradient(-h)) / (2 * h), rtol=1e-6
    )


def test_user_given_start():
    state_space, y = random_state_space(5), random_observations(5)
    first = Gaussian(jnp.arange(4.0), 2.0 * jnp.eye(4))
    expected = joint_normal_logdensity(state_space, y, first.mean, first.cov)
    np.testing.assert_allclose(kalman_loglikelihood(state_space, y, start=first), expected, rtol=1e-11)


BROKEN = {
    "bad status": lambda s: s._replace(status=jnp.array(Status.INDETERMINATE)),
    "NaN": lambda s: s._replace(transition=s.transition * jnp.nan),
    "explosive": lambda s: s._replace(transition=1.5 * s.transition),
    "negative variance": lambda s: s._replace(obs_cov=-100.0 * jnp.eye(2)),
    "singular": lambda s: s._replace(design=jnp.zeros((2, 4)), obs_cov=jnp.zeros((2, 2))),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", BROKEN)
def test_unusable_models_have_no_likelihood_and_a_zero_gradient(name, method):
    state_space, y = BROKEN[name](random_state_space(1)), random_observations(1)
    value, gradient = jax.value_and_grad(
        lambda T: kalman_loglikelihood(state_space._replace(transition=T), y, method=method)
    )(state_space.transition)
    assert value == -jnp.inf
    np.testing.assert_array_equal(gradient, 0.0)
