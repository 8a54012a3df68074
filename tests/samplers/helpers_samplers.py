"""Small posteriors with known answers, and the yardstick that holds draws against them."""

import arviz_stats
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from estim.posterior import from_logdensity, from_loglikelihood
from estim.samplers.base import Tuning

MEAN = jnp.array([1.0, -2.0, 0.5])
COVARIANCE = jnp.array([[1.0, 0.8, 0.0], [0.8, 2.0, -0.3], [0.0, -0.3, 0.5]])


def gaussian():
    precision = jnp.linalg.inv(COVARIANCE)
    return from_logdensity(lambda x: -0.5 * (x - MEAN) @ precision @ (x - MEAN), jnp.zeros(3))


def half_banana():
    """x ~ N(0, 1), y | x ~ N((x^2 - 1) / 2, 0.5^2), z a half-normal, without a density where z < 0."""

    def logdensity(position):
        x, y, z = position
        value = -0.5 * x**2 - 2.0 * (y - 0.5 * (x**2 - 1.0)) ** 2 - 0.5 * z**2
        return jnp.where(z < 0, -jnp.inf, value)

    return from_logdensity(logdensity, jnp.array([0.5, 0.5, 1.0]))


def adversary():
    """Five independent numbers, each of which breaks something.

    a is a ten-thousandth wide; b has exp(b), which overflows; c is NaN below -1.5 and plus infinity above 1.8; d falls
    off a cliff beyond one; e has no slope above 1.5.
    """

    @jax.custom_jvp
    def half_known(e):
        return -0.5 * e**2

    half_known.defjvp(lambda x, v: (half_known(*x), jnp.where(x[0] > 1.5, jnp.nan, -x[0]) * v[0]))

    def logdensity(position):
        a, b, c, d, e = position
        value = -0.5 * (a / 1e-4) ** 2 + 0.7 * b - jnp.exp(b) - 0.5 * c**2 - 0.5 * d**2 + half_known(e)
        value = value - 1e12 * jnp.maximum(jnp.abs(d) - 1.0, 0.0)
        return jnp.where(c < -1.5, jnp.nan, jnp.where(c > 1.8, jnp.inf, value))

    return from_logdensity(logdensity, jnp.array([1e-4, -0.5, 0.2, 0.1, 0.3]))


def conjugate():
    """mu ~ N(0, 2^2), y_i ~ N(mu, 1): a posterior with a prior, transforms aside."""
    y = jnp.array([1.0, 2.0, 0.5, 1.5])
    prior = {"mu": dist.Normal(0.0, 2.0), "nu": dist.Gamma(3.0, 2.0)}
    return from_loglikelihood(lambda p: jnp.sum(dist.Normal(p["mu"], 1.0).log_prob(y)), prior)


def unit_tuning(dim, step_size=1.0):
    return Tuning(jnp.zeros(dim), jnp.eye(dim), jnp.asarray(step_size))


def check_mean(draws, expected, num_sds=4.5, min_ess=200):
    """Every column of ``[chain, draw, k]`` has the expected mean, by its own Monte Carlo error."""
    for column, value in zip(np.moveaxis(np.asarray(draws), -1, 0), expected, strict=True):
        ess = float(arviz_stats.ess(column))
        assert ess > min_ess, ess
        error = column.std() / np.sqrt(ess)
        assert abs(column.mean() - value) < num_sds * error, (column.mean(), value, error, ess)
