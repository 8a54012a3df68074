"""A posterior's functions agree with each other, with SciPy, and say why a point failed."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
import scipy.stats
from jax.test_util import check_grads

from estim.posterior import from_logdensity, from_loglikelihood
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


def test_from_logdensity_counts_all_as_likelihood(rng_key):
    posterior = from_logdensity(lambda x: -0.5 * x @ x, jnp.ones(3), ("a", "b", "c"))
    found = posterior.evaluate_fn(posterior.start)
    assert (found.loglikelihood, found.logprior) == (-1.5, 0.0)
    assert posterior.sample_prior(rng_key, 5).shape == (5, 3)
    assert posterior.unconstrain_fn({"a": 1.0, "b": 2.0, "c": 3.0}) == pytest.approx(
        np.array([1.0, 2.0, 3.0])
    )
