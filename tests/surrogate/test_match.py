"""Moment matching: weights that were useless become reliable, and what they say is right."""

import numpy as np
import pytest
from helpers_surrogate import gaussian_posterior, gaussian_surrogate
from scipy.stats import multivariate_normal

from estim.surrogate.correct import weigh_draws
from estim.surrogate.estimates import reliable_khat
from estim.surrogate.match import _matched, match_moments

DIM, MEAN, SD = 10, 1.0, 0.7


@pytest.fixture(scope="module")
def far():
    """A standard normal in ten dimensions, and a surrogate 1.4 of its standard deviations away in each."""
    posterior = gaussian_posterior(DIM)
    surrogate = gaussian_surrogate(posterior, [MEAN] * DIM, SD * np.eye(DIM))
    draws = MEAN + SD * np.random.default_rng(0).normal(size=(256, 100, DIM))
    weighted = weigh_draws(posterior, surrogate, draws, num_evaluations=2400, num_stretched=800)
    return posterior, surrogate, weighted, draws


@pytest.fixture(scope="module")
def matched(far):
    return match_moments(*far)


def test_weights_become_reliable(far, matched):
    before = far[2]
    assert before.pareto_khat > 1 and before.effective_sample_size < 30
    assert matched.pareto_khat < reliable_khat(len(matched.weight))
    assert matched.effective_sample_size > 80
    mean = matched.weight @ matched.position
    spread = np.sqrt(matched.weight @ (matched.position - mean) ** 2)
    error = 4 / np.sqrt(matched.effective_sample_size)
    assert np.all(np.abs(mean) < error) and np.all(np.abs(spread - 1) < error)


def test_the_mixture_is_the_one_that_made_the_points(matched):
    """By hand: every point's weight is p over the sum of the maps' normal densities."""
    stretches, counts = matched.stretches, np.bincount(matched.which)
    mixture = np.zeros(len(matched.position))
    for matrix, shift, count in zip(stretches.matrix, stretches.shift, counts, strict=True):
        mean = stretches.center + shift + matrix @ (MEAN - stretches.center)
        mixture += count * multivariate_normal(mean, SD**2 * matrix @ matrix.T).pdf(matched.position)
    weight = multivariate_normal(np.zeros(DIM), np.eye(DIM)).pdf(matched.position) / mixture
    np.testing.assert_allclose(
        matched.weight, weight / weight.sum(), rtol=2e-4
    )  # networks are of single precision
    assert len(matched.evaluations.loglikelihood) == len(matched.weight) > 2400
    np.testing.assert_allclose(
        matched.evaluations.loglikelihood, -0.5 * np.sum(matched.position**2, axis=1), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("effective", ["many", "few"])
def test_the_map_gives_draws_the_moments_of_the_weights(far, effective):
    weighted = far[2]
    rng = np.random.default_rng(1)
    weight = rng.uniform(size=2400) if effective == "many" else np.where(np.arange(2400) < 40, 1.0, 1e-9)
    weight /= weight.sum()
    matrix, shift = _matched(weighted._replace(weight=weight))
    moved = weighted.stretches.center + shift + (weighted.position - weighted.stretches.center) @ matrix.T
    mean = weighted.surrogate_weight @ moved
    wanted = weight @ weighted.position
    np.testing.assert_allclose(mean, wanted, atol=1e-9)
    variance = weighted.surrogate_weight @ (moved - mean) ** 2
    np.testing.assert_allclose(variance, weight @ (weighted.position - wanted) ** 2, rtol=1e-9)


def test_reliable_weights_are_left_alone(far):
    posterior = far[0]
    surrogate = gaussian_surrogate(posterior, [0.0] * DIM, np.eye(DIM))
    draws = np.random.default_rng(0).normal(size=(64, 100, DIM))
    weighted = weigh_draws(posterior, surrogate, draws, num_evaluations=600)
    assert match_moments(posterior, surrogate, weighted, draws) is weighted
