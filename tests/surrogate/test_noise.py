"""A noisy log-likelihood: its variance as a function of the parameters, what is added back, and what it costs."""

import io
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from helpers_surrogate import gaussian_posterior
from linear_gaussian import random_observations

import estim
from estim import priors
from estim.simulation import Simulation
from estim.surrogate.evaluate import evaluate_posterior
from estim.surrogate.fit import (
    ensemble_loglikelihoods,
    fit_surrogate,
    surrogate_from_arrays,
    surrogate_to_arrays,
)
from estim.surrogate.noise import Noise, fit_noise, noise_cost
from estim.surrogate.recipe import RECIPES

OFFSET, SLOPE = -0.5, 0.8


@dataclass(frozen=True)
class Estimated:
    """A standard normal density, and its lognormal estimate with variance v = exp(-0.5 + 0.8 x_0) by a key."""

    noisy: ClassVar[bool] = True
    gradient: ClassVar[str] = "none"

    def __call__(self, position, key):
        v = jnp.exp(OFFSET + SLOPE * position[0])
        return -0.5 * jnp.sum(position**2) + jnp.sqrt(v) * jax.random.normal(key) - v / 2

    def redraw(self, key, rng_key, share=1.0):
        return rng_key


POSTERIOR = replace(gaussian_posterior(2), likelihood=Estimated(), data=jax.random.key(0))


def test_random_numbers_of_their_own():
    """The same bits again; no two points alike; the estimate is right on average."""
    points = np.repeat([[0.3, -0.2]], 4_000, axis=0)
    once, again = (np.asarray(evaluate_posterior(POSTERIOR, points, anew=True).loglikelihood) for _ in "ab")
    np.testing.assert_array_equal(once, again)
    assert len(np.unique(once)) == len(once)
    ratio = np.exp(once + 0.5 * (0.3**2 + 0.2**2))
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / len(ratio) ** 0.5
    given = np.asarray(evaluate_posterior(POSTERIOR, points[:3]).loglikelihood)
    assert (given == given[0]).all()


def test_the_variance_behind_sample_variances():
    """Within four standard errors, the inverse of the information of chi-squares, everywhere in the box."""
    rng, freedom, n = np.random.default_rng(0), 5, 300
    position = rng.normal(size=(n, 2)) * [1.0, 3.0] + [0.0, 5.0]
    log_v = lambda x: OFFSET + SLOPE * x[:, 0] - 0.1 * (x[:, 1] - 5.0) + 0.1 * x[:, 0] ** 2
    noise = fit_noise(position, np.exp(log_v(position)) * rng.chisquare(freedom, n) / freedom, freedom)
    z = (position - noise.center) / noise.scale
    features = np.concatenate([np.ones((n, 1)), z, z**2], axis=1)
    error = np.sqrt(
        np.einsum("ij,jk,ik->i", features, np.linalg.inv(freedom / 2 * features.T @ features), features)
    )
    off = np.log(noise.variance(position)) - log_v(position)
    assert (np.abs(off) < 4 * error).all() and error.mean() < 0.1
    corner = (noise.center + noise.scale * noise.high)[None]
    np.testing.assert_allclose(noise.variance(corner + 1e3), noise.variance(corner))


def test_variances_that_are_zero_are_no_noise():
    noise = fit_noise(np.random.default_rng(0).normal(size=(20, 1)), np.zeros(20), 5)
    assert (noise.variance(np.zeros((1, 1))) < 1e-9).all()


def test_what_noise_costs_is_what_it_does_to_weights():
    v, rng = 0.8, np.random.default_rng(0)
    flat = Noise(np.zeros(1), np.ones(1), -np.ones(1), np.ones(1), np.log(v), np.zeros(1), np.zeros(1))
    cost = noise_cost(flat, np.zeros((5, 1)))
    weight = np.exp(rng.normal(-v / 2, np.sqrt(v), size=400_000))
    assert cost.variance == pytest.approx(v)
    assert cost.effective_share == pytest.approx(weight.mean() ** 2 / np.mean(weight**2), rel=0.03)
    assert cost.total_variation == pytest.approx(0.5 * np.mean(np.abs(weight - 1)), rel=0.01)


