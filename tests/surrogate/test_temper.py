"""A tempered path from a surrogate: the exact margins and marginal likelihood, from one that is near or far."""

import jax
import numpy as np
import pytest
from helpers_surrogate import gaussian_posterior, gaussian_surrogate
from scipy.stats import norm

from estim.surrogate.sample import sample_surrogate
from estim.surrogate.temper import population_margins, temper

PRIOR_SD = 1e3


@pytest.mark.parametrize(("mean", "sd", "stages"), [(0.1, 1.0, 1), (3.0, 1.5, 2)], ids=["a step", "stages"])
def test_margins_and_marginal_likelihood(mean, sd, stages):
    posterior = gaussian_posterior(2, PRIOR_SD)
    surrogate = gaussian_surrogate(posterior, [mean, 0.0], sd * np.eye(2))
    size = {"num_samples": 20, "num_chains": 256, "num_warmup": 300, "thin": 5}
    draws = sample_surrogate(surrogate, jax.random.key(0), **size).position
    moved = temper(posterior, surrogate, draws, jax.random.key(1))
    assert moved.position.shape == (16, 250, 2) and moved.posterior is posterior
    assert np.max(moved.stats["num_stages"]) >= stages
    found, error = population_margins(moved.position)
    exact = np.array([0.0, 1.0, *norm.ppf([0.05, 0.95])])[:, None]
    error = np.sqrt(
        np.mean(error**2, axis=1, keepdims=True)
    )  # of both parameters, which are alike: 30 differences
    assert np.all(np.abs(found - exact) < 4 * error) and np.all(error < 0.06)
    # exp(-x^2/2) in each of two dimensions, times a prior that is next to flat
    truth = 2 * (np.log(np.sqrt(2 * np.pi)) + norm.logpdf(0.0, scale=PRIOR_SD))
    each = moved.stats["log_marginal_likelihood"][:, 0]
    assert abs(moved.log_marginal_likelihood - truth) < 4 * each.std(ddof=1) / 4 + 0.02
    np.testing.assert_allclose(moved.loglikelihood, -0.5 * np.sum(moved.position**2, axis=-1), atol=1e-6)
