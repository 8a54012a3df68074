"""One meaning of the marginal likelihood: the integral of the density as it is given, by every route."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from estim import priors
from estim.analysis import bridge_sampling, modified_harmonic_mean, prior_mass
from estim.posterior import from_logdensity, from_loglikelihood
from estim.samplers.mode import find_mode, laplace_approximation
from estim.samplers.run import sample

KEY = jax.random.key(3)
CONSTANT = -7.0


def normal_2d(x):
    return -0.5 * x @ x - jnp.log(2 * jnp.pi) + CONSTANT


# name: log-density; independent draws of it from normals ``[n, dim]``; ln of its integral
TARGETS = {
    "one parameter": (
        lambda x: -0.5 * x[0] ** 2 - 0.5 * jnp.log(2 * jnp.pi) + CONSTANT,
        lambda e: e[:, :1],
        CONSTANT,
    ),
    "a wall along an axis": (
        lambda x: jnp.where(x[0] > 0.5, normal_2d(x), -jnp.inf),
        lambda e: e[e[:, 0] > 0.5],
        CONSTANT + norm.logcdf(-0.5),
    ),
    "a wall across": (
        lambda x: jnp.where(x[0] + 0.5 * x[1] > 0.3, normal_2d(x), -jnp.inf),
        lambda e: e[e[:, 0] + 0.5 * e[:, 1] > 0.3],
        CONSTANT + norm.logcdf(-0.3 / np.sqrt(1.25)),
    ),
    "a banana": (
        lambda x: normal_2d(jnp.array([x[0], x[1] - x[0] ** 2])),
        lambda e: np.stack([e[:, 0], e[:, 1] + e[:, 0] ** 2], axis=1),
        CONSTANT,
    ),
    "scales of a million and a millionth": (
        lambda x: normal_2d(x * jnp.array([1e-6, 1e6])),
        lambda e: e * np.array([1e6, 1e-6]),
        CONSTANT,
    ),
}


@pytest.fixture(params=TARGETS, scope="module")
def case(request):
    """A posterior, independent draws of it in four chains, their log-density, and the answer."""
    logdensity, transform, expected = TARGETS[request.param]
    draws = transform(np.random.default_rng(0).normal(size=(40_000, 2)))
    draws = draws[: len(draws) // 4 * 4]
    posterior = from_logdensity(logdensity, jnp.asarray(draws[0]))
    values = np.asarray(jax.jit(jax.vmap(logdensity))(draws))
    return posterior, draws.reshape(4, -1, draws.shape[-1]), values.reshape(4, -1), expected


def test_bridge_sampling_of_a_known_integral(case):
    posterior, position, logdensity, expected = case
    found = bridge_sampling(posterior, position, logdensity, KEY)
    assert abs(found.log_marginal_likelihood - expected) < 5 * found.standard_error + 1e-9
    assert found.standard_error < 0.1


def test_the_harmonic_mean_takes_out_what_lies_beyond_a_wall(case):
    posterior, position, logdensity, expected = case
    found = modified_harmonic_mean(position, logdensity, posterior=posterior, rng_key=KEY)
    error = np.abs(found.log_marginal_likelihood - expected)
    assert np.all(error < 5 * found.standard_error + 1e-9)
    assert np.all(found.standard_error < 0.15)


def test_the_harmonic_mean_knows_walls_along_an_axis_from_the_draws_alone():
    logdensity, transform, expected = TARGETS["a wall along an axis"]
    draws = transform(np.random.default_rng(1).normal(size=(40_000, 2)))[:12_000].reshape(4, -1, 2)
    values = np.asarray(jax.vmap(jax.vmap(logdensity))(draws))
    found = modified_harmonic_mean(draws, values)
    assert np.all(np.abs(found.log_marginal_likelihood - expected) < 5 * found.standard_error)


def test_errors_are_those_of_repeated_runs():
    """Thirty data sets of correlated draws: the estimates scatter as widely as they say."""
    logdensity = lambda x: -jnp.log1p(x[0] ** 2 / 5) * 3  # a Student t with five degrees of freedom
    expected = np.log(quad(lambda x: (1 + x**2 / 5) ** -3, -np.inf, np.inf)[0])
    posterior, rng, scores = from_logdensity(logdensity, jnp.zeros(1)), np.random.default_rng(0), []
    for i in range(30):
        draws = np.repeat(rng.standard_t(5, size=(4, 200, 1)), 5, axis=1)  # each draw stays five times
        values = -3 * np.log1p(draws[..., 0] ** 2 / 5)
        found = bridge_sampling(posterior, draws, values, jax.random.fold_in(KEY, i), num_proposals=400)
        scores.append((found.log_marginal_likelihood - expected) / found.standard_error)
    assert abs(np.mean(scores)) < 4 / np.sqrt(30)
    assert 0.6 < np.std(scores) < 1.5


def test_bridge_sampling_says_what_is_missing():
    nowhere = from_logdensity(lambda x: -jnp.inf * jnp.sum(x**2 + 1), jnp.zeros(2))
    draws = np.random.default_rng(0).normal(size=(2, 50, 2))
    with pytest.raises(ValueError, match="none of 100 draws of the fitted normal has a density"):
        bridge_sampling(nowhere, draws, draws[..., 0], KEY, num_proposals=100)
    with pytest.raises(ValueError, match="2 draws are too few for a covariance of 2 parameters"):
        bridge_sampling(nowhere, draws[:, :2], draws[:, :2, 0], KEY)


def cut(renormalise):
    """t ~ N(0, 1) cut to (1, 3), seen at 1.5 with a standard deviation of 0.2."""
    prior = priors.truncated(priors.normal(0.0, 1.0), low=1.0, high=3.0, renormalise=renormalise)
    return from_loglikelihood(lambda p: dist.Normal(p["t"], 0.2).log_prob(1.5), {"t": prior})


def joint(renormalise):
    """a, b ~ N(0, 1) with a term that leaves a > b alone, or says so with mass one; a + b is seen at 1."""
    term = lambda p: jnp.where(p["a"] > p["b"], 0.0, -jnp.inf) + (jnp.log(2.0) if renormalise else 0.0)
    prior = {"a": dist.Normal(0.0, 1.0), "b": dist.Normal(0.0, 1.0)}
    loglikelihood = lambda p: dist.Normal(p["a"] + p["b"], 0.5).log_prob(1.0)
    return from_loglikelihood(loglikelihood, prior, {"a": 0.5, "b": -0.5}, joint_prior=term)


MASS = {cut: np.log(norm.cdf(3) - norm.cdf(1)), joint: np.log(0.5)}
EVIDENCE = {
    cut: np.log(quad(lambda t: norm.pdf(t, 1.5, 0.2) * norm.pdf(t), 1, 3)[0]),
    joint: norm.logpdf(1.0, 0.0, np.sqrt(2.25)) + np.log(0.5),
}


@pytest.mark.parametrize("build", [cut, joint])
def test_every_route_means_the_same_number(build):
    posterior, expected = build(renormalise=False), EVIDENCE[build]
    smc = sample(posterior, "smc", KEY, num_samples=1000, num_chains=4)
    assert smc.log_marginal_likelihood == pytest.approx(expected, abs=0.15)
    position, logdensity = smc.position, smc.loglikelihood + smc.logprior
    np.testing.assert_allclose(logdensity[0, :3], [posterior.logdensity_fn(x) for x in position[0, :3]])
    bridge = bridge_sampling(posterior, position, logdensity, KEY)
    assert bridge.log_marginal_likelihood == pytest.approx(expected, abs=5 * bridge.standard_error)
    harmonic = modified_harmonic_mean(position, logdensity, (0.5, 0.9), posterior=posterior)
    assert np.all(np.abs(harmonic.log_marginal_likelihood - expected) < 5 * harmonic.standard_error + 1e-9)
    if build is cut:
        laplace = laplace_approximation(posterior, find_mode(posterior, KEY, num_starts=2))
        assert laplace.log_marginal_likelihood == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize("renormalise", [False, True])
@pytest.mark.parametrize("build", [cut, joint])
def test_the_mass_of_a_prior(build, renormalise):
    mass = prior_mass(build(renormalise), KEY)
    expected = 0.0 if renormalise else MASS[build]
    assert mass.log_mass == pytest.approx(expected, abs=5 * mass.log_mass_error + 1e-9)
    assert mass.log_mass_error < 0.05
    assert mass.log_probability_of_solution == pytest.approx(0.0, abs=1e-12)


def test_the_probability_of_a_solution():
    """sigma ~ U(0, 1) has a solution above one quarter: papers that normalise on it have ln 4/3 more."""
    loglikelihood = lambda p: jnp.where(p["sigma"] > 0.25, 0.0, -jnp.inf)
    posterior = from_loglikelihood(loglikelihood, {"sigma": dist.Uniform(0.0, 1.0)})
    mass = prior_mass(posterior, KEY, num_draws=4000)
    assert mass.log_mass == pytest.approx(0.0, abs=1e-9)
    assert abs(mass.log_probability_of_solution - np.log(0.75)) < 5 * mass.log_probability_error < 0.05
