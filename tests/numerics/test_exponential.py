"""The exponential of many numbers against NumPy's, at its ends, and its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estim.numerics import exp


def test_it_is_numpys_within_two_units_in_the_last_place():
    x = np.concatenate([np.linspace(-708, 709, 100_001), np.random.default_rng(0).normal(size=100_000)])
    np.testing.assert_allclose(np.asarray(jax.jit(exp)(x)), np.exp(x), rtol=2**-51)


def test_ends():
    np.testing.assert_array_equal(
        exp(jnp.array([jnp.nan, jnp.inf, 710, -jnp.inf, -710, 0])), [np.nan, np.inf, np.inf, 0, 0, 1]
    )


@pytest.mark.parametrize("value", [0.3, jnp.float32(0.3), jnp.arange(3), jnp.array([[0.1], [-2.0]])])
def test_type_and_shape_are_jax_numpys(value):
    expected = jnp.exp(value)
    found = exp(value)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_first_and_second_derivatives_are_itself():
    for derivative in (jax.grad(exp), jax.grad(jax.grad(exp)), jax.jacfwd(jax.jacrev(exp))):
        np.testing.assert_allclose(derivative(1.7), np.exp(1.7), rtol=1e-15)
