"""A NumPy function in compiled code, for the elements that need it."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from estim.numerics import solve_expectations
from estim.numerics.host import on_host_where_needed

calls: list[float] = []
lock = threading.Lock()


def inverse_and_trace(a):
    with lock:
        calls.append(float(a[0, 0]))
    return np.linalg.inv(a), np.trace(a)


def invert_large(a):
    """The inverse and the trace where the first entry is beyond two, else zeros."""
    return on_host_where_needed(inverse_and_trace, a[0, 0] > 2, (jnp.zeros_like(a), jnp.array(0.0)), a)


def several(*shape):
    a = np.random.default_rng(0).normal(size=(*shape, 3, 3)) + 3 * np.eye(3)
    large = a[..., :1, :1] > 2
    return a, np.where(large, np.linalg.inv(a), 0.0), np.where(large[..., 0, 0], np.trace(a.T).T, 0.0)


@pytest.fixture(autouse=True)
def forget():
    calls.clear()


@pytest.mark.parametrize(
    "shape,fn",
    [
        ((), invert_large),
        ((5,), jax.vmap(invert_large)),
        ((2, 5), jax.vmap(jax.vmap(invert_large))),
        ((5,), lambda a: jax.lax.map(invert_large, a)),
    ],
)
def test_each_element_for_itself(shape, fn):
    a, inverse, trace = several(*shape)
    found = jax.jit(fn)(a)
    np.testing.assert_allclose(found[0], inverse, atol=1e-12)
    np.testing.assert_allclose(found[1], trace, atol=1e-12)
    jax.block_until_ready(found)
    assert sorted(calls) == sorted(a[..., 0, 0][a[..., 0, 0] > 2])  # once for each that needs it


def test_the_rest_of_the_batch_may_be_shared():
    a = several(4)[0]
    fn = lambda needed, x: on_host_where_needed(inverse_and_trace, needed, (x, jnp.array(0.0)), x)
    found, trace = jax.jit(jax.vmap(fn, in_axes=(0, None)))(jnp.array([True, False, False, True]), a[0])
    np.testing.assert_allclose(found[0], np.linalg.inv(a[0]))
    np.testing.assert_allclose(found[1], a[0])
    assert trace[3] != 0 and trace[2] == 0


@pytest.mark.parametrize("by_hand", [True, False])
def test_on_all_devices_at_once(by_hand):
    mesh = Mesh(np.array(jax.devices()), ("draw",))
    spec = PartitionSpec("draw")
    fn = jax.vmap(invert_large)
    if by_hand:
        fn = jax.shard_map(fn, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    a, inverse, _ = several(32 * len(jax.devices()))
    shared = jax.device_put(a, NamedSharding(mesh, spec))
    fn = jax.jit(fn)
    for _ in range(5):
        np.testing.assert_allclose(fn(shared)[0], inverse, atol=1e-12)


def test_a_batch_of_systems_without_expectations():
    """No number to look for, in any of them: a shape without entries goes through the batch, too."""
    e, h = jnp.array([[[0.5]], [[0.9]]]), jnp.zeros((2, 1, 0))
    g, f = jnp.zeros((2, 0, 1)), jnp.zeros((2, 0, 0))
    v, status = jax.jit(jax.vmap(solve_expectations))(e, h, g, f)
    assert v.shape == (2, 0, 1)
    np.testing.assert_array_equal(status, [0, 0])
