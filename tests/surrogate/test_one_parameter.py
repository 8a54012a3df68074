"""A posterior of one parameter through every function of the surrogate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import estim

RECIPE = estim.Recipe(hidden=(16,), max_steps=300, num_members=2)


@pytest.fixture(scope="module")
def posterior():
    """A Gaussian with mean 2 and standard deviation 0.5."""
    return estim.from_logdensity(lambda x: -2.0 * jnp.sum((x - 2.0) ** 2), jnp.zeros(1))


@pytest.fixture(scope="module")
def learnt(posterior):
    points = jnp.asarray(np.random.default_rng(0).normal(2.0, 0.8, size=(400, 1)))
    evaluations = estim.evaluate_posterior(posterior, points)
    surrogate = estim.fit_surrogate(posterior, evaluations, jax.random.key(1), recipe=RECIPE)
    return (
        surrogate,
        evaluations,
        estim.sample_surrogate(surrogate, jax.random.key(2), num_samples=20, thin=20),
    )


def test_draws_are_those_of_the_posterior(learnt):
    draws = learnt[2].position
    assert draws.shape == (512, 20, 1)
    assert draws.mean() == pytest.approx(2.0, abs=0.05) and draws.std() == pytest.approx(0.5, abs=0.05)


def test_certified_corrected_and_resampled(posterior, learnt):
    surrogate, _, draws = learnt
    certificate = estim.certify(posterior, surrogate, draws.position, jax.random.key(3), num_evaluations=1000)
    assert certificate.shift.shape == (4, 1) and certificate.verdict == "safe"
    weighted = estim.weigh_draws(posterior, surrogate, draws.position, num_evaluations=600)
    mean, error = estim.correct_means(weighted, draws.position)
    assert abs(mean[0] - 2.0) < 4 * error[0] + 0.01
    assert estim.resample_draws(weighted, jax.random.key(4), 100).shape == (100, 1)


def test_refined(posterior, learnt):
    surrogate, evaluations, _ = learnt
    refined, grown = estim.refine(
        posterior, surrogate, evaluations, jax.random.key(5), num_evaluations=100, recipe=RECIPE
    )
    assert len(grown.loglikelihood) == 500
    x = jnp.array([2.3])
    gap = refined.posterior.loglikelihood_fn(x) - refined.posterior.loglikelihood_fn(jnp.array([2.0]))
    assert gap == pytest.approx(-2.0 * 0.3**2, abs=0.02)
