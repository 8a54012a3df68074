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
