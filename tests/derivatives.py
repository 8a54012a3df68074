"""Derivatives by JAX, forward and reverse, against central differences of fourth order."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree


def assert_derivatives(fn, *args, rtol=1e-6, step=1e-3, modes=(jax.jacfwd, jax.jacrev)):
    """Every output of `fn` with respect to every number in `args`, relative to the largest one.

    The step is relative to a number's size.
    """
    x, unravel = ravel_pytree(args)
    flat = lambda x: ravel_pytree(fn(*unravel(x)))[0]

    def differences(x):
        steps = jnp.diag(step * jnp.maximum(jnp.abs(x), 1e-2))
        at = lambda k: jax.vmap(flat)(x[None, :] + k * steps)
        return ((8 * (at(1) - at(-1)) - at(2) + at(-2)) / (12 * jnp.diag(steps)[:, None])).T

    expected = np.asarray(jax.jit(differences)(x))
    assert np.isfinite(expected).all()
    assert np.abs(expected).max() > 0
    for mode in modes:
        found = np.asarray(jax.jit(mode(flat))(x))
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())
