"""Each analysis against brute force."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_gaussian import joint_normal, random_observations, random_state_space
from scipy.stats import norm

import estim  # noqa: F401
from estim.analysis import (
    bands,
    forecast,
    historical_decomposition,
    impulse_responses,
    local_identification,
    model_probabilities,
    modified_harmonic_mean,
    over_draws,
    predictive_quantiles,
    predictive_statistics,
    sample_forecast,
    sample_moments,
    smooth,
    theoretical_moments,
    variance_decomposition,
)
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.status import Status


def stacked(*state_spaces):
    return jax.tree.map(lambda *x: jnp.stack(x), *state_spaces)


def test_impulse_responses_are_those_of_the_recursion():
    s = random_state_space(0)
    responses = impulse_responses(s, 5)
    root = np.linalg.cholesky(s.state_cov)
    for j in range(3):
        state = s.selection @ root[:, j]
        for h in range(5):
            np.testing.assert_allclose(responses[h, :, j], s.design @ state, rtol=1e-12, atol=1e-12)
            state = s.transition @ state
    T, R, Q, Z, d, H, status, _ = s[:8]
    powers = jnp.stack([Z @ jnp.linalg.matrix_power(T, h) @ R for h in range(8)])
    np.testing.assert_allclose(
        impulse_responses(MovingAverage(powers, Q, d, H, status), 5), responses, rtol=1e-12, atol=1e-12
    )


def test_a_shock_without_variance_moves_nothing():
    s = random_state_space(0)._replace(state_cov=jnp.diag(jnp.array([1.0, 0.0, 4.0])))
    responses = impulse_responses(s, 3)
    np.testing.assert_array_equal(responses[:, :, 1], 0.0)
    np.testing.assert_allclose(responses[0, :, 2], 2 * s.design @ s.selection[:, 2], rtol=1e-12)


def test_variance_decomposition_adds_up_to_the_forecast_error_variance():
    s = random_state_space(1)
    shares = variance_decomposition(s, (1, 4, float("inf")))
    np.testing.assert_allclose(shares.sum(axis=2), 1.0, rtol=1e-12)
    # the error of forecasting y_4 from a known s_0: its covariance by the joint normal with s_1 = R e_1
    first = s.selection @ s.state_cov @ s.selection.T
    joint = joint_normal(s, 4, np.zeros(4), first)
    variance = np.diag(joint.cov)[-2:]
    responses = impulse_responses(s, 4) ** 2
    np.testing.assert_allclose(shares[1, :, :3], responses.sum(0) / variance[:, None], rtol=1e-10)
    unconditional = np.diag(joint_normal(s, 1).cov)[-2:]
    np.testing.assert_allclose(shares[2, :, 3], np.diag(s.obs_cov) / unconditional, rtol=1e-9)


def test_historical_decomposition_adds_up_and_each_part_is_what_its_shock_did():
    s, y = random_state_space(2), random_observations(2, 10, missing=0.2)
    parts = historical_decomposition(s, jnp.asarray(y))
    total = parts.shocks.sum(axis=2) + parts.initial + parts.measurement_error
    seen = ~np.isnan(y)
    np.testing.assert_allclose(total[seen], (y - np.asarray(s.obs_intercept))[seen], atol=1e-10)
    shocks = smooth(s, jnp.asarray(y)).shocks.mean
    for j in range(3):
        by_hand = np.zeros((10, 2))
        for t in range(10):
            for h in range(t + 1):
                power = np.linalg.matrix_power(s.transition, h)
                by_hand[t] += s.design @ power @ s.selection[:, j] * shocks[t - h, j]
        np.testing.assert_allclose(parts.shocks[:, :, j], by_hand, atol=1e-10)


def test_a_moving_average_is_decomposed_as_its_state_space_is():
    """...when the state space has a long past without observations, so that every shock was seen to arise."""
    s = random_state_space(2)
    s = s._replace(state_cov=jnp.diag(jnp.array([1.0, 0.5, 2.0])))
    responses = impulse_responses(s._replace(state_cov=jnp.eye(3)), 300)
    moving_average = MovingAverage(responses, s.state_cov, s.obs_intercept, s.obs_cov, s.status)
    y = random_observations(2, 10, missing=0.2)
    parts = historical_decomposition(moving_average, jnp.asarray(y))
    before = np.full((200, y.shape[1]), np.nan)
    longer = historical_decomposition(s, jnp.asarray(np.concatenate([before, y])))
    np.testing.assert_allclose(parts.shocks, longer.shocks[200:], atol=1e-9)
    np.testing.assert_allclose(parts.measurement_error, longer.measurement_error[200:], atol=1e-9)
    np.testing.assert_allclose(
        variance_decomposition(moving_average, (1, 4, float("inf"))),
        variance_decomposition(s, (1, 4, float("inf"))),
        atol=1e-9,
    )


def test_theoretical_moments_are_those_of_the_joint_distribution():
    s = random_state_space(3)
    moments = theoretical_moments(s, 3)
    joint = joint_normal(s, 4)
    cov = joint.cov[-8:, -8:].reshape(4, 2, 4, 2)
    for k in range(4):
        np.testing.assert_allclose(moments.autocovariance[k], cov[k, :, 0, :], rtol=1e-9)
    sd = np.sqrt(np.diag(cov[0, :, 0, :]))
    np.testing.assert_allclose(moments.sd, sd, rtol=1e-9)
    np.testing.assert_allclose(moments.autocorrelation[1], cov[1, :, 0, :] / np.outer(sd, sd), rtol=1e-9)


def test_sample_moments_use_the_pairs_that_are_there():
    y = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 0.0], [2.0, 4.0]])
    moments = sample_moments(y, 1)
    np.testing.assert_allclose(moments.mean, [2.75, 2.0])
    a, b = y[:, 0] - 2.75, y[:, 1] - 2.0
    np.testing.assert_allclose(moments.autocovariance[0, 0, 1], (a[0] * b[0] + a[2] * b[2] + a[3] * b[3]) / 3)
    np.testing.assert_allclose(moments.autocovariance[1, 0, 1], (a[1] * b[0] + a[3] * b[2]) / 2)
    np.testing.assert_allclose(moments.autocovariance[1, 1, 0], (b[2] * a[1] + b[3] * a[2]) / 2)


PATHS = {"free": np.full((3, 2), np.nan), "first series given": np.array([[0.5, np.nan]] * 3)}


def conditional(s, y, path):
    """Moments of the future observables by adding a copy of them to the joint distribution."""
    joint = joint_normal(s, len(y) + 3)
    n = sum(joint.sizes[:2])
    data = np.concatenate([y, path]).ravel()
    seen, future = np.flatnonzero(~np.isnan(data)), np.arange(2 * len(y), len(data))
    mean, cov = joint.mean[n:], joint.cov[n:, n:]
    gain = np.linalg.solve(cov[np.ix_(seen, seen)], cov[np.ix_(seen, future)]).T
    mean = mean[future] + gain @ (data[seen] - mean[seen])
    return mean, cov[np.ix_(future, future)] - gain @ cov[np.ix_(seen, future)]


@pytest.mark.parametrize("name", PATHS)
def test_forecasts_are_conditional_moments(name):
    s, y, path = random_state_space(4), random_observations(4, 10, missing=0.2), PATHS[name]
    mean, cov = conditional(s, y, path)
    result = forecast(s, jnp.asarray(y), jnp.asarray(path))
    np.testing.assert_allclose(result.mean.ravel(), mean, atol=1e-9)
    for h in range(3):
        np.testing.assert_allclose(result.cov[h], cov[2 * h : 2 * h + 2, 2 * h : 2 * h + 2], atol=1e-9)


def test_drawn_paths_have_the_moments_of_the_forecast(rng_key):
    s, y, path = random_state_space(4), random_observations(4, 10), PATHS["first series given"]
    keys = jax.random.split(rng_key, 2000)
    draws = jax.vmap(lambda key: sample_forecast(key, s, jnp.asarray(y), jnp.asarray(path)))(keys)
    expected = forecast(s, jnp.asarray(y), jnp.asarray(path))
    np.testing.assert_array_equal(draws[:, :, 0], 0.5)
    sd = np.sqrt(expected.cov[:, 1, 1])
    error = np.abs(draws[:, :, 1].mean(axis=0) - expected.mean[:, 1]) / sd
    assert error.max() < 5 / np.sqrt(2000)
    assert np.abs(draws[:, :, 1].std(axis=0) / sd - 1).max() < 5 / np.sqrt(2 * 2000)


def test_draws_without_a_solution_are_left_out():
    good, bad = random_state_space(0), random_state_space(1)._replace(status=jnp.array(Status.EXPLOSIVE))
    draws = over_draws(lambda s: impulse_responses(s, 2), stacked(good, bad, good))
    assert np.isnan(draws[1]).all()
    np.testing.assert_allclose(bands(draws, (0.5,))[0], impulse_responses(good, 2), rtol=1e-12)


def test_predictive_quantiles_of_data_from_the_model_itself(rng_key):
    s, y = random_state_space(5), random_observations(5, 20, missing=0.1)
    batch = stacked(*[s] * 200)
    statistics = predictive_statistics(rng_key, batch, lambda y: sample_moments(y, 0).mean, y)
    assert statistics.shape == (200, 2)
    quantiles = predictive_quantiles(statistics, theoretical_moments(s, 3).mean)
    assert np.abs(quantiles - 0.5).max() < 5 * 0.5 / np.sqrt(200)
    np.testing.assert_array_equal(predictive_quantiles(statistics, statistics.max(0) + 1), 1.0)


def ar1(persistence, scale, intercept):
    """y_t - d = rho (y_{t-1} - d) + sigma e_t."""
    one = jnp.ones((1, 1))
    return StateSpace(
        persistence * one, scale * one, one, one, intercept * one[0], 0 * one, jnp.array(Status.OK)
    )


def test_identification_tells_what_the_moments_cannot():
    whole = local_identification(
        lambda p: ar1(p["rho"], p["sigma"], p["d"]), {"rho": 0.7, "sigma": 1.5, "d": 2.0}
    )
    assert whole.rank == 3
    product = local_identification(
        lambda p: ar1(p["a"] * p["b"], p["sigma"], 1.0), {"a": 0.8, "b": 0.5, "sigma": 1.5}
    )
    assert product.rank == 2
    # a may rise if b falls in proportion: columns are scaled, so the direction is (1, -1, 0) / sqrt 2
    np.testing.assert_allclose(np.abs(product.directions[-1]), [0.5**0.5, 0.5**0.5, 0.0], atol=1e-6)


def test_sensitivity_is_the_derivative_of_the_moments():
    result = local_identification(lambda p: ar1(0.5, 1.0, p["d"]), {"d": 2.0}, num_lags=1)
    np.testing.assert_allclose(result.sensitivity, 1 / np.sqrt(1 / (1 - 0.25)), rtol=1e-9)


def test_modified_harmonic_mean_of_a_known_integral():
    rng = np.random.default_rng(0)
    position = rng.normal(size=(4, 5000, 3)) * [1.0, 2.0, 0.5] + [0.0, 1.0, 2.0]
    logdensity = norm.logpdf(position, [0.0, 1.0, 2.0], [1.0, 2.0, 0.5]).sum(axis=2) - 7.0
    result = modified_harmonic_mean(position, logdensity)
    assert (np.abs(result.log_marginal_likelihood + 7.0) < 5 * result.standard_error + 1e-3).all()
    assert (result.standard_error < 0.1).all()


def test_model_probabilities():
    probabilities = model_probabilities({"a": -100.0, "b": -100.0 + np.log(3.0)})
    np.testing.assert_allclose([probabilities["a"], probabilities["b"]], [0.25, 0.75])
    probabilities = model_probabilities({"a": -5.0, "b": -5.0}, {"a": 0.9, "b": 0.1})
    np.testing.assert_allclose(probabilities["a"], 0.9)
