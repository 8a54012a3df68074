"""`solve_linear` is NumPy's solve, and gives zeros with zero derivatives where that would raise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from derivatives import assert_derivatives

from estim.numerics import solve_linear

solve_linear = jax.jit(solve_linear)


def random(rng, n, m):
    return jnp.asarray(rng.normal(size=(n, n))), jnp.asarray(rng.normal(size=(n, m)))


@pytest.mark.parametrize("n,m", [(1, 1), (3, 5), (8, 2), (0, 4)])
def test_solves(n, m):
    a, b = random(np.random.default_rng(n), n, m)
    x, regular = solve_linear(a, b)
    assert regular
    np.testing.assert_allclose(a @ x, b, atol=1e-12)


def test_derivatives_of_both_modes():
    a, b = random(np.random.default_rng(1), 4, 3)
    fn = lambda a, b: jnp.sin(solve_linear(a, b)[0])
    assert_derivatives(fn, a, b)


@pytest.mark.parametrize(
    "a", [np.zeros((2, 2)), np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[1.0, np.nan], [0.0, 1.0]])]
)
def test_singular_gives_zeros(a):
    b = jnp.ones((2, 3))
    x, regular = solve_linear(jnp.asarray(a), b)
    assert not regular
    assert not x.any()
    gradients = jax.jit(jax.grad(lambda a, b: solve_linear(a, b)[0].sum(), argnums=(0, 1)))(jnp.asarray(a), b)
    assert not any(g.any() for g in gradients)


def test_batch_is_loop():
    a, b = random(np.random.default_rng(2), 4, 3)
    batch = jnp.stack([a, jnp.zeros_like(a), 2 * a])
    x, regular = jax.jit(jax.vmap(solve_linear, in_axes=(0, None)))(batch, b)
    np.testing.assert_allclose(x, [solve_linear(a, b)[0] for a in batch], atol=1e-14)
    assert regular.tolist() == [True, False, True]
