"""The kernel Stein discrepancy: its kernel by differentiation, its level under the right density, its power."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estim.surrogate.stein import NUM_POINTS, stein_kernel, stein_test


def test_kernel_is_what_differentiation_says():
    rng = np.random.default_rng(0)
    z, s = rng.normal(size=(2, 4, 3))
    k = lambda x, y: (1 + jnp.sum((x - y) ** 2)) ** -0.5
    for i in range(4):
        for j in range(4):
            x, y = z[i], z[j]
            right = s[i] @ s[j] * k(x, y) + s[i] @ jax.grad(k, 1)(x, y) + s[j] @ jax.grad(k)(x, y)
            right += jnp.trace(jax.jacfwd(jax.grad(k), 1)(x, y))
            np.testing.assert_allclose(stein_kernel(z, s)[i, j], right, rtol=1e-10)


@pytest.mark.parametrize("dim", [1, 5])
def test_level_and_power(dim):
    """A test at one per cent is wrong about so often, and sees means, spreads and tails that are off."""
    rng = np.random.default_rng(1)
    mix = rng.normal(size=(dim, dim)) + 2 * np.eye(dim)
    precision = np.linalg.inv(mix @ mix.T)

    def probability(u):
        x = u @ mix.T
        return stein_test(x, -x @ precision).probability

    right = [probability(rng.normal(size=(NUM_POINTS, dim))) for _ in range(40)]
    assert np.mean(np.array(right) < 0.01) <= 0.05
    assert np.mean(np.array(right) < 0.5) > 0.3
    shifted = np.zeros(dim)
    shifted[0] = 0.4
    for wrong in (
        rng.normal(size=(NUM_POINTS, dim)) + shifted,
        0.75 * rng.normal(size=(NUM_POINTS, dim)),
        rng.standard_t(2, size=(NUM_POINTS, dim)),
    ):
        assert probability(wrong) < 0.01


def test_draws_without_a_gradient_are_left_out():
    x = np.random.default_rng(2).normal(size=(50, 2))
    some = np.where(np.arange(50)[:, None] < 20, -x, np.nan)
    assert stein_test(x, some) == stein_test(x[:20], -x[:20])
    assert stein_test(x, np.full_like(x, np.nan)) is None
    assert stein_test(np.ones((50, 2)), -x) is None
