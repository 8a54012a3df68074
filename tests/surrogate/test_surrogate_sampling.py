"""Many-chain Metropolis on a surrogate whose posterior is known: moments, storage, and the same bits twice."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from arviz_stats.base import array_stats
from helpers_surrogate import gaussian_posterior, gaussian_surrogate, make_posterior

from estim.evaluations import Evaluations
from estim.surrogate.fit import (
    fit_surrogate,
    surrogate_from_arrays,
    surrogate_to_arrays,
)
from estim.surrogate.recipe import Recipe
from estim.surrogate.sample import TILE, sample_surrogate

MEAN = np.array([1.0, -2.0, 0.5])
SCALE = np.array([[0.5, 0.0, 0.0], [0.3, 2.0, 0.0], [-1.0, 0.2, 1.0]])


@pytest.fixture(scope="module")
def surrogate():
    """The likelihood N(MEAN, SCALE SCALE') of a surrogate, times a prior N(0, 2^2) that must be heeded."""
    return gaussian_surrogate(make_posterior(lambda x: jnp.sum(x), 3, prior_sd=2.0), MEAN, SCALE)


@pytest.fixture(scope="module")
def draws(surrogate):
    return sample_surrogate(surrogate, jax.random.key(1), num_samples=60, num_warmup=1000, thin=10)


def check_moments(draws, temperature):
    """Mean and covariance of the surrogate's posterior, a Gaussian, which `temperature` multiplies."""
    precision = np.linalg.inv(SCALE @ SCALE.T)
    covariance = np.linalg.inv(precision + np.eye(3) / 4)
    mean = covariance @ precision @ MEAN
    assert draws.position.shape == (2 * TILE, 60, 3)
    centred = np.asarray(draws.position, float) - mean
    products = np.einsum("cdi,cdj->cdij", centred, centred).reshape(*centred.shape[:2], 9)
    values = np.concatenate([centred, products - temperature * covariance.ravel()], axis=2)
    for k in range(values.shape[2]):
        # ArviZ on a quarter of the chains, whose share of the effective sample is a quarter of the whole.
        ess = 4 * array_stats.ess(values[::4, :, k], method="mean")
        assert ess > 4000
        assert abs(values[:, :, k].mean()) < 5 * values[:, :, k].std() / np.sqrt(ess)


def test_moments_are_those_of_the_surrogate_posterior(draws):
    check_moments(draws, temperature=1.0)


def test_a_temperature_widens_the_target(surrogate):
    hot = sample_surrogate(
        surrogate, jax.random.key(2), num_samples=60, num_warmup=1000, thin=10, temperature=2.0
    )
    check_moments(hot, temperature=2.0)


def test_densities_are_those_of_the_positions(surrogate, draws):
    positions = jnp.asarray(draws.position[::100, ::30], float).reshape(-1, 3)
    evaluated = jax.vmap(surrogate.posterior.evaluate_fn)(positions)
    for name in ("loglikelihood", "logprior"):
        given = getattr(draws, name)[::100, ::30].ravel()
        np.testing.assert_allclose(given, getattr(evaluated, name), atol=1e-3)
    assert 0.15 < draws.stats["acceptance_rate"].mean() < 0.4
    assert draws.evaluations.position.shape == (0, 3)


def test_streamed_draws_are_the_same_bits(surrogate, draws, tmp_path):
    told = []
    streamed = sample_surrogate(
        surrogate,
        jax.random.key(1),
        num_samples=60,
        num_warmup=1000,
        thin=10,
        out=tmp_path / "draws",
        progress=lambda *args: told.append(args),
    )
    assert isinstance(streamed.position, np.memmap)
    for name in ("position", "loglikelihood", "logprior"):
        np.testing.assert_array_equal(getattr(streamed, name), getattr(draws, name))
        np.testing.assert_array_equal(np.load(tmp_path / "draws" / f"{name}.npy"), getattr(draws, name))
    assert {phase for phase, *_ in told} == {"warmup", "sample"}
    assert told[-1][:3] == ("sample", 60, 60)


def test_polynomial_tails_are_reached():
    """Student's t with three degrees of freedom in eight dimensions: a random walk finds half of what lies far out."""
    dim = 8
    flat = gaussian_surrogate(gaussian_posterior(dim), np.zeros(dim), np.eye(dim))
    scaling = flat.scaling._replace(curvature=jnp.zeros((dim, dim)))
    density = SimpleNamespace(
        param_names=tuple("abcdefgh"), logprior_fn=lambda x: -(3 + dim) / 2 * jnp.log1p(x @ x / 3)
    )
    t3 = flat._replace(posterior=density, scaling=scaling)
    found = sample_surrogate(t3, jax.random.key(4), num_samples=100, num_warmup=1000, thin=16)
    ratio = np.sum(np.asarray(found.position, float) ** 2, axis=-1) / dim
    for limit, accuracy in ((4, 0.15), (8, 0.3)):
        right = scipy.stats.f(dim, 3).sf(limit**2)
        np.testing.assert_allclose(np.mean(ratio > limit**2), right, rtol=accuracy)


def test_chains_come_in_tiles(surrogate):
    with pytest.raises(ValueError, match=f"num_chains=100 is not a multiple of {TILE}"):
        sample_surrogate(surrogate, jax.random.key(0), num_samples=1, num_chains=100)


def test_chains_begin_in_every_mode_that_the_points_know():
    rng = np.random.default_rng(0)
    right, left = rng.normal([7.0, 0.0], size=(3_000, 2)), rng.normal([-7.0, 0.0], size=(60, 2))
    points = np.concatenate([right, left])
    both = lambda x: np.logaddexp(*(-0.5 * np.sum((x - [c, 0.0]) ** 2, axis=-1) for c in (-7.0, 7.0)))
    evaluations = Evaluations(points, both(points), np.zeros(len(points)), np.zeros(len(points), int))
    flat = make_posterior(lambda x: 0.0 * x[0], 2, prior_sd=1e3)
    surrogate = fit_surrogate(
        flat, evaluations, jax.random.key(0), recipe=Recipe(max_steps=400, hidden=(32,), num_members=1)
    )
    assert len(surrogate.starts) == 16
    again = surrogate_from_arrays(flat, surrogate_to_arrays(surrogate))
    np.testing.assert_array_equal(again.starts, surrogate.starts)
    draws = sample_surrogate(surrogate, jax.random.key(1), num_samples=4, num_warmup=0)
    assert 0.02 < np.mean(draws.position[:, 0, 0] < 0) < 0.5
