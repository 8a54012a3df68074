"""Synthetic posteriors with known answers, for the tests of the surrogate."""

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from estim.posterior import from_loglikelihood


def make_posterior(loglikelihood_fn, dim, prior_sd=5.0):
    """A likelihood on R^dim with independent N(0, prior_sd^2) priors."""
    prior = {f"x{i}": dist.Normal(0.0, prior_sd) for i in range(dim)}
    return from_loglikelihood(lambda values: loglikelihood_fn(jnp.stack(list(values.values()))), prior)


def mixing_matrix(dim):
    """A fixed, well-conditioned linear map that correlates the coordinates and spreads their scales."""
    rng = np.random.default_rng(1)
    q, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
    return jnp.asarray(q * np.geomspace(0.2, 3.0, dim)[None, :])


def hard_posterior(dim=11):
    """Two bananas, log-gamma tails of both signs, a heavy tail and a Gaussian rest, all mixed linearly.

    ``u`` has a known sampler: x = A u, so exact draws are to be had from `hard_draws`.
    """
    inverse = jnp.linalg.inv(mixing_matrix(dim))

    def loglikelihood_fn(x):
        u = inverse @ x
        bananas = u[0] ** 2 + (u[1] - (u[0] ** 2 - 1)) ** 2 + u[2] ** 2 + (u[3] - 0.7 * (u[2] ** 2 - 1)) ** 2
        log_gammas = 2.0 * u[4] - jnp.exp(u[4]) - 3.0 * u[5] - jnp.exp(-u[5])
        heavy = -3.5 * jnp.log1p(u[6] ** 2 / 6)
        return -300.0 - 0.5 * bananas + log_gammas + heavy - 0.5 * jnp.sum(u[7:] ** 2)

    return make_posterior(loglikelihood_fn, dim, prior_sd=20.0)


def gaussian_posterior(dim=5):
    """Independent standard normal likelihood times a wide prior."""
    return make_posterior(lambda x: -0.5 * jnp.sum(x**2), dim)
