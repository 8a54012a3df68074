"""A traced program evaluated by NumPy is the program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm

from estim.numerics.interpreted import interpreted

PROGRAMS = {
    "arithmetic": lambda x, y: {"a": (x - y) * x / y, "b": -x + 3.0},
    "functions": lambda x, y: [jnp.exp(-x), jnp.log(y), jnp.sqrt(x * y), jnp.tanh(x), jnp.cbrt(y)],
    "powers": lambda x, y: (x**3, x**y, x**-0.5, jnp.square(x)),
    "choices": lambda x, y: (jnp.where(x > y, x, y * 2), jnp.minimum(x, y), jnp.abs(x - y), x >= y),
    "a program within": lambda x, y: jax.jit(lambda a: (a * y, jnp.sin(a)))(x),
    "what NumPy lacks": lambda x, y: (norm.cdf(x), jnp.linalg.solve(jnp.eye(2) * x, jnp.ones(2) * y)),
    "arrays": lambda x, y: (
        jnp.stack([x, y]) @ jnp.array([[1.0, 2.0], [3.0, 4.0]]),
        jnp.concatenate([jnp.ones((2, 1)) * x, jnp.full((2, 2), y)], axis=1).T.sum(axis=0),
        jnp.zeros((2, 3))
        .at[(np.array([0, 1]), np.array([2, 0]))]
        .set(jnp.stack([x, y]), unique_indices=True),
        jnp.split(jnp.arange(6.0) * x, [2, 3]),
        jnp.isfinite(jnp.stack([x, jnp.inf * y])).all() | ~(x > y),
        jnp.argmax(jnp.stack([y, x, y])),
        jnp.eye(3)[:, None, :].reshape(9) * x,
    ),
    "a matrix": lambda x, y: jnp.linalg.solve(
        jnp.array([[1.0, 3.0], [2.0, 0.1]]) + jnp.diag(jnp.stack([x, y])), jnp.stack([y, x])
    ),
    "loops and branches": lambda x, y: (
        jax.lax.while_loop(lambda c: c[0] < 40, lambda c: (c[0] * 1.5 + y, c[1] + 1), (x, 0)),
        jax.lax.cond(x > y, lambda a: a + 1.0, lambda a: a * y, x),
        jax.lax.switch(2, [lambda a: a, lambda a: -a, lambda a: a * a], x),
    ),
    "constants": lambda x, y: (jnp.asarray(2.0), x),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_compiled(name):
    fn = PROGRAMS[name]
    found = interpreted(fn, 1.0, 1.0)(1.7, 0.6)
    expected = jax.jit(fn)(1.7, 0.6)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def test_invalid_operations_are_not_a_number():
    found = interpreted(lambda x: (jnp.log(x), 1.0 / (x + 1.0), x**0.5), 1.0)(-1.0)
    assert np.isnan(found[0]) and np.isinf(found[1]) and np.isnan(found[2])


def test_division_by_zero_is_infinite():
    """Of a constant too, which is a number of Python's."""
    found = interpreted(lambda x: 2.0 / x - 1.0 / (x * 0.0 - 3.0), 1.0)
    assert found(0.0) == np.inf and found(np.float64(0.0)) == np.inf
