"""Corrections of a surrogate that is wrong in a known way: the truth is a standard normal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers_surrogate import (
    gaussian_posterior,
    gaussian_surrogate,
    hard_draws,
    hard_posterior,
    make_posterior,
)

from estim.samplers.base import Tuning
from estim.samplers.delayed_acceptance import build_delayed_acceptance
from estim.surrogate.correct import correct_means, resample_draws, weigh_draws
from estim.surrogate.estimates import accept_probability
from estim.surrogate.evaluate import evaluate_posterior
from estim.surrogate.fit import ensemble_loglikelihoods, fit_surrogate
from estim.surrogate.recipe import MIN_MEMBERS, Recipe
from estim.surrogate.refine import refine
from estim.surrogate.sample import propose

MEAN = np.array([0.25, -0.1, 0.0])
SD = np.array([1.2, 1.1, 1.0])


@pytest.fixture(scope="module")
def truth():
    return gaussian_posterior(3)


@pytest.fixture(scope="module")
def surrogate(truth):
    return gaussian_surrogate(truth, MEAN, np.diag(SD))


@pytest.fixture(scope="module")
def draws():
    return MEAN + SD * np.random.default_rng(0).normal(size=(100, 500, 3))


@pytest.fixture(scope="module")
def weighted(truth, surrogate, draws):
    return weigh_draws(truth, surrogate, draws, num_evaluations=4000)


def test_resampled_draws_are_of_the_true_posterior(weighted):
    assert weighted.pareto_khat < 0.5
    assert 2000 < weighted.effective_sample_size < 4000
    resampled = resample_draws(weighted, jax.random.key(0), 4000)
    assert resampled.shape == (4000, 3)
    error = 1 / np.sqrt(weighted.effective_sample_size)
    np.testing.assert_array_less(np.abs(resampled.mean(axis=0)), 4 * error)
    np.testing.assert_array_less(np.abs(resampled.var(axis=0) - 1), 4 * np.sqrt(2) * error)


def test_resampling_repeats_a_point_in_proportion_to_its_weight(weighted):
    resampled = resample_draws(weighted, jax.random.key(1), 10_000)
    times = np.array([(resampled == point).all(axis=1).sum() for point in weighted.position[:50]])
    np.testing.assert_array_less(np.abs(times - 10_000 * weighted.weight[:50]), 1)


def test_means_with_the_surrogate_as_control_variate(weighted, draws):
    for function, exact in [(lambda x: x, np.zeros(3)), (lambda x: x**2, np.ones(3))]:
        mean, error = correct_means(weighted, draws, function)
        np.testing.assert_array_less(np.abs(mean - exact), 4 * error)
        plain = function(weighted.position)
        standard_error = np.sqrt(
            np.sum(weighted.weight[:, None] ** 2 * (plain - weighted.weight @ plain) ** 2, axis=0)
        )
        # The third coordinate's surrogate is right: its control variate takes away most of the noise.
        assert error[2] < 0.75 * standard_error[2]


def test_weights_of_a_perfect_surrogate_are_those_of_the_mixture(truth):
    """Where p is p_hat the two sets of weights are the same bits but for rounding: nothing is corrected."""
    perfect = gaussian_surrogate(truth, np.zeros(3), np.eye(3))
    draws = np.random.default_rng(0).normal(size=(20, 100, 3))
    weighted = weigh_draws(truth, perfect, draws, num_evaluations=1000)
    np.testing.assert_allclose(weighted.weight, weighted.surrogate_weight, rtol=1e-3)
    assert weighted.plain.sum() == 1000 - 1000 // 3
    assert 650 < weighted.effective_sample_size < 1000
    mean, _ = correct_means(weighted, draws)
    np.testing.assert_allclose(mean, draws.mean(axis=(0, 1)), atol=1e-4)
    far = np.abs(weighted.position).max(axis=1) > 5  # where a normal has nothing, stretched draws look
    assert far.sum() > 20 and weighted.weight[far].sum() < 1e-3


def test_a_tail_that_the_surrogate_lacks_is_corrected():
    """Exponential beyond 2.4 standard deviations, where the surrogate goes on as a normal."""

    def loglikelihood(x):
        excess = jnp.maximum(jnp.abs(x) - 2.4, 0)
        return jnp.sum(-0.5 * jnp.minimum(jnp.abs(x), 2.4) ** 2 - 1.2 * excess)

    grid = np.linspace(-40, 40, 80_001)
    density = np.exp(np.asarray(jax.vmap(lambda x: loglikelihood(x[None]))(jnp.asarray(grid))))
    variance = np.sum(density * grid**2) / density.sum()
    posterior = make_posterior(loglikelihood, 1, prior_sd=1e4)
    surrogate = gaussian_surrogate(posterior, [0.0], [[1.0]])
    draws = np.random.default_rng(0).normal(size=(50, 200, 1))
    weighted = weigh_draws(posterior, surrogate, draws, num_evaluations=4000)
    corrected, error = correct_means(weighted, draws, lambda x: x**2)
    assert variance > 1.1 and abs(corrected[0] - variance) < 4 * error[0] < 0.1


def test_delayed_acceptance_leaves_the_true_posterior_invariant(truth, surrogate):
    """Started from exact draws, the chains' distribution after some steps is still the exact one."""
    num = 4000
    tuning = Tuning(jnp.zeros(3), jnp.eye(3), jnp.asarray(1.4))
    kernel = build_delayed_acceptance(truth, tuning, approximation=surrogate.posterior, num_inner=2)

    @jax.jit
    @jax.vmap
    def run(key, position):
        step = lambda state, key: (kernel.step(key, state)[0], None)
        return jax.lax.scan(step, kernel.init(position), jax.random.split(key, 6))[0].position

    start = jax.random.normal(jax.random.key(0), (num, 3))
    end = np.asarray(run(jax.random.split(jax.random.key(1), num), start))
    assert np.mean(np.any(end != start, axis=1)) > 0.8
    np.testing.assert_array_less(np.abs(end.mean(axis=0)), 4 / np.sqrt(num))
    np.testing.assert_array_less(np.abs(end.var(axis=0) - 1), 4 * np.sqrt(2 / num))


def test_refinement_improves_a_surrogate_that_knows_too_little():
    dim = 7
    posterior = hard_posterior(dim)
    recipe = Recipe(max_steps=600, hidden=(32, 32), num_members=MIN_MEMBERS)
    # Evaluations from a corner of the posterior only.
    points = hard_draws(np.random.default_rng(0), dim, 2000)
    points = points[points[:, 6] > np.quantile(points[:, 6], 0.6)]
    evaluations = evaluate_posterior(posterior, points, gradient=True)
    surrogate = fit_surrogate(posterior, evaluations, jax.random.key(0), recipe=recipe)
    refined, grown = refine(
        posterior, surrogate, evaluations, jax.random.key(1), num_evaluations=800, recipe=recipe
    )
    assert len(grown.loglikelihood) == len(evaluations.loglikelihood) + 800
    assert np.isfinite(grown.gradient).all()

    current = hard_draws(np.random.default_rng(1), dim, 1000)
    pairs = np.concatenate([current, propose(jax.random.key(2), current)])
    a = accept_probability(*np.asarray(evaluate_posterior(posterior, pairs).loglikelihood).reshape(2, -1))

    def wrong(s):
        return np.mean(
            np.abs(accept_probability(*ensemble_loglikelihoods(s, pairs).mean(0).reshape(2, -1)) - a)
        )

    assert wrong(refined) < 0.75 * wrong(surrogate)
