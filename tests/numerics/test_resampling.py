"""Systematic resampling: the same points by counting as by searching, each as often as its weight says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estim.numerics import resample_systematically


@pytest.mark.parametrize(("n", "num"), [(1, 1), (7, 7), (1000, 1000), (5, 40), (40, 5)])
def test_numpy_and_jax_take_the_same_points(n, num):
    rng = np.random.default_rng(n)
    weights = rng.exponential(size=n) * (rng.random(n) < 0.7) + 1e-12
    weights /= weights.sum()
    for uniform in (0.0, 0.3, 0.999):
        by_search = resample_systematically(weights, uniform, num)
        by_count = jax.jit(resample_systematically, static_argnums=2)(jnp.asarray(weights), uniform, num)
        np.testing.assert_array_equal(by_count, by_search)
        times = np.bincount(by_search, minlength=n)
        assert (np.abs(times - num * weights) < 1 + 1e-9).all()


def test_a_point_is_taken_as_often_as_its_weight_says():
    """The integral over the uniform number, by its midpoints: without bias."""
    weights = np.array([0.05, 0.4, 0.25, 0.3])
    uniforms = (np.arange(1000) + 0.5) / 1000
    times = [np.bincount(resample_systematically(weights, u, 3), minlength=4) for u in uniforms]
    np.testing.assert_allclose(np.mean(times, axis=0), 3 * weights, atol=2e-3)


def test_a_point_without_weight_is_never_taken():
    weights = jnp.array([0.0, 1.0, 0.0])
    for uniform in (0.0, 0.5, 0.999):
        np.testing.assert_array_equal(resample_systematically(weights, uniform), [1, 1, 1])