def test_half_of_the_variance_is_added_back():
    """The learnt posterior's mean is zero within four standard errors of a fit; as it stands the noise would move it.

    The logarithm of the estimate alone has a slope of -v'/2, about -0.27 where the posterior is.
    """
    n = 3_000
    points = evaluate_posterior(POSTERIOR, 1.5 * np.random.default_rng(1).normal(size=(n, 2)), anew=True)
    recipe = replace(RECIPES["single"], hidden=(8,), max_steps=200)
    surrogate = fit_surrogate(POSTERIOR, points, jax.random.key(1), recipe=recipe)
    assert surrogate.noise.variance(np.zeros((1, 2))) == pytest.approx(np.exp(OFFSET), rel=0.25)
    grid = np.stack(np.meshgrid(*[np.linspace(-5, 5, 32)] * 2), axis=-1).reshape(-1, 2)
    log_p = ensemble_loglikelihoods(surrogate, grid).mean(axis=0)
    weight = np.exp(log_p - log_p.max())
    mean = np.average(grid, axis=0, weights=weight)
    assert (np.abs(mean) < 4 * np.sqrt(np.exp(OFFSET + SLOPE**2 / 2) / n) + 0.03).all(), mean
    file = io.BytesIO()
    np.savez(file, **surrogate_to_arrays(surrogate))
    file.seek(0)
    back = surrogate_from_arrays(POSTERIOR, np.load(file))
    np.testing.assert_array_equal(back.noise.variance(grid), surrogate.noise.variance(grid))


class Params(NamedTuple):
    rho: object = priors.beta(0.5, 0.15)
    sigma: object = priors.gamma(1.0, 0.3)
    noise: float = 0.7


AR1 = Simulation(
    name="seen with errors",
    shocks=NamedTuple("Shocks", [("e", float)]),
    observables=NamedTuple("Observables", [("X", float)]),
    start=lambda p: {"x": 0.0},
    transition=lambda state, shocks, p: {"x": p.rho * state["x"] + p.sigma * shocks.e},
    measurement=lambda state, p: jnp.stack([state["x"]]),
    measurement_error=lambda p: jnp.reshape(p.noise**2, (1, 1)),
    prior=Params(),
)


def test_a_particle_filter_teaches_the_posterior_of_kalman():
    """Certified, with the mean and standard deviation of the exact posterior within a tolerance of 0.1."""
    data = pd.DataFrame({"X": np.asarray(random_observations(2, n_obs=1))[:, 0]})
    noisy = estim.build_posterior(AR1, data, likelihood=estim.Particle(num_particles=60))
    exact = estim.build_posterior(AR1, data, likelihood="linear_simulation")
    key = jax.random.key(1)
    points = np.asarray(noisy.sample_prior(key, 3_000))
    taught = evaluate_posterior(noisy, points, anew=True)
    recipe = replace(RECIPES["estim"], hidden=(32, 32), max_steps=2_000, num_members=2)
    surrogate = fit_surrogate(noisy, taught, key, recipe=recipe)
    draws = estim.sample_surrogate(surrogate, key, num_samples=200, thin=10)
    certificate = estim.certify(noisy, surrogate, draws.position, key, tolerance=0.1, num_evaluations=4_000)
    assert certificate.verdict != "not certified", str(certificate)
    assert 0.02 < certificate.noise.variance < 2.0 and "evaluations count" in str(certificate)
    grid = np.stack(np.meshgrid(*[np.linspace(-4, 4, 64)] * 2), axis=-1).reshape(-1, 2) + np.asarray(
        exact.start
    )
    log_p = np.asarray(evaluate_posterior(exact, grid).logdensity)
    weight = np.exp(log_p - log_p.max())
    mean = np.average(grid, axis=0, weights=weight)
    sd = np.sqrt(np.average((grid - mean) ** 2, axis=0, weights=weight))
    flat = draws.position.reshape(-1, 2)
    assert (np.abs(flat.mean(axis=0) - mean) < 0.2 * sd).all()
    np.testing.assert_allclose(flat.std(axis=0), sd, rtol=0.1)
