"""The network against a naive version, in both precisions, and its way through arrays."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estim.networks.mlp import (
    apply_network,
    celu,
    init_network,
    network_from_arrays,
    network_to_arrays,
)


def naive_network(params, z):
    """One member in NumPy, float64."""
    h = np.asarray(z, float)
    layers = [params[f"Dense_{i}"] for i in range(len(params))]
    for layer in layers[:-1]:
        h = h @ np.asarray(layer["kernel"], float) + np.asarray(layer["bias"], float)
        h = np.where(h > 0, h, np.expm1(np.minimum(h, 0)))
    return (h @ np.asarray(layers[-1]["kernel"], float) + np.asarray(layers[-1]["bias"], float))[..., 0]


@pytest.fixture(scope="module")
def ensemble():
    return init_network(jax.random.key(0), 3, 5, (128, 128))


@pytest.mark.parametrize(("dtype", "tolerance"), [(jnp.float32, 2e-6), (jnp.float64, 1e-13)])
def test_network_agrees_with_the_naive_one(ensemble, dtype, tolerance):
    z = jax.random.normal(jax.random.key(1), (40, 5), dtype)
    for m in range(3):
        member = jax.tree.map(lambda leaf, m=m: leaf[m], ensemble)
        output = apply_network(member, z)
        assert output.dtype == dtype
        np.testing.assert_allclose(output, naive_network(member, z), rtol=0, atol=tolerance)


def test_members_differ(ensemble):
    kernel = ensemble["Dense_0"]["kernel"]
    assert kernel.shape == (3, 5, 128)
    assert not np.allclose(kernel[0], kernel[1])


def test_celu_is_the_library_one_with_its_gradient():
    x = jnp.linspace(-100.0, 100.0, 40)  # not zero: there the derivatives of max and min are a convention
    np.testing.assert_allclose(celu(x), jax.nn.celu(x), atol=1e-15)
    np.testing.assert_allclose(jax.vmap(jax.grad(celu))(x), jax.vmap(jax.grad(jax.nn.celu))(x), atol=1e-15)


def test_arrays_round_trip_without_pickle(ensemble):
    file = io.BytesIO()
    np.savez(file, **network_to_arrays(ensemble))
    file.seek(0)
    back = network_from_arrays(dict(np.load(file, allow_pickle=False)))
    assert jax.tree.structure(back) == jax.tree.structure(ensemble)
    jax.tree.map(np.testing.assert_array_equal, back, ensemble)
