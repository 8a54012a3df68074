"""Smoothed states and shocks against the conditional normal distribution, and draws against both."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_gaussian import joint_normal, random_observations, random_state_space

import estim
from estim.arguments import ArgumentError
from estim.likelihood.state_space.filtering import filter_states
from estim.likelihood.state_space.smoothing import sample_smoothed, smooth
from estim.likelihood.state_space.start import Gaussian, stationary_start
from estim.solution.simulate import simulate_states

N_PERIODS = 7


def blocks(cov, n, start=0):
    """The diagonal blocks of a covariance stacked over time."""
    edges = start + n * np.arange(N_PERIODS)
    return np.stack([cov[a : a + n, a : a + n] for a in edges])


@pytest.mark.parametrize("noise", [0.3, 0.0])
def test_smoothed_states_and_shocks_are_conditional_moments(noise):
    state_space, y = random_state_space(0, noise=noise), random_observations(0, N_PERIODS, missing=0.3)
    mean, cov = joint_normal(state_space, N_PERIODS).given(y)
    states, shocks = smooth(state_space, jnp.asarray(y))
    np.testing.assert_allclose(states.mean.ravel(), mean[: 4 * N_PERIODS], atol=1e-9)
    np.testing.assert_allclose(shocks.mean.ravel(), mean[4 * N_PERIODS :], atol=1e-9)
    np.testing.assert_allclose(states.cov, blocks(cov, 4), atol=1e-9)
    np.testing.assert_allclose(shocks.cov, blocks(cov, 3, 4 * N_PERIODS), atol=1e-9)


def test_smoothed_states_from_a_start_of_ones_own():
    state_space, y = random_state_space(1), random_observations(1, N_PERIODS)
    start = Gaussian(jnp.arange(4.0), 2.0 * jnp.eye(4))
    mean, _ = joint_normal(state_space, N_PERIODS, start.mean, start.cov).given(y)
    states = smooth(state_space, jnp.asarray(y), start).states
    np.testing.assert_allclose(states.mean.ravel(), mean[: 4 * N_PERIODS], atol=1e-9)


def test_the_last_smoothed_state_is_the_filtered_one():
    state_space, y = random_state_space(2), jnp.asarray(random_observations(2, N_PERIODS, missing=0.2))
    filtered, _ = filter_states(state_space, y, stationary_start(state_space))
    states = smooth(state_space, y).states
    np.testing.assert_allclose(states.mean[-1], filtered.mean[-1], atol=1e-12)
    np.testing.assert_allclose(states.cov[-1], filtered.cov[-1], atol=1e-11)


def assert_moments(draws, mean, cov):
    """Sample mean and covariance of independent draws within five standard errors."""
    n = draws.shape[0]
    sd = np.sqrt(np.diag(cov).clip(1e-12))
    assert np.max(np.abs(draws.mean(0) - mean) / sd) < 5 / np.sqrt(n)
    error = np.abs(np.cov(draws.T) - cov) / np.sqrt((np.outer(sd, sd) ** 2 + cov**2) / n)
    assert np.max(error) < 5


def test_simulation_smoother_draws_from_the_conditional_distribution(rng_key):
    state_space, y = random_state_space(3), random_observations(3, N_PERIODS, missing=0.2)
    keys = jax.random.split(rng_key, 4000)
    states, shocks = jax.vmap(lambda key: sample_smoothed(key, state_space, jnp.asarray(y)))(keys)
    draws = np.concatenate([states.reshape(len(keys), -1), shocks.reshape(len(keys), -1)], axis=1)
    assert_moments(draws, *joint_normal(state_space, N_PERIODS).given(y))


def test_simulations_have_the_unconditional_distribution(rng_key):
    state_space = random_state_space(3)
    keys = jax.random.split(rng_key, 4000)
    simulated = jax.vmap(lambda key: simulate_states(state_space, key, N_PERIODS))(keys)
    draws = np.concatenate([x.reshape(len(keys), -1) for x in simulated], axis=1)
    joint = joint_normal(state_space, N_PERIODS)
    assert_moments(draws, joint.mean, joint.cov)


def test_what_is_no_linear_state_space_is_an_error_that_names_the_way():
    solution = estim.solve("godley_lavoie_2007_pc")
    with pytest.raises(ArgumentError, match=r"not a SimulatedStateSpace; .* estim.analysis.smoothed_history"):
        estim.smooth(solution, np.zeros((3, 3)))
