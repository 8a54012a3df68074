"""Roots of a few equations: closed forms, derivatives of first and second order, failure."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estim.numerics import newton
from estim.numerics.newton import newton_step, solve_equations


def circle(radius, slope, start=(2.0, 0.5)):
    """Where y = slope x meets the circle."""
    left = lambda z: jnp.stack([z[0] ** 2 + z[1] ** 2 - radius**2, z[1] - slope * z[0]])
    return solve_equations(left, jnp.array(start))


@pytest.mark.parametrize("radius, slope", [(1.0, 0.5), (3.0, -2.0), (100.0, 1e-3)])
def test_a_line_meets_a_circle(radius, slope):
    x = radius / np.sqrt(1 + slope**2)
    np.testing.assert_allclose(jax.jit(circle)(radius, slope), [x, slope * x], rtol=1e-13)


def test_derivatives_are_those_of_the_closed_form():
    of = lambda slope: circle(3.0, slope)[0]
    exact = lambda slope: 3.0 / jnp.sqrt(1 + slope**2)
    both = lambda f: jax.jit(lambda x: (jax.grad(f)(x), jax.grad(jax.grad(f))(x)))
    np.testing.assert_allclose(both(of)(0.7), both(exact)(0.7), rtol=1e-10)


def test_where_there_is_no_root_it_is_not_a_number():
    never = lambda x: x**2 + 1.0
    assert np.isnan(solve_equations(never, jnp.ones(1))).all()
    assert solve_equations(lambda x: x, jnp.zeros(0)).shape == (0,)


def test_a_step_by_products_is_that_by_elimination(monkeypatch):
    """And so are its derivatives."""
    rng = np.random.default_rng(0)
    A, x = jnp.asarray(np.eye(30) + rng.uniform(size=(30, 30)) / 30), jnp.asarray(rng.uniform(size=30))
    step = lambda b: newton_step(lambda x: A @ jnp.exp(x) - b, x)
    b = jnp.arange(1.0, 31.0)
    expected = step(b), jax.jacrev(step)(b)
    monkeypatch.setattr(newton, "DENSE", 10)
    for one, other in zip((step(b), jax.jacrev(step)(b)), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
