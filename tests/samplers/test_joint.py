"""Geweke's joint test and simulation-based calibration of every kernel, on a model of two parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from calibration import NUM_OBS, assert_uniform, posterior_given, rank_among, simulate
from helpers_samplers import check_mean, unit_tuning

from estim.samplers.registry import ALGORITHMS

KERNELS = {
    "rwmh": {},
    "mpmh": {"num_proposals": 4},
    "mpmh-chain": {"num_proposals": 4, "selection": "chain", "num_draws": 2},
    "mpmh-independent": {"num_proposals": 4, "construction": "independent"},
    "hmc": {"num_steps": 4},
    "chees": {"max_num_steps": 10},
    "delayed_acceptance": {"num_inner": 2},
    "nuts": {"max_num_doublings": 3},
    "pseudo_marginal": {},  # of a posterior without random numbers
}
STEP_SIZE = {"hmc": 0.25, "nuts": 0.25, "chees": 0.25}


def test_every_kernel_is_covered():
    """But for populations, which tests/test_calibration.py looks at."""
    chains = {name for name, row in ALGORITHMS.items() if row.drive is None}
    assert {name.split("-")[0] for name in KERNELS} == chains


def kernel_given(name, y):
    posterior, settings = posterior_given(y), dict(KERNELS[name])
    if name == "delayed_acceptance":
        settings["approximation"] = posterior.with_loglikelihood(
            lambda x: 0.8 * posterior.loglikelihood_fn(x)
        )
    build = ALGORITHMS[name.split("-")[0]].build
    return build(posterior, unit_tuning(2, STEP_SIZE.get(name, 0.6)), **settings)


@pytest.mark.parametrize("name", KERNELS)
def test_joint_and_calibration(name):
    """One compiled program a kernel: from prior draws, data given parameters and parameters given data.

    Geweke (2004): if the kernel leaves the posterior invariant, then after alternating y | x and
    a step of x | y the parameters still have their prior's moments. Talts et al. (2018): the
    rank of the parameter behind the data among draws of a chain, begun elsewhere, is uniform.
    """
    num_replicates, num_steps = 400, 240

    def chain(rng_key, start, y, alternating):
        """Positions after each step, the data fixed or made anew before each one."""

        def move(position, key):
            key_y, key_x = jax.random.split(key)
            kernel = kernel_given(name, jnp.where(alternating, simulate(key_y, position), y))
            state, _ = kernel.step(key_x, kernel.init(position))
            return state.position, state.position

        return jax.lax.scan(move, start, jax.random.split(rng_key, num_steps))[1]

    def replicate(rng_key):
        key_prior, key_data, key_chain = jax.random.split(rng_key, 3)
        behind, other = posterior_given(jnp.zeros(NUM_OBS)).sample_prior(key_prior, 2)
        y, keys = simulate(key_data, behind), jax.random.split(key_chain)
        joint, given = jax.vmap(chain, (0, 0, None, 0))(
            keys, jnp.stack([behind, other]), y, jnp.arange(2) == 0
        )
        return joint, rank_among(given, behind)

    keys = jax.random.split(jax.random.key(7), num_replicates)
    joint, ranks = jax.jit(jax.vmap(replicate))(keys)

    constrain = jax.vmap(jax.vmap(posterior_given(jnp.zeros(NUM_OBS)).constrain_fn))
    params = constrain(joint)
    mu, sigma = params["mu"], params["sigma"]
    moments = jnp.stack([mu, mu**2, sigma, sigma**2, mu * sigma], axis=-1).mean(axis=1)
    check_mean(moments.reshape(4, num_replicates // 4, -1), [0.0, 1.0, 1.0, np.exp(1 / 16), 0.0])
    assert_uniform(ranks)
