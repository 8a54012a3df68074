"""Arrays divided among devices: the same numbers, computed where they lie."""

import os
import subprocess
import sys

import numpy as np
import pytest

import estim
from estim.arguments import ArgumentError

TWO = """
import jax, jax.numpy as jnp, numpy as np
import estim
from estim.models import benhabib_bisin_zhu_2011

assert len(jax.devices()) == 2
model = benhabib_bisin_zhu_2011.economy(64)
own = np.random.default_rng(0).normal(size=(2, 5, 64))
mean = lambda s_0, own: model.path({"s_0": s_0}, model.shocks(np.zeros(5), *own)).states.w
one = jax.jit(mean)(0.7, own)
two = jax.jit(mean)(0.7, estim.shard(own, axis=2))
assert len(one.sharding.device_set) == 1 and len(two.sharding.device_set) == 2
assert two.addressable_shards[0].data.shape == (5, 32)
np.testing.assert_allclose(one, two, rtol=1e-14)
slope = lambda own: jax.jit(jax.grad(lambda s: mean(s, own).sum()))(0.7)
np.testing.assert_allclose(slope(own), slope(estim.shard(own, axis=-1)), rtol=1e-12)
odd = estim.shard({"odd": np.arange(3.0), "keys": jax.random.split(jax.random.key(0), 4)})
assert len(odd["odd"].sharding.device_set) == 1 and len(odd["keys"].sharding.device_set) == 2

from estim import agents

many = lambda: estim.simulate_agents("poisson_regression", None, 10_000, rng_key=jax.random.key(0)).to_numpy()
divided, divide, parts = many(), agents.shard, []
agents.shard = lambda keys: parts.append(divide(keys)) or parts[0]
np.testing.assert_array_equal(many(), divided)
assert len(parts[0].sharding.device_set) == 2
agents._MANY = 10_001
np.testing.assert_allclose(many(), divided, rtol=1e-13)
"""


def test_a_path_of_a_divided_cross_section():
    given = os.environ | {"JAX_NUM_CPU_DEVICES": "2"}
    subprocess.run([sys.executable, "-c", TWO], env=given, check=True, timeout=300)


def test_an_axis_that_an_array_lacks():
    np.testing.assert_array_equal(estim.shard(np.arange(6.0)), np.arange(6.0))
    with pytest.raises(ArgumentError, match=r"shard: an array of the shape \(\) has no axis 0"):
        estim.shard({"a": np.zeros(2), "b": 1.0})
