"""Stretched draws: the maps, and the density of what they make."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from estim.surrogate.stretch import ALONG, build_stretches, mixture_logdensity, share_out

MEAN = np.array([1.0, -2.0, 0.5])
COVARIANCE = np.array([[1.0, 0.8, 0.0], [0.8, 2.0, -0.5], [0.0, -0.5, 0.3]])


@pytest.fixture(scope="module")
def draws():
    return np.random.default_rng(0).multivariate_normal(MEAN, COVARIANCE, size=20_000)


def test_maps_and_their_inverses(draws):
    stretches = build_stretches(draws)
    assert stretches.matrix.shape == (8, 3, 3)
    np.testing.assert_allclose(
        stretches.matrix @ stretches.inverse, np.broadcast_to(np.eye(3), (8, 3, 3)), atol=1e-12
    )
    np.testing.assert_allclose(stretches.logdet[[0, *range(2, 8)]], np.log([1, *3 * ALONG]), atol=1e-12)
    for which in range(8):
        moved = stretches.forward(draws, np.full(len(draws), which))
        np.testing.assert_allclose(stretches.backward(moved, which), draws)


@pytest.mark.parametrize("j", range(3))
@pytest.mark.parametrize("which", [0, 1])
def test_along_a_parameter_the_others_follow_it(draws, j, which):
    stretches = build_stretches(draws)
    moved = stretches.forward(draws, np.full(len(draws), 2 + 2 * j + which))
    before, after = (y[:, j] - stretches.center[j] for y in (draws, moved))
    np.testing.assert_allclose(after, ALONG[which] * before)
    regression = np.cov(draws.T)[:, j] / np.cov(draws.T)[j, j]
    unexplained = [y - np.outer(y[:, j] - stretches.center[j], regression) for y in (draws, moved)]
    np.testing.assert_allclose(*unexplained)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_mixture_has_the_density_that_is_claimed(draws, dim):
    """E_mixture f / mixture is one for every density f that it covers, such as one wider than the draws'."""
    draws = draws[:, :dim]
    law = multivariate_normal(MEAN[:dim], COVARIANCE[:dim, :dim])
    wide = multivariate_normal(MEAN[:dim], 1.5 * COVARIANCE[:dim, :dim])
    stretches = build_stretches(draws)
    num_maps = 2 + 2 * dim
    counts = share_out(15_000, 5_000, num_maps)
    which = np.repeat(np.arange(num_maps), counts)
    points = stretches.forward(draws, which)
    log_law = np.stack([np.atleast_1d(law.logpdf(stretches.backward(points, k))) for k in range(num_maps)])
    ratio = np.exp(wide.logpdf(points) - mixture_logdensity(stretches, counts, log_law))
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(len(ratio))
    assert ratio.std() < 0.5


@pytest.mark.parametrize(("plain", "stretched", "dim"), [(750, 250, 3), (100, 7, 5), (100, 0, 2), (10, 1, 1)])
def test_every_point_is_given_to_one_map(plain, stretched, dim):
    counts = share_out(plain, stretched, 2 + 2 * dim)
    assert counts.sum() == plain + stretched and counts[0] == plain and counts[1] == stretched // 3
    assert np.ptp(counts[2:]) <= 1


def test_a_parameter_that_never_moves_is_not_stretched(draws):
    still = draws.copy()
    still[:, 1] = 3.0
    stretches = build_stretches(still)
    np.testing.assert_array_equal(stretches.matrix[4:6], [np.eye(3)] * 2)
