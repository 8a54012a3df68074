"""Restarted GMRES against elimination."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estim.numerics.krylov import gmres


def discounted(num, discount=0.95, seed=0):
    """I - K of a chain that discounts."""
    transition = np.random.default_rng(seed).dirichlet(np.full(num, 0.05), num)
    return np.eye(num) - discount * transition


@pytest.mark.parametrize("restart", [3, 16, 200])
@pytest.mark.parametrize("tolerance", [1e-1, 1e-6, 1e-12])
def test_it_is_as_near_as_asked(restart, tolerance):
    a, b = discounted(150), np.random.default_rng(1).normal(size=150)
    x = jax.jit(lambda b: gmres(lambda x: a @ x, b, tolerance, restart))(b)
    assert np.linalg.norm(b - a @ x) <= tolerance * np.linalg.norm(b)


def test_of_one_state_alone():
    """b zero but for one state, where BiCGSTAB breaks down."""
    a, b = discounted(150), np.eye(150)[3]
    np.testing.assert_allclose(gmres(lambda x: a @ x, b, 1e-12), np.linalg.solve(a, b), atol=1e-10)


def test_of_nothing_and_of_the_identity():
    np.testing.assert_array_equal(gmres(lambda x: 2 * x, jnp.zeros(5), 1e-12), np.zeros(5))
    np.testing.assert_allclose(gmres(lambda x: 2 * x, jnp.arange(5.0), 1e-12), np.arange(5) / 2)


def test_many_at_once():
    """In a batch each right-hand side ends by its own residual."""
    a, b = discounted(150), np.random.default_rng(2).normal(size=(4, 150)) * [[1], [1e-3], [0], [1e3]]
    x = jax.vmap(lambda b: gmres(lambda x: a @ x, b, 1e-10))(b)
    np.testing.assert_allclose(x, np.linalg.solve(a, b.T).T, rtol=1e-7, atol=1e-12)


def test_what_has_no_solution_ends():
    x = gmres(lambda x: jnp.zeros_like(x), jnp.ones(20), 1e-10)
    assert x.shape == (20,)
