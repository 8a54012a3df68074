"""Synthetic posteriors and surrogates with known answers, for the tests of the surrogate."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from estim.networks.mlp import init_network
from estim.networks.train import History
from estim.posterior import from_loglikelihood
from estim.surrogate.fit import Surrogate, build_surrogate_posterior
from estim.surrogate.scaling import Scaling


def make_posterior(loglikelihood_fn, dim, prior_sd):
    """A likelihood on R^dim with independent N(0, prior_sd^2) priors."""
    prior = {f"x{i}": dist.Normal(0.0, prior_sd) for i in range(dim)}
    return from_loglikelihood(lambda values: loglikelihood_fn(jnp.stack(list(values.values()))), prior)


def gaussian_posterior(dim, prior_sd=1e3):
    """A standard normal likelihood times a prior so wide that the posterior is standard normal too."""
    return make_posterior(lambda x: -0.5 * jnp.sum(x**2), dim, prior_sd)


def gaussian_surrogate(posterior, mean, scale, num_members=1):
    """A surrogate whose log-likelihood is that of N(mean, scale scale'), up to a constant: its network is zero."""
    dim = len(mean)
    network = init_network(jax.random.key(0), num_members, dim, hidden=(8,))
    network = jax.tree.map(jnp.zeros_like, network)
    scaling = Scaling(
        center=jnp.asarray(mean, float),
        scale=jnp.asarray(scale, float),
        intercept=jnp.asarray(-700.0),
        slope=jnp.zeros(dim),
        curvature=-jnp.eye(dim),
        output_scale=jnp.asarray(1.0),
        low=jnp.full(dim, -jnp.inf),
        high=jnp.full(dim, jnp.inf),
        lowest=jnp.asarray(-jnp.inf),
        highest=jnp.asarray(jnp.inf),
    )
    history = History(np.zeros((1, num_members)), np.zeros((1, num_members)))
    return Surrogate(build_surrogate_posterior(posterior, scaling, network), scaling, network, history, {})


def mixing_matrix(dim):
    """A fixed linear map that correlates the coordinates and spreads their scales."""
    rng = np.random.default_rng(1)
    q, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
    return jnp.asarray(q * np.geomspace(0.2, 3.0, dim)[None, :])


def hard_posterior(dim):
    """Two bananas, log-gamma tails of both signs, a heavy tail and a Gaussian rest, mixed linearly: x = A u."""
    inverse = jnp.linalg.inv(mixing_matrix(dim))

    def loglikelihood_fn(x):
        u = inverse @ x
        bananas = u[0] ** 2 + (u[1] - (u[0] ** 2 - 1)) ** 2 + u[2] ** 2 + (u[3] - 0.7 * (u[2] ** 2 - 1)) ** 2
        log_gammas = 2.0 * u[4] - jnp.exp(u[4]) - 3.0 * u[5] - jnp.exp(-u[5])
        heavy = -3.5 * jnp.log1p(u[6] ** 2 / 6)
        return -300.0 - 0.5 * bananas + log_gammas + heavy - 0.5 * jnp.sum(u[7:] ** 2)

    return make_posterior(loglikelihood_fn, dim, prior_sd=1e3)


def hard_draws(rng, dim, num):
    """Exact draws ``[num, dim]`` of `hard_posterior` (its prior is flat)."""
    u = rng.normal(size=(num, dim))
    u[:, 1] += u[:, 0] ** 2 - 1
    u[:, 3] += 0.7 * (u[:, 2] ** 2 - 1)
    u[:, 4] = np.log(rng.gamma(2.0, size=num))
    u[:, 5] = -np.log(rng.gamma(3.0, size=num))
    u[:, 6] = rng.standard_t(6, size=num)
    return u @ np.asarray(mixing_matrix(dim)).T
