"""Simulation-based calibration on a model of two parameters: is the parameter behind the data a draw like any other?

Parameters from the prior and data given them are a draw of their joint distribution, so that among L independent draws
of the posterior the rank of the parameter behind the data is uniform on 0 .. L (Talts, Betancourt, Simpson, Vehtari and
Gelman 2018). A route is any function that makes draws of a posterior: a kernel's chain, a surrogate's draws, what a
correction makes of them.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from scipy.stats import chisquare

from estim.posterior import from_loglikelihood

PRIOR = {"mu": dist.Normal(0.0, 1.0), "sigma": dist.LogNormal(-1 / 32, 0.25)}
NUM_OBS = 5
NUM_RANKS = 8


def posterior_given(y):
    """mu and sigma given five numbers y ~ N(mu, sigma^2); `y` may be traced."""
    return from_loglikelihood(lambda p: jnp.sum(dist.Normal(p["mu"], p["sigma"]).log_prob(y)), PRIOR)


WITHOUT_DATA = posterior_given(jnp.zeros(NUM_OBS))


@jax.jit
def simulate(rng_key, position):
    """Five numbers given a position."""
    params = WITHOUT_DATA.constrain_fn(position)
    return params["mu"] + params["sigma"] * jax.random.normal(rng_key, (NUM_OBS,))


@jax.jit
def rank_among(draws, behind):
    """The rank ``[dim]`` of the position behind the data among `NUM_RANKS` - 1 of the draws ``[n, dim]``, far apart."""
    thinned = draws[:: -(len(draws) // NUM_RANKS)][: NUM_RANKS - 1]
    return jnp.sum(thinned < behind[None, :], axis=0)


def ranks_of_route(rng_key, route: Callable, num_replicates: int) -> np.ndarray:
    """Ranks ``[num_replicates, dim]`` of a route ``(rng_key, y, start) -> draws [n, dim]``, one data set after another.

    `start` is a draw of the prior that has nothing to do with the data.
    """
    rows = []
    for key in jax.random.split(rng_key, num_replicates):
        key_prior, key_data, key_route = jax.random.split(key, 3)
        behind, start = WITHOUT_DATA.sample_prior(key_prior, 2)
        rows.append(rank_among(jnp.asarray(route(key_route, simulate(key_data, behind), start)), behind))
    return np.array(rows)


def assert_uniform(ranks, smallest: float = 1e-5) -> None:
    """A chi-squared test of each parameter's ranks ``[n, dim]``."""
    for column in np.asarray(ranks).T:
        pvalue = chisquare(np.bincount(column, minlength=NUM_RANKS)).pvalue
        assert pvalue > smallest, (pvalue, np.bincount(column, minlength=NUM_RANKS))
