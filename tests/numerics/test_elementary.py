"""Elementary functions of many numbers against NumPy's, at their ends, their derivatives, and normals made of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from estim.numerics import exp, many_normals, power
from estim.numerics.elementary import cosine_and_sine_of_turns, log_of_positive

FORMATS = pytest.mark.parametrize(("dtype", "last_place"), [(np.float64, 2.0**-52), (np.float32, 2.0**-23)])


@FORMATS
def test_the_exponential_is_right_within_three_units_in_the_last_place(dtype, last_place):
    ends = (-708, 709) if dtype == np.float64 else (-87, 88)
    x = np.concatenate([np.linspace(*ends, 100_001), np.random.default_rng(0).normal(size=100_000)]).astype(
        dtype
    )
    np.testing.assert_allclose(
        np.asarray(jax.jit(exp)(x), float), np.exp(x.astype(float)), rtol=3 * last_place
    )


@FORMATS
def test_ends(dtype, last_place):
    x = jnp.array([jnp.nan, jnp.inf, 710, -jnp.inf, -710, 0], dtype)
    np.testing.assert_array_equal(exp(x), [np.nan, np.inf, np.inf, 0, 0, 1])


@pytest.mark.parametrize("value", [0.3, jnp.float32(0.3), jnp.arange(3), jnp.array([[0.1], [-2.0]])])
def test_type_and_shape_are_jax_numpys(value):
    expected, found = jnp.exp(value), exp(value)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_first_and_second_derivatives_are_itself():
    for derivative in (jax.grad(exp), jax.grad(jax.grad(exp)), jax.jacfwd(jax.jacrev(exp))):
        np.testing.assert_allclose(derivative(1.7), np.exp(1.7), rtol=1e-15)


@FORMATS
def test_logarithm(dtype, last_place):
    x = np.concatenate(
        [np.linspace(0, 1, 100_001)[1:], 1 - np.logspace(-6, -1, 1_000), np.logspace(-7, 7, 1_000)]
    )
    x = x.astype(dtype)
    np.testing.assert_allclose(
        np.asarray(jax.jit(log_of_positive)(x), float),
        np.log(x.astype(float)),
        rtol=3 * last_place,
        atol=1e-300,
    )


@FORMATS
def test_cosine_and_sine(dtype, last_place):
    v = np.concatenate([np.linspace(0, 1, 100_001), [-0.3, 2.7]]).astype(dtype)
    angle = 2 * np.longdouble("3.14159265358979323846") * v
    for found, expected in zip(
        jax.jit(cosine_and_sine_of_turns)(v), (np.cos(angle), np.sin(angle)), strict=True
    ):
        np.testing.assert_allclose(np.asarray(found, float), expected, rtol=0, atol=2 * last_place)


@FORMATS
def test_normals_are_normal_and_independent(dtype, last_place):
    noise = np.asarray(many_normals(jax.random.key(0), (10_001, 11), dtype))
    assert noise.shape == (10_001, 11) and noise.dtype == dtype
    assert kstest(noise.ravel(), "norm").pvalue > 1e-4
    products = noise.T @ noise / len(noise) - np.eye(11)
    assert np.abs(products).max() < 5 * np.sqrt(2 / len(noise))
    halves = noise.ravel()[: noise.size // 2 + 1], noise.ravel()[noise.size // 2 + 1 :]  # cosines, sines
    squares = halves[0][: len(halves[1])] ** 2, halves[1] ** 2
    assert abs(np.corrcoef(*squares)[0, 1]) < 5 / np.sqrt(noise.size / 2)


def test_powers_and_their_derivatives():
    x, a = np.random.default_rng(0).uniform(0.01, 10, 1_000), np.random.default_rng(1).uniform(-3, 3, 1_000)
    np.testing.assert_allclose(power(x, a), x**a, rtol=1e-14)
    assert np.isnan(power(jnp.array([-1.0, 0.0]), 2.0)).all()
    for argument in (0, 1):
        first = jax.grad(power, argument)
        np.testing.assert_allclose(first(1.7, -2.3), jax.grad(jnp.power, argument)(1.7, -2.3), rtol=1e-14)
        second = jax.grad(first, argument)(1.7, -2.3)
        np.testing.assert_allclose(
            second, jax.grad(jax.grad(jnp.power, argument), argument)(1.7, -2.3), rtol=1e-13
        )
