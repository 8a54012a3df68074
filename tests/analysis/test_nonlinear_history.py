"""Smoothed shocks of nonlinear solutions, and what each of them did."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_gaussian import random_observations, random_state_space
from pruned_solutions import arrays, gaps, pruned

import estim
from estim import analysis
from estim.arguments import ArgumentError
from estim.likelihood.nonlinear.gaussian import filter_gaussian
from estim.representations.paths import observed_path


def test_a_linear_solution_is_smoothed_as_by_kalman():
    space = random_state_space(0)._replace(obs_trend=jnp.array([0.05, -0.1]))
    y = jnp.asarray(random_observations(0, missing=0.3)).at[3].set(jnp.nan)
    expected = estim.smooth(space, y)
    for found, part in zip(analysis.smoothed_history(space, y), expected, strict=True):
        np.testing.assert_allclose(found.mean, part.mean, atol=1e-7)
        np.testing.assert_allclose(found.cov, part.cov, atol=1e-7)


@pytest.mark.parametrize("method", ["bootstrap", "conditionally_optimal", "tempered"])
def test_particles_remember_what_kalman_smooths(method):
    """Within the scatter of their means; of a period, with the data up to twenty periods later."""
    space = random_state_space(0)._replace(obs_cov=6.0 * jnp.eye(2), obs_trend=jnp.array([0.05, -0.1]))
    y = jnp.asarray(random_observations(0, missing=0.3)).at[3].set(jnp.nan)
    found = analysis.smoothed_history(space, y, estim.Particle(num_particles=20_000, method=method))
    expected = estim.smooth(space, y)
    for particles, part in zip(
        jax.tree.map(np.asarray, found), jax.tree.map(np.asarray, expected), strict=True
    ):
        sd = np.sqrt(np.diagonal(part.cov, axis1=1, axis2=2)).max(axis=0)
        assert np.abs((particles.mean - part.mean) / sd).max() < 0.15
        assert np.abs((particles.cov - part.cov) / np.outer(sd, sd)).max() < 0.25


@pytest.mark.parametrize("rule", ["unscented", "central_difference"])
def test_of_the_last_period_the_smoother_knows_what_the_filter_knows(rule):
    """Of a bent solution: in the states; and of the shock what the last update says of it."""
    solution, y = pruned(arrays()), gaps()
    found = analysis.smoothed_history(solution, y, estim.GaussianFilter(rule=rule))
    filtered = filter_gaussian(solution, y, rule).state
    np.testing.assert_allclose(found.states.mean[-1], filtered.mean[-1], atol=1e-9)
    np.testing.assert_allclose(found.states.cov[-1], filtered.cov[-1], atol=1e-9)
    before = np.diagonal(filtered.cov, axis1=1, axis2=2)
    after = np.diagonal(found.states.cov, axis1=1, axis2=2)
    assert (after.sum(axis=0) < before.sum(axis=0)).all()  # later data say more
    assert (np.diagonal(found.shocks.cov, axis1=1, axis2=2) < np.diagonal(solution.shock_cov) + 1e-9).all()


def test_the_history_of_an_inversion_is_exact():
    solution = pruned(arrays() | {"H": jnp.zeros((2, 2))})
    shocks = jnp.asarray(0.2 * np.random.default_rng(0).normal(size=(6, 2)))
    y = observed_path(solution, solution.to_vector(solution.rest), shocks)
    found = analysis.smoothed_history(solution, y, estim.Inversion())
    np.testing.assert_allclose(found.shocks.mean, shocks, atol=1e-9)
    assert not np.any(found.shocks.cov)


@pytest.mark.parametrize("order", [1, 2])
def test_what_each_shock_did_and_what_is_left_over(order):
    solution, rng = pruned(arrays(), order), np.random.default_rng(0)
    shocks, start = jnp.asarray(rng.normal(size=(7, 2))), jnp.asarray(rng.normal(size=2 * order))
    parts = analysis.decompose_path(solution, shocks, start)
    whole = observed_path(solution, start, shocks)
    rest = observed_path(solution, jnp.zeros(2 * order), jnp.zeros((7, 2)))
    np.testing.assert_allclose(
        parts.shocks.sum(axis=2) + parts.initial + parts.remainder, whole - rest, atol=1e-12
    )
    one = observed_path(solution, start, shocks.at[:, 1].set(0.0)) - observed_path(
        solution, start, 0 * shocks
    )
    np.testing.assert_allclose(parts.shocks[:, :, 0], one, atol=1e-12)
    left = np.abs(parts.remainder).max()
    assert left < 1e-12 if order == 1 else left > 0.01


def test_refusals():
    with pytest.raises(ArgumentError, match="QuadraticKalman has no rule; take"):
        analysis.smoothed_history(pruned(arrays()), gaps(), estim.QuadraticKalman())
