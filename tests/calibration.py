"""Simulation-based calibration on a model of two parameters: is the parameter behind the data a draw like any other?

A route is any function that makes draws of a posterior: a kernel's chain, a population, a surrogate's draws, what a
correction makes of them. See `estim.analysis.calibration`.
"""

from collections.abc import Callable
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist

from estim.analysis import uniformity
from estim.posterior import from_loglikelihood

PRIOR = {"mu": dist.Normal(0.0, 1.0), "sigma": dist.LogNormal(-1 / 32, 0.25)}
NUM_OBS = 5
NUM_RANKS = 8
WITHOUT_DATA = from_loglikelihood(
    lambda p, y: jnp.sum(dist.Normal(p["mu"], p["sigma"]).log_prob(y)), PRIOR, data=jnp.zeros(NUM_OBS)
)


def posterior_given(y):
    """mu and sigma given five numbers y ~ N(mu, sigma^2); `y` may be traced."""
    return replace(WITHOUT_DATA, data=y)


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


def replicates(rng_key, num_replicates: int):
    """For each replicate a key, the position behind the data, the data, and a draw of the prior unrelated to them."""
    key_prior, key_data, key_route = jax.random.split(rng_key, 3)
    behind, start = np.asarray(WITHOUT_DATA.sample_prior(key_prior, 2 * num_replicates)).reshape(2, -1, 2)
    data = np.asarray(jax.vmap(simulate)(jax.random.split(key_data, num_replicates), behind))
    yield from zip(jax.random.split(key_route, num_replicates), behind, data, start, strict=True)


def ranks_of_route(rng_key, route: Callable, num_replicates: int) -> np.ndarray:
    """Ranks ``[num_replicates, dim]`` of a route ``(rng_key, y, start) -> draws [n, dim]``, one data set after another.

    `start` is a draw of the prior that has nothing to do with the data.
    """
    return np.array(
        [
            rank_among(jnp.asarray(route(key, y, start)), behind)
            for key, behind, y, start in replicates(rng_key, num_replicates)
        ]
    )


def assert_uniform(ranks, smallest: float = 1e-5) -> None:
    """A chi-squared test of each parameter's ranks ``[n, dim]``."""
    found = uniformity(ranks, NUM_RANKS - 1, NUM_RANKS)
    assert np.all(found.pvalue > smallest), (found.pvalue, found.counts)
