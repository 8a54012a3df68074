"""A posterior's functions agree with each other, with SciPy, and say why a point failed."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
import scipy.stats
from jax.test_util import check_grads
from small_models import Params, ar1

from estim.estimation import build_posterior
from estim.posterior import from_logdensity, from_loglikelihood
from estim.priors import jointly
from estim.status import Status

PRIOR = {
    "mu": dist.Normal(1.0, 2.0),
    "sigma": dist.Gamma(3.0, 2.0),
    "rho": dist.Beta(2.0, 4.0),
    "kappa": dist.Uniform(0.0, 5.0),
}
SCIPY = {
    "mu": scipy.stats.norm(1.0, 2.0),
    "sigma": scipy.stats.gamma(3.0, scale=0.5),
    "rho": scipy.stats.beta(2.0, 4.0),
    "kappa": scipy.stats.uniform(0.0, 5.0),
}
VALUES = {"mu": 0.3, "sigma": 0.7, "rho": 0.8, "kappa": 4.9}


def quadratic(values):
    return -0.5 * sum((v - 0.5) ** 2 for v in values.values())


@pytest.fixture
def posterior():
    return from_loglikelihood(quadratic, PRIOR)


def test_constrain_and_unconstrain_are_inverse(posterior):
    position = posterior.unconstrain_fn(VALUES)
    assert {n: float(v) for n, v in posterior.constrain_fn(position).items()} == pytest.approx(
        VALUES, rel=1e-12
    )


def test_logprior_is_the_prior_and_the_jacobian(posterior):
    position = posterior.unconstrain_fn(VALUES)
    jacobian = jax.jacfwd(lambda x: jnp.stack(list(posterior.constrain_fn(x).values())))(position)
    expected = sum(SCIPY[n].logpdf(v) for n, v in VALUES.items()) + np.linalg.slogdet(jacobian)[1]
    assert posterior.logprior_fn(position) == pytest.approx(expected, rel=1e-12)


def test_a_uniform_prior_is_standard_normal_in_its_position():
    uniform = from_loglikelihood(lambda p: 0.0 * p["kappa"], {"kappa": dist.Uniform(2.0, 5.0)})
    for x in (-40.0, -2.0, 0.3, 40.0):  # far out the value is at its bound, and the density goes on falling
        value, slope = jax.value_and_grad(uniform.logprior_fn)(jnp.array([x]))
        assert value == pytest.approx(scipy.stats.norm.logpdf(x), rel=1e-12)
        assert slope[0] == pytest.approx(-x)
        assert 2.0 <= uniform.constrain_fn(jnp.array([x]))["kappa"] <= 5.0


def test_logdensity_is_the_sum_and_has_a_gradient(posterior):
    position = posterior.unconstrain_fn(VALUES)
    found = posterior.evaluate_fn(position)
    assert found.loglikelihood == pytest.approx(quadratic(VALUES), rel=1e-12)
    assert posterior.logdensity_fn(position) == found.loglikelihood + found.logprior
    assert found.status == Status.OK
    check_grads(posterior.logdensity_fn, (position,), order=1)


def test_prior_draws_follow_the_prior(posterior, rng_key):
    draws = jax.vmap(posterior.constrain_fn)(posterior.sample_prior(rng_key, 4000))
    for name, law in SCIPY.items():
        error = np.mean(draws[name]) - law.mean()
        assert abs(error) < 5 * law.std() / np.sqrt(4000)


def test_search_starts_at_the_prior_mean_or_where_it_is_told():
    posterior = from_loglikelihood(quadratic, PRIOR, start={"rho": 0.9})
    start = {n: float(v) for n, v in posterior.constrain_fn(posterior.start).items()}
    assert start == pytest.approx({n: law.mean() for n, law in SCIPY.items()} | {"rho": 0.9})


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (lambda v: v["mu"] * jnp.nan, Status.NOT_FINITE),
        (lambda v: v["mu"] + jnp.inf, Status.NOT_FINITE),
        (lambda v: (v["mu"], jnp.asarray(Status.INDETERMINATE.value)), Status.INDETERMINATE),
    ],
)
def test_a_failure_is_minus_infinity_with_its_reason(result, status):
    posterior = from_loglikelihood(result, PRIOR)
    found = jax.jit(posterior.evaluate_fn)(posterior.start)
    assert found.status == status
    assert found.loglikelihood == -jnp.inf == posterior.logdensity_fn(posterior.start)


def test_with_loglikelihood_keeps_the_prior(posterior):
    other = posterior.with_loglikelihood(lambda position: -position @ position)
    assert other.logprior_fn(other.start) == posterior.logprior_fn(posterior.start)
    assert other.loglikelihood_fn(other.start) == -other.start @ other.start


MEAN, COVARIANCE = np.array([1.0, -0.5]), np.array([[0.5, 0.3], [0.3, 0.4]])
JOINTLY = {
    ("a", "b"): dist.MultivariateNormal(MEAN, COVARIANCE),
    ("shape", "rate"): dist.Gamma(jnp.array([2.0, 3.0]), 1.5).to_event(1),
    "mu": dist.Normal(1.0, 2.0),
}


def test_a_vector_prior_is_that_of_its_components_together():
    values = {"a": 0.3, "b": -1.0, "shape": 0.7, "rate": 2.0, "mu": 0.1}
    posterior = from_loglikelihood(quadratic, JOINTLY, start={"b": -0.4})
    assert posterior.param_names == tuple(values)
    start = posterior.constrain_fn(posterior.start)
    assert {n: float(v) for n, v in start.items()} == pytest.approx(
        {"a": 1.0, "b": -0.4, "shape": 4 / 3, "rate": 2.0, "mu": 1.0}
    )
    position = posterior.unconstrain_fn(values)
    assert {n: float(v) for n, v in posterior.constrain_fn(position).items()} == pytest.approx(values)
    expected = scipy.stats.multivariate_normal(MEAN, COVARIANCE).logpdf([0.3, -1.0])
    expected += scipy.stats.gamma([2.0, 3.0], scale=1 / 1.5).logpdf([0.7, 2.0]).sum()
    expected += scipy.stats.norm(1.0, 2.0).logpdf(0.1)
    assert posterior.logprior_fn(position) == pytest.approx(expected + np.log(0.7 * 2.0), rel=1e-12)
    assert posterior.logdet_fn(position) == pytest.approx(np.log(0.7 * 2.0), rel=1e-12)
    check_grads(posterior.logdensity_fn, (position,), order=1)


def test_draws_of_a_vector_prior_have_its_covariance(rng_key):
    posterior = from_loglikelihood(quadratic, JOINTLY)
    draws = jax.vmap(posterior.constrain_fn)(posterior.sample_prior(rng_key, 4000))
    deviation = np.stack([draws["a"], draws["b"]]) - MEAN[:, None]
    products = deviation[:, None] * deviation[None]
    error = (products.mean(-1) - COVARIANCE) / (products.std(-1) / np.sqrt(4000))
    assert np.abs(error).max() < 5


def term(values):
    """As if a + b had been observed at 2 with a variance of 0.1."""
    return -0.5 * (values["a"] + values["b"] - 2.0) ** 2 / 0.1


def test_a_joint_term_is_part_of_the_prior_and_of_its_draws(rng_key):
    """With a normal prior and a quadratic term, the two make a normal distribution."""
    prior = {("a", "b"): JOINTLY["a", "b"]}
    without, posterior = (from_loglikelihood(quadratic, prior, joint_prior=t) for t in (None, term))
    position = jnp.array([0.2, 0.9])
    difference = posterior.logdensity_fn(position) - without.logdensity_fn(position)
    assert difference == pytest.approx(term({"a": 0.2, "b": 0.9}), rel=1e-12)
    check_grads(posterior.logdensity_fn, (position,), order=1)
    gain = COVARIANCE.sum(axis=1) / (COVARIANCE.sum() + 0.1)
    mean = MEAN + gain * (2.0 - MEAN.sum())
    covariance = COVARIANCE - np.outer(gain, COVARIANCE.sum(axis=0))
    error = np.mean(posterior.sample_prior(rng_key, 2000), axis=0) - mean
    few = np.sqrt(2000 / 2)  # candidates are drawn again, so that the draws are somewhat dependent
    assert np.all(np.abs(error) < 5 * np.sqrt(np.diag(covariance)) / few)


def test_where_a_joint_term_excludes_a_point_it_is_out_of_the_support():
    posterior = from_loglikelihood(
        quadratic, {"mu": PRIOR["mu"]}, joint_prior=lambda v: jnp.where(v["mu"] > 1.0, 0.0, -jnp.inf)
    )
    found = posterior.evaluate_fn(jnp.array([0.9]))
    assert (found.status, found.logprior, found.loglikelihood) == (Status.OUT_OF_SUPPORT, -jnp.inf, -jnp.inf)
    assert posterior.evaluate_fn(jnp.array([1.1])).status == Status.OK


def test_a_model_states_both():
    """A prior on the standard deviation that the AR(1) implies, and a correlated pair."""
    rho, sigma = jointly(dist.MultivariateNormal(jnp.array([0.5, 1.0]), 0.01 * jnp.eye(2)))
    belief = lambda p: dist.Normal(2.0, 0.1).log_prob(p.sigma / jnp.sqrt(1 - p.rho**2))
    data = pd.DataFrame({"X": np.zeros(3)})
    without, posterior = (
        build_posterior(ar1(prior=Params(rho=rho, sigma=sigma), joint_prior=t), data) for t in (None, belief)
    )
    assert posterior.param_names == ("rho", "sigma")
    difference = posterior.logprior_fn(posterior.start) - without.logprior_fn(posterior.start)
    assert difference == pytest.approx(scipy.stats.norm(2.0, 0.1).logpdf(1 / np.sqrt(0.75)), rel=1e-12)


def test_from_logdensity_counts_all_as_likelihood(rng_key):
    posterior = from_logdensity(lambda x: -0.5 * x @ x, jnp.ones(3), ("a", "b", "c"))
    found = posterior.evaluate_fn(posterior.start)
    assert (found.loglikelihood, found.logprior) == (-1.5, 0.0)
    assert posterior.sample_prior(rng_key, 5).shape == (5, 3)
    assert posterior.unconstrain_fn({"a": 1.0, "b": 2.0, "c": 3.0}) == pytest.approx(
        np.array([1.0, 2.0, 3.0])
    )
