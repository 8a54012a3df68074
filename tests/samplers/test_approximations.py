"""Tempered SMC against a closed form, and Pathfinder's Gaussian as a start."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from helpers_samplers import COVARIANCE, MEAN, gaussian
from scipy.special import betaln
from scipy.stats import multivariate_normal

from estim.analysis import modified_harmonic_mean
from estim.posterior import from_logdensity, from_loglikelihood
from estim.samplers.mode import find_mode, laplace_approximation
from estim.samplers.pathfinder import pathfinder_approximation
from estim.samplers.run import SamplerError, sample
from estim.status import Status

Y = np.array([1.0, 2.0, 0.5, 1.5])


def test_smc_gives_the_posterior_and_the_marginal_likelihood():
    """mu ~ N(0, 2^2), y_i ~ N(mu, 1): everything is normal."""
    posterior = from_loglikelihood(
        lambda p: jnp.sum(dist.Normal(p["mu"], 1.0).log_prob(Y)), {"mu": dist.Normal(0.0, 2.0)}
    )
    draws = sample(posterior, "smc", jax.random.key(0), num_samples=2000, num_chains=4)
    exact = multivariate_normal(np.zeros(4), np.eye(4) + 4.0).logpdf(Y)
    assert draws.log_marginal_likelihood == pytest.approx(exact, abs=0.15)
    variance = 1 / (4 + 1 / 4)
    assert draws.position.mean() == pytest.approx(variance * Y.sum(), abs=5 * np.sqrt(variance / 8000) * 2)
    assert draws.position.std() == pytest.approx(np.sqrt(variance), rel=0.08)
    num_stages = draws.stats["num_stages"][:, 0]
    assert len(draws.evaluations.position) == 2000 * np.sum(1 + 10 * num_stages)


def test_three_ways_to_a_known_marginal_likelihood():
    """Four correlated normal parameters seen through y = A theta + u, and a share seen through 140 of 200."""
    rng = np.random.default_rng(0)
    names, root = ("a", "b", "c", "d"), rng.normal(size=(4, 4))
    mean, covariance, design = np.ones(4), root @ root.T + np.eye(4), rng.normal(size=(3, 4))
    y = design @ rng.normal(size=4)

    def loglikelihood(p):
        seen = dist.Normal(jnp.array(design) @ jnp.stack([p[n] for n in names]), 0.5).log_prob(y)
        return jnp.sum(seen) + 140 * jnp.log(p["share"]) + 60 * jnp.log1p(-p["share"])

    prior = {names: dist.MultivariateNormal(mean, covariance), "share": dist.Uniform(0.0, 1.0)}
    posterior = from_loglikelihood(loglikelihood, prior)
    predicted = multivariate_normal(design @ mean, design @ covariance @ design.T + 0.25 * np.eye(3))
    exact = predicted.logpdf(y) + betaln(141, 61)

    laplace = laplace_approximation(posterior, find_mode(posterior, jax.random.key(0), num_starts=1))
    assert laplace.log_marginal_likelihood == pytest.approx(exact, abs=0.01)  # O(1/n) from the share

    draws = sample(posterior, "rwmh", jax.random.key(1), num_samples=5000, num_chains=4, laplace=laplace)
    harmonic = modified_harmonic_mean(draws.position, draws.loglikelihood + draws.logprior, (0.3, 0.5, 0.9))
    assert np.all(harmonic.standard_error < 0.1)
    error = np.abs(harmonic.log_marginal_likelihood - exact)
    assert np.all(error < 5 * harmonic.standard_error), (error, harmonic.standard_error)

    draws = sample(posterior, "smc", jax.random.key(2), num_samples=250, num_chains=16)
    ratio = np.exp(draws.stats["log_marginal_likelihood"][:, 0] - exact)  # each has the expectation one
    standard_error = ratio.std(ddof=1) / 4
    assert standard_error < 0.15
    assert abs(ratio.mean() - 1) < 5 * standard_error
    assert draws.log_marginal_likelihood == pytest.approx(exact + np.log(ratio.mean()))


def test_smc_counts_the_prior_mass_without_a_solution():
    """The likelihood is one where x > 0 and nothing is solved elsewhere: the evidence is one half."""

    def loglikelihood(p):
        status = jnp.where(p["x"] > 0, Status.OK.value, Status.INDETERMINATE.value)
        return jnp.where(p["x"] > 0, 0.0, -jnp.inf), status

    posterior = from_loglikelihood(loglikelihood, {"x": dist.Normal(0.0, 1.0)})
    draws = sample(posterior, "smc", jax.random.key(1), num_samples=2000, num_chains=2)
    assert draws.log_marginal_likelihood == pytest.approx(np.log(0.5), abs=0.1)
    assert draws.position.min() > 0 and draws.failures["INDETERMINATE"] > 1000
    assert draws.position.mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.08)


def test_pathfinder_finds_a_gaussian():
    found = pathfinder_approximation(gaussian(), jax.random.key(0))
    np.testing.assert_allclose(found.mode, MEAN, atol=0.2)
    np.testing.assert_allclose(found.covariance, COVARIANCE, atol=0.3)
    volume = 0.5 * np.linalg.slogdet(2 * np.pi * COVARIANCE)[1]
    assert found.log_marginal_likelihood == pytest.approx(volume, abs=0.1)


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.0), (3.0, 0.2), (-2.0, 6.0)])
def test_smc_of_a_bare_log_density_divides_out_what_it_begins_from(mean, sd):
    """A normal of another width and place than the starting draws: its own moments, and the integral of exp."""
    posterior = from_logdensity(lambda x: -0.5 * jnp.sum((x - mean) ** 2) / sd**2, jnp.zeros(2))
    draws = sample(posterior, "smc", jax.random.key(0), num_samples=800, num_chains=4)
    effective = 1000  # of 3,200 particles, some of them copies
    assert np.all(np.abs(draws.position.mean((0, 1)) - mean) < 5 * sd / np.sqrt(effective))
    assert np.all(np.abs(draws.position.std((0, 1)) / sd - 1) < 5 / np.sqrt(2 * effective))
    assert draws.log_marginal_likelihood == pytest.approx(np.log(2 * np.pi * sd**2), abs=0.25)
    np.testing.assert_array_equal(draws.logprior, 0.0)
    np.testing.assert_allclose(draws.loglikelihood[0, 0], posterior.logdensity_fn(draws.position[0, 0]))


@pytest.mark.parametrize("share", [0.0, 1e-4])
def test_smc_without_a_solution_says_so(share):
    def loglikelihood(p):
        solved = p["x"] < share
        return jnp.where(solved, 0.0, -jnp.inf), jnp.where(solved, Status.OK.value, Status.EXPLOSIVE.value)

    posterior = from_loglikelihood(loglikelihood, {"x": dist.Uniform(0.0, 1.0)}, start={"x": 0.5})
    message = r"smc: \d of 5000 draws of the prior have a density, too few for 50 particles; .*explosive"
    with pytest.raises(SamplerError, match=message):
        sample(posterior, "smc", jax.random.key(0), num_samples=50, num_chains=1)
    with pytest.raises(SamplerError, match="num_samples=1; a population has two particles or more"):
        sample(posterior, "smc", jax.random.key(0), num_samples=1)


def test_smc_where_log_likelihoods_differ_by_powers_of_ten():
    """A wall of a thousandth of the prior, below which the log-likelihood falls off at a slope of 1e30."""
    posterior = from_loglikelihood(
        lambda p: -1e30 * jnp.maximum(p["x"] - 1e-3, 0.0), {"x": dist.Uniform(0.0, 1.0)}
    )
    draws = sample(posterior, "smc", jax.random.key(0), num_samples=300, num_chains=2)
    assert np.all(np.isfinite(draws.position))
    assert draws.log_marginal_likelihood == pytest.approx(np.log(1e-3), abs=1.0)
