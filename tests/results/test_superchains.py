"""Nested R-hat of exact routes: many short chains that began in groups, judged by whether the groups have met."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estim.arguments import ArgumentError
from estim.experiment import ExperimentError, Route
from estim.posterior import from_logdensity
from estim.results.diagnostics import MAX_RHAT, highest_nested_rhat, summarise
from estim.results.report.verdict import _precision
from estim.samplers.base import Tuning
from estim.samplers.mode import Laplace
from estim.samplers.random_walk import build_random_walk
from estim.samplers.starting_points import require_superchains, starting_states

GROUPS, SIZE, DRAWS = 8, 16, 20


def short_chains(seed=0, correlation=0.0, apart=0.0):
    """Autoregressive chains, those of a group from one point at `apart` standard deviations."""
    rng = np.random.default_rng(seed)
    x = np.repeat(apart * rng.normal(size=GROUPS), SIZE)
    draws = []
    for _ in range(DRAWS):
        x = correlation * x + np.sqrt(1 - correlation**2) * rng.normal(size=x.shape)
        draws.append(x)
    return np.stack(draws, axis=1)[..., None]


def test_short_chains_that_have_met():
    """Split R-hat asks too much of chains of twenty draws; nested R-hat asks whether the groups have met."""
    draws = short_chains(correlation=0.5, apart=1.0)[:, 4:]
    assert not summarise(draws).converged
    assert summarise(draws, GROUPS).converged


@pytest.mark.parametrize("seed", range(3))
def test_groups_that_remember_where_they_began(seed):
    assert not summarise(short_chains(seed, correlation=0.99, apart=2.0), GROUPS).converged


def test_one_draw_a_chain_is_allowed_for():
    """Chains that stand still at independent draws: B/W is 1/M, whatever their length, and that is no failure."""
    rng = np.random.default_rng(0)
    still = np.repeat(rng.normal(size=(400 * SIZE, 1, 1)), DRAWS, axis=1)
    summary = summarise(still, 400)
    np.testing.assert_allclose(summary.rhat, np.sqrt(1 + 1 / SIZE), rtol=0.01)
    assert summary.converged and summary.max_rhat == highest_nested_rhat(SIZE)


def test_without_groups_it_is_the_split_one():
    draws = np.random.default_rng(0).normal(size=(4, 500, 2))
    assert summarise(draws).max_rhat == MAX_RHAT
    words = _precision({"HMC": summarise(short_chains(), GROUPS)})
    assert "of HMC (wanted: below 1.04, nested: its chains began in groups)" in words


@pytest.mark.parametrize("num", [1, 3, 16])
def test_groups_of_different_sizes_are_refused(num):
    with pytest.raises(
        ArgumentError, match=f"num_superchains={num} must be two or more and divide num_chains=8"
    ):
        require_superchains(num, 8)
    with pytest.raises(ExperimentError, match="must be two or more"):
        Route("hmc", num_samples=10, num_chains=8, num_superchains=num)


def test_a_population_has_none():
    with pytest.raises(ExperimentError, match="a population has no chains"):
        Route("smc", num_samples=10, num_chains=4, num_superchains=2)


def test_the_chains_of_a_group_begin_together():
    posterior = from_logdensity(lambda x: -0.5 * jnp.sum(x**2), jnp.zeros(2))
    tuning = Tuning(np.zeros(2), np.eye(2), np.ones(()))
    laplace = Laplace(np.zeros(2), np.eye(2), 0.0, 0.0)
    algorithm = build_random_walk(posterior, tuning)
    states, _ = starting_states(posterior, algorithm, jax.random.key(0), 6, laplace, None, 3)
    points = np.asarray(states.position).reshape(3, 2, 2)
    np.testing.assert_array_equal(points[:, 0], points[:, 1])
    assert len(np.unique(points[:, 0, 0])) == 3
