"""Simulated data: moments of a moving average, the start of a random walk, and the trend."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from small_models import ar1

import estim  # noqa: F401
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.representations.trend import trend_path
from estim.solution.rational_expectations import solve_state_space
from estim.solution.simulate import simulate
from estim.status import Status


def test_a_moving_average_has_its_autocovariances(rng_key):
    """y_t = e_t + e_{t-1} / 2 + u_t: within five standard errors of 20,000 independent pairs."""
    responses, error = jnp.array([1.0, 0.5]).reshape(2, 1, 1), jnp.array([[0.04]])
    solution = MovingAverage(responses, jnp.eye(1), jnp.array([3.0]), error, Status.OK)
    keys = jax.random.split(rng_key, 20_000)
    y = jax.vmap(lambda key: simulate(solution, key, 3))(keys)[:, :, 0]
    cov = np.array([[1.29, 0.5, 0.0], [0.5, 1.29, 0.5], [0.0, 0.5, 1.29]])
    standard_error = np.sqrt((1.29**2 + cov**2) / len(keys))
    np.testing.assert_array_less(np.abs(np.cov(y.T) - cov) / standard_error, 5.0)
    np.testing.assert_array_less(np.abs(y.mean(0) - 3.0), 5.0 * np.sqrt(1.29 / len(keys)))


def test_a_random_walk_begins_at_rest(rng_key):
    one = jnp.eye(1)
    walk = StateSpace(one, one, one, one, jnp.zeros(1), 0 * one, Status.OK)
    y = jax.vmap(lambda key: simulate(walk, key, 4))(jax.random.split(rng_key, 20_000))[:, :, 0]
    variance = np.arange(1.0, 5.0)
    np.testing.assert_array_less(np.abs(y.var(0) / variance - 1), 5.0 * np.sqrt(2 / len(y)))


def test_the_trend_begins_with_the_first_observation():
    model = ar1()
    assert not trend_path(solve_state_space(model, model.params()), 3).any()
    growing = replace(model, trend=lambda p: model.observables(*[0.5] * len(model.observables._fields)))
    solution = solve_state_space(growing, growing.params())
    np.testing.assert_allclose(trend_path(solution, 3)[:, 0], [0.5, 1.0, 1.5])
