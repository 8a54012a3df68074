"""Smoothed shocks of nonlinear solutions, and what each of them did."""

import jax.numpy as jnp
import numpy as np
import pytest
from linear_gaussian import random_observations, random_state_space
from pruned_solutions import arrays, gaps, pruned

import estim
from estim import analysis
from estim.arguments import ArgumentError
from estim.representations.paths import observed_path


def test_a_linear_solution_is_smoothed_as_by_kalman():
    space = random_state_space(0)._replace(obs_trend=jnp.array([0.05, -0.1]))
    y = jnp.asarray(random_observations(0, missing=0.3)).at[3].set(jnp.nan)
    expected = estim.smooth(space, y)
    for found, part in zip(analysis.smoothed_history(space, y), expected, strict=True):
        np.testing.assert_allclose(found.mean, part.mean, atol=1e-7)
        np.testing.assert_allclose(found.cov, part.cov, atol=1e-7)


def test_smoothed_shocks_of_second_order_give_the_data_back_where_errors_are_small():
    solution = pruned(arrays() | {"H": 1e-6 * jnp.eye(2)})
    rng = np.random.default_rng(1)
    shocks = 0.1 * rng.normal(size=(12, 2))
    y = observed_path(solution, solution.to_vector(solution.rest), jnp.asarray(shocks))
    found = analysis.smoothed_history(solution, y)
    begin = solution.to_vector(solution.rest).at[:2].set(0.0)
    again = observed_path(solution, begin, found.shocks.mean)[4:]
    spread = np.asarray(y).std(axis=0)
    assert (np.abs(again - y[4:]).max(axis=0) < 0.2 * spread).all()
    assert np.corrcoef(np.asarray(found.shocks.mean)[2:].ravel(), shocks[2:].ravel())[0, 1] > 0.98


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
    with pytest.raises(ArgumentError, match="Particle has no rule; take"):
        analysis.smoothed_history(pruned(arrays()), gaps(), estim.Particle())
