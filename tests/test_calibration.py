"""Whole routes are calibrated, and all data sets share their programs.

The yardstick is looked at first: it passes exact draws, and it sees a posterior that is too narrow, or off.
"""

from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from calibration import (
    NUM_RANKS,
    WITHOUT_DATA,
    assert_uniform,
    posterior_given,
    ranks_of_route,
    replicates,
)
from small_models import ar1

from estim.analysis import calibration_ranks, uniformity
from estim.arguments import ArgumentError
from estim.estimation import build_posterior
from estim.samplers.mode import Laplace, find_mode, laplace_approximation
from estim.samplers.run import sample
from estim.surrogate.correct import resample_draws, weigh_draws
from estim.surrogate.fit import fit_surrogate
from estim.surrogate.recipe import Recipe
from estim.surrogate.sample import TILE, sample_surrogate

GRID = np.stack(np.meshgrid(np.linspace(-4, 4, 81), np.linspace(-1.3, 1.3, 53), indexing="ij"), axis=-1)
on_grid = jax.jit(lambda y: jax.vmap(posterior_given(y).logdensity_fn)(GRID.reshape(-1, 2)))


@contextmanager
def counted():
    """A function that says how many programs were compiled within, so far."""
    names = []
    note = lambda name, *_, **__: names.append(name)
    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield lambda: sum("backend_compile" in name for name in names)
    finally:
        jax.monitoring.unregister_event_duration_listener(note)


def exact(rng_key, y, start, width=1.0, shift=0.0):
    """Independent draws: a cell of a grid in proportion to its density, and a point within it."""
    key_cell, key_place = jax.random.split(rng_key)
    cell = jax.random.categorical(key_cell, on_grid(y), shape=(8,))
    place = jax.random.uniform(key_place, (8, 2), minval=-0.5, maxval=0.5) * np.array([[0.1, 0.05]])
    draws = jnp.asarray(GRID.reshape(-1, 2))[cell] + place
    mean = draws.mean(axis=0, keepdims=True)
    return mean + width * (draws - mean) + shift


@pytest.mark.parametrize(
    ("route", "right"),
    [
        (exact, True),
        (lambda *args: exact(*args, width=0.4), False),
        (lambda *args: exact(*args, shift=0.4), False),
    ],
    ids=["exact", "too narrow", "off"],
)
def test_ranks_are_uniform_if_and_only_if_the_draws_are_right(route, right):
    ranks = ranks_of_route(jax.random.key(0), jax.jit(route), 250)
    if right:
        assert_uniform(ranks)
    else:
        with pytest.raises(AssertionError):
            assert_uniform(ranks)


REPLICATES = 40
RECIPE = Recipe(hidden=(16,), num_members=1, max_steps=200)
ABOUT = Laplace(np.asarray(WITHOUT_DATA.start), np.diag([1.0, 0.25]), -50.0, 0.0)


@pytest.fixture(scope="module")
def routes():
    """Ranks of whole routes, each through its public functions, on one data set after another; programs compiled.

    One after another: multi-proposal MH, whose evaluations teach a surrogate; its draws; these corrected by importance
    weights; and tempered SMC. (NUTS, HMC and every other kernel, with ten times as many replicates in one program
    each: tests/samplers/test_joint.py.)
    """
    ranks, compiled = {}, []
    with counted() as count:
        for key, behind, y, _ in replicates(jax.random.key(1), REPLICATES):
            keys, posterior, draws = jax.random.split(key, 7), posterior_given(y), {}
            chains = {"num_chains": 2, "num_warmup": 60, "laplace": ABOUT}
            taught = sample(posterior, "mpmh", keys[0], num_samples=200, num_proposals=4, **chains)
            surrogate = fit_surrogate(posterior, taught.evaluations, keys[1], recipe=RECIPE)
            learnt = sample_surrogate(
                surrogate, keys[2], num_samples=2, num_chains=TILE, num_warmup=200, thin=10
            )
            weighted = weigh_draws(posterior, surrogate, learnt.position, num_evaluations=200)
            draws["mpmh"], draws["surrogate"] = taught.position, learnt.position
            draws["correction"] = resample_draws(weighted, keys[3], NUM_RANKS - 1)[None]
            draws["smc"] = sample(posterior, "smc", keys[5], num_samples=64, num_chains=1).position
            for name, positions in draws.items():
                rank = calibration_ranks(positions, behind, NUM_RANKS - 1)
                ranks.setdefault(name, []).append(rank)
            compiled.append(count())
    return {name: np.array(rows) for name, rows in ranks.items()}, compiled


@pytest.mark.parametrize("name", ["mpmh", "surrogate", "correction", "smc"])
def test_every_route_is_calibrated(routes, name):
    assert_uniform(routes[0][name])


def test_all_data_sets_of_one_shape_share_their_programs(routes):
    """Samplers, training, the surrogate's chains and the weights."""
    _, compiled = routes
    assert compiled[0] > 10 and compiled[-1] == compiled[0], compiled[:10]


def test_ten_vintages_of_a_model_cost_one_compilation():
    """From a frame to draws, the search for the mode and the Laplace approximation included."""
    model, rng, compiled = ar1(), np.random.default_rng(0), []
    with counted() as count:
        for vintage in range(10):
            y = rng.normal(size=(20, 1)).cumsum(axis=0) * 0.2 + 0.5
            frame = pd.DataFrame(y, columns=["X"])
            posterior, key = build_posterior(model, frame), jax.random.key(vintage)
            laplace = laplace_approximation(posterior, find_mode(posterior, key, num_starts=1))
            draws = sample(posterior, "rwmh", key, num_samples=20, num_warmup=20, laplace=laplace)
            assert np.all(np.isfinite(draws.position))
            compiled.append(count())
    assert compiled[0] > 5 and compiled[-1] == compiled[0], compiled


def test_uniformity_is_rejected_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = uniformity(rng.integers(0, 100, (200, 400)), 99)
    assert np.mean(found.pvalue < 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(found.outside) == pytest.approx(0.05, abs=0.04)
    assert found.counts.shape == (400, 20) and found.envelope.shape == (2, 100)
    assert np.all(found.counts.sum(axis=1) == 200) and np.allclose(found.excess[:, -1], 0.0)
    narrow = uniformity(np.clip(rng.normal(49.5, 20.0, (200, 1)), 0, 99).astype(int), 99)
    assert narrow.outside[0] and narrow.pvalue[0] < 1e-3
    uneven = uniformity(rng.integers(0, 8, (3000, 1)), 7, 3)  # bins of 3, 3 and 2 ranks
    assert uneven.pvalue[0] > 1e-3


def test_ranks_count_the_draws_below():
    draws = np.arange(40.0).reshape(2, 20, 1)
    assert calibration_ranks(draws, [20.0], 10) == [5] and calibration_ranks(draws, [99.0], 10) == [10]
    with pytest.raises(ArgumentError, match="40 draws are fewer than num_draws=41"):
        calibration_ranks(draws, [20.0], 41)
    with pytest.raises(ArgumentError, match="numbers from 0 to 7"):
        uniformity(np.array([[8]]), 7)
