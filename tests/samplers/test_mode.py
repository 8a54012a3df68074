"""The posterior mode and the Laplace approximation, against closed forms."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pandas as pd
import pytest
from helpers_samplers import COVARIANCE, MEAN, gaussian
from scipy.stats import binom, multivariate_normal, norm
from small_models import ar1

from estim.estimation import build_posterior
from estim.posterior import from_logdensity, from_loglikelihood
from estim.samplers.mode import ModeError, find_mode, laplace_approximation
from estim.samplers.run import sample


def test_a_gaussian_is_its_own_laplace_approximation():
    mode = find_mode(gaussian(), jax.random.key(0))
    np.testing.assert_allclose(mode.position, MEAN, atol=1e-6)
    laplace = laplace_approximation(gaussian(), mode)
    np.testing.assert_allclose(laplace.covariance, COVARIANCE, rtol=1e-6, atol=1e-8)
    volume = 0.5 * np.linalg.slogdet(2 * np.pi * COVARIANCE)[1]
    assert laplace.log_marginal_likelihood == pytest.approx(volume, abs=1e-6)


def test_rosenbrock_with_a_forbidden_half_plane():
    """The path to the mode (1, 1) bends along the edge of a region without a density."""

    def logdensity(x):
        value = -100 * (x[1] - x[0] ** 2) ** 2 - (1 - x[0]) ** 2
        return jnp.where(x[1] < -0.05, -jnp.inf, value)

    mode = find_mode(from_logdensity(logdensity, jnp.array([-1.5, 1.0])), jax.random.key(0))
    np.testing.assert_allclose(mode.position, [1.0, 1.0], atol=1e-4)


def test_several_starts_find_the_higher_of_two_modes():
    """The start lies in the basin of the lower mode at -4; the higher one is at 4."""

    def logdensity(x):
        return jnp.logaddexp(-0.5 * (x[0] + 4) ** 2, 2.0 - 0.5 * (x[0] - 4) ** 2)

    posterior = from_logdensity(logdensity, jnp.array([-4.0]))
    wide = replace(
        posterior,
        parameters=posterior.parameters._replace(
            sample_prior=lambda key, num: 6 * jax.random.normal(key, (num, 1))
        ),
    )
    assert find_mode(wide, jax.random.key(0), num_starts=1).position[0] == pytest.approx(-4, abs=1e-3)
    mode = find_mode(wide, jax.random.key(0), num_starts=8)
    assert mode.position[0] == pytest.approx(4, abs=1e-3)
    assert mode.logdensity == mode.logdensities.max() and mode.starts.shape == (8, 1)


def bernoulli(successes, trials):
    """kappa ~ U(0, 1): the density of kappa is Beta(s + 1, n - s + 1), that of the position has one more each."""
    prior = {"kappa": dist.Uniform(0.0, 1.0)}
    return from_loglikelihood(
        lambda p: successes * jnp.log(p["kappa"]) + (trials - successes) * jnp.log1p(-p["kappa"]), prior
    )


def mode_of_position(successes, trials):
    """The share of successes at which its likelihood times the density of its normal quantile is highest."""
    share = np.linspace(0.5, 0.9, 400_001)
    return share[np.argmax(binom.logpmf(successes, trials, share) + norm.logpdf(norm.ppf(share)))]


@pytest.mark.parametrize(("density", "expected"), [("position", mode_of_position(7, 10)), ("params", 7 / 10)])
def test_the_density_whose_mode_is_sought(density, expected):
    posterior = bernoulli(7, 10)
    mode = find_mode(posterior, jax.random.key(0), density=density)
    assert posterior.constrain_fn(mode.position)["kappa"] == pytest.approx(expected, abs=1e-5)


def test_a_mode_on_the_bound_is_inside_in_the_position_and_on_the_bound_in_the_params():
    posterior = from_loglikelihood(lambda p: 5.0 * p["kappa"], {"kappa": dist.Uniform(0.0, 1.0)})
    inside = find_mode(posterior, jax.random.key(0))
    assert 0.5 < posterior.constrain_fn(inside.position)["kappa"] < 0.9
    on_bound = find_mode(posterior, jax.random.key(0), density="params")
    assert posterior.constrain_fn(on_bound.position)["kappa"] == pytest.approx(1.0, abs=1e-5)
    assert np.isfinite(laplace_approximation(posterior, inside).log_marginal_likelihood)


def test_laplace_marginal_likelihood_of_a_beta_binomial():
    """Position density kappa^(s+1) (1-kappa)^(n-s+1): log Beta(s + 1, n - s + 1) up to O(1 / n)."""
    posterior = bernoulli(700, 1000)
    laplace = laplace_approximation(posterior, find_mode(posterior, jax.random.key(0)))
    exact = jax.scipy.special.betaln(701.0, 301.0)
    assert laplace.log_marginal_likelihood == pytest.approx(float(exact), abs=2e-3)


def test_laplace_is_exact_with_correlated_parameters_a_joint_term_and_a_normal_likelihood():
    """Three normal factors: prior N(m, C), a joint term on a + b, the observation y = a - b + u."""
    mean, covariance = np.array([1.0, -0.5]), np.array([[0.5, 0.3], [0.3, 0.4]])
    posterior = from_loglikelihood(
        lambda p: dist.Normal(p["a"] - p["b"], 0.5).log_prob(2.0),
        {("a", "b"): dist.MultivariateNormal(mean, covariance)},
        joint_prior=lambda p: dist.Normal(p["a"] + p["b"], 0.3).log_prob(1.0),
    )
    design, noise, seen = np.array([[1, 1], [1, -1]]), np.diag([0.09, 0.25]), np.array([1.0, 2.0])
    predicted = design @ covariance @ design.T + noise
    gain = covariance @ design.T @ np.linalg.inv(predicted)
    mode = find_mode(posterior, jax.random.key(0), num_starts=2)
    laplace = laplace_approximation(posterior, mode)
    np.testing.assert_allclose(laplace.mode, mean + gain @ (seen - design @ mean), atol=1e-6)
    np.testing.assert_allclose(laplace.covariance, covariance - gain @ design @ covariance, rtol=1e-6)
    evidence = multivariate_normal(design @ mean, predicted).logpdf(seen)
    assert laplace.log_marginal_likelihood == pytest.approx(evidence, abs=1e-6)


def test_the_curvature_of_a_model_is_its_hessian():
    """Laplace differences gradients; the solution and the filter can be differentiated twice."""
    data = pd.DataFrame({"X": np.random.default_rng(0).normal(size=40)})
    posterior = build_posterior(ar1(), data)
    position = jnp.array([0.1, -0.2])
    laplace = laplace_approximation(posterior, position)
    hessian = jax.jit(jax.hessian(posterior.logdensity_fn))(position)
    np.testing.assert_allclose(np.linalg.inv(laplace.covariance), -hessian, rtol=1e-6)


def test_a_wide_step_sees_past_a_jump_of_the_slope():
    """-x^2 / 2 whose slope jumps by 0.2 at the mode in one direction: a narrow difference takes that for curvature."""

    @jax.custom_jvp
    def logdensity(x):
        return -0.5 * jnp.sum(x**2)

    logdensity.defjvp(
        lambda x, v: (logdensity(*x), -jnp.vdot(x[0] + jnp.array([0.1, 0]) * jnp.sign(x[0]), v[0]))
    )
    posterior = from_logdensity(logdensity, jnp.zeros(2))
    narrow, wide = (laplace_approximation(posterior, jnp.zeros(2), step=s).covariance for s in (1e-3, 0.3))
    np.testing.assert_allclose(np.diag(narrow), [1e-3, 1.0], rtol=0.1)
    np.testing.assert_allclose(np.diag(wide), [0.6, 1.0], rtol=0.1)


def test_flat_and_convex_directions_get_a_finite_width():
    """Curvature -1/4 in x0, 0 in x1, 1 in x2: the first two are as wide as sqrt(10) prior widths."""
    posterior = from_logdensity(lambda x: 0.125 * x[0] ** 2 - 0.5 * x[2] ** 2, jnp.zeros(3))
    laplace = laplace_approximation(posterior, jnp.zeros(3))
    widths = np.sqrt(np.diag(laplace.covariance))
    assert widths[2] == pytest.approx(1.0, rel=1e-6)
    np.testing.assert_allclose(widths[:2], np.sqrt(10), rtol=0.15)


def test_no_start_with_a_density_says_why():
    posterior = from_logdensity(lambda x: -jnp.inf * jnp.sum(x**2 + 1), jnp.zeros(2))
    with pytest.raises(ModeError, match=r"posterior.start \(a value is not finite\) and 400 prior draws"):
        find_mode(posterior, jax.random.key(0))


def hills(*centres, heights=None):
    """Unit normals in the plane around (c, 0), each as high as its number says."""
    heights = jnp.zeros(len(centres)) if heights is None else jnp.asarray(heights)
    places = jnp.stack([jnp.array(centres, float), jnp.zeros(len(centres))], axis=1)
    logdensity = lambda x: jax.nn.logsumexp(heights - 0.5 * jnp.sum((x[None] - places) ** 2, axis=1))
    return from_logdensity(logdensity, jnp.array([0.5, 0.0]))


@pytest.mark.parametrize(
    ("posterior", "where"),
    [
        (hills(-4.0, 4.0), [-4.0, 4.0]),
        (hills(-4.0, 4.0, heights=[0.0, 2.0]), [4.0, -4.0]),
        (hills(-0.5, 0.5), [0.0]),
        (
            from_logdensity(lambda x: -0.5 * x[0] ** 2 - 8 * (x[1] - x[0] ** 2) ** 2, jnp.array([2.0, 4.0])),
            [0.0],
        ),
    ],
    ids=["two equal ones", "the higher first", "two hills that are one", "a bent ridge"],
)
def test_distinct_modes_are_listed_with_their_heights(posterior, where):
    mode = find_mode(posterior, jax.random.key(0))
    found = mode.modes[:, 0] if len(where) == 1 or where[0] == 4.0 else np.sort(mode.modes[:, 0])
    np.testing.assert_allclose(found, where, atol=1e-2)
    np.testing.assert_allclose(mode.heights, [posterior.logdensity_fn(x) for x in mode.modes], rtol=1e-9)
    assert np.all(np.diff(mode.heights) <= 0) and mode.heights[0] == mode.logdensity
    laplace = laplace_approximation(posterior, mode)
    assert laplace.log_marginal_likelihood == pytest.approx(np.logaddexp.reduce(laplace.masses))


def test_chains_begin_around_each_mode_that_has_mass():
    """Two of equal mass, and a third e^-12 as high that no chain would ever leave."""
    posterior = hills(-5.0, 5.0, 0.0, heights=[0.0, 0.0, -12.0])
    laplace = laplace_approximation(posterior, find_mode(posterior, jax.random.key(0), num_starts=12))
    assert laplace.log_marginal_likelihood == pytest.approx(np.log(4 * np.pi), abs=1e-3)
    centres, _, heights = laplace.begin_at(4)
    np.testing.assert_allclose(np.sort(centres[:, 0]), [-5.0, -5.0, 5.0, 5.0], atol=1e-2)
    np.testing.assert_allclose(heights, 0.0, atol=1e-4)
    size = {"num_samples": 20, "num_chains": 4, "num_warmup": 20, "laplace": laplace}
    draws = sample(posterior, "rwmh", jax.random.key(1), **size)
    assert {float(np.sign(x)) for x in draws.position[:, 0, 0]} == {-1.0, 1.0}


def test_a_prior_symmetric_in_sign_shows_both_modes():
    """Only the square of b is seen."""
    loglikelihood = lambda p: dist.Normal(p["b"] ** 2, 0.3).log_prob(4.0)
    posterior = from_loglikelihood(loglikelihood, {"b": dist.Normal(0.0, 3.0)})
    mode = find_mode(posterior, jax.random.key(0))
    np.testing.assert_allclose(np.sort(mode.modes[:, 0]), [-2.0, 2.0], atol=0.01)
