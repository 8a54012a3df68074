"""A state space written as a moving average of five dates and a tail is still that state space."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_gaussian import random_observations, random_state_space

import estim  # noqa: F401
from estim.analysis.historical_decomposition import historical_decomposition
from estim.analysis.impulse_responses import impulse_responses
from estim.analysis.moments import theoretical_moments
from estim.analysis.variance_decomposition import variance_decomposition
from estim.likelihood.moving_average.toeplitz import autocovariances, toeplitz_loglikelihood
from estim.likelihood.moving_average.whittle import whittle_loglikelihood
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.representations.moving_average import MovingAverage, Tail
from estim.solution.simulate import simulate

HORIZON = 5
STATES = random_state_space(4)
Y = random_observations(4, 40)


def moving_average(states, horizon=HORIZON, tail=True):
    T, R, Q, Z, d, H, status, trend = states[:8]
    powers = [jnp.linalg.matrix_power(T, h) for h in range(horizon + 1)]
    responses = jnp.stack([Z @ power @ R for power in powers[:-1]])
    return MovingAverage(responses, Q, d, H, status, trend, Tail(Z @ powers[-1], T, R) if tail else None)


MA = moving_average(STATES)


@pytest.mark.parametrize("num_lags", [1, 3, 5, 6, 30])
def test_autocovariances(num_lags):
    want = theoretical_moments(STATES, 29).autocovariance.at[0].add(-STATES.obs_cov)[:num_lags]
    np.testing.assert_allclose(autocovariances(MA, num_lags), want, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("method", "missing"), [("lattice", 0.0), ("cholesky", 0.2)])
def test_loglikelihood(method, missing):
    y = random_observations(4, 40, missing=missing)
    want = kalman_loglikelihood(STATES, y, method="standard")
    np.testing.assert_allclose(toeplitz_loglikelihood(MA, y, method=method), want, rtol=1e-9)


def test_gradient():
    """In the root of the law of motion, from which everything follows."""

    def scaled(loglikelihood, write=lambda s: s):
        along = lambda t: loglikelihood(write(STATES._replace(transition=t * STATES.transition)), Y)
        return jax.jit(jax.grad(along))(1.0)

    want = scaled(lambda s, y: kalman_loglikelihood(s, y, method="standard"))
    np.testing.assert_allclose(scaled(toeplitz_loglikelihood, moving_average), want, rtol=1e-8)


def test_whittle():
    """Against so many dates that nothing is left of the tail."""
    np.testing.assert_allclose(
        whittle_loglikelihood(MA, Y),
        whittle_loglikelihood(moving_average(STATES, 400, tail=False), Y),
        rtol=1e-9,
    )


@pytest.mark.parametrize("horizon", [3, 5, 6, 20])
def test_impulse_responses(horizon):
    states = STATES._replace(state_cov=jnp.diag(jnp.array([1.0, 0.5, 2.0])))
    np.testing.assert_allclose(
        impulse_responses(moving_average(states), horizon),
        impulse_responses(states, 20)[:horizon],
        atol=1e-12,
    )


def test_decompositions():
    horizons = (2, 12, float("inf"))
    np.testing.assert_allclose(
        variance_decomposition(MA, horizons), variance_decomposition(STATES, horizons), atol=1e-10
    )
    cut = moving_average(STATES, 400, tail=False)
    for ours, want in zip(historical_decomposition(MA, Y), historical_decomposition(cut, Y), strict=True):
        np.testing.assert_allclose(ours, want, atol=1e-9)


def test_simulated_data_have_its_autocovariances(rng_key):
    """Within five standard errors of 20,000 samples of four periods."""
    keys = jax.random.split(rng_key, 20_000)
    y = np.asarray(jax.vmap(lambda key: simulate(MA, key, 4))(keys)) - np.asarray(STATES.obs_intercept)
    want = np.asarray(theoretical_moments(STATES, 29).autocovariance)
    for k in range(4):
        found = np.einsum("ni,nj->ij", y[:, k], y[:, 0]) / len(y)
        sd = np.sqrt((np.outer(np.diag(want[0]), np.diag(want[0])) + want[k] ** 2) / len(y))
        assert (np.abs(found - want[k]) < 5 * sd).all()
