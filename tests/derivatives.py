"""Derivatives by JAX, forward and reverse, against central differences of fourth order."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree


def assert_derivatives(fn, *args, rtol=1e-6, step=1e-3):
    """Every output of `fn` with respect to every number in `args`, relative to the largest one.

    Forward mode gives the whole Jacobian; reverse mode must give the same random combination of
    its rows. The step is relative to a number's size.
    """
    x, unravel = ravel_pytree(args)
    flat = lambda x: ravel_pytree(fn(*unravel(x)))[0]

    @jax.jit
    def forward_and_differences(x):
        steps = step * jnp.maximum(jnp.abs(x), 1e-2)
        k = jnp.array([1.0, -1.0, 2.0, -2.0])
        y = jax.vmap(flat)((x[None, None] + k[:, None, None] * jnp.diag(steps)[None]).reshape(-1, x.size))
        up, down, up2, down2 = y.reshape(4, x.size, -1)
        return jax.jacfwd(flat)(x), ((8 * (up - down) - up2 + down2) / (12 * steps[:, None])).T

    forward, expected = map(np.asarray, forward_and_differences(x))
    largest = np.abs(expected).max()
    assert 0 < largest < np.inf
    np.testing.assert_allclose(forward, expected, rtol=rtol, atol=rtol * largest)
    weights = np.random.default_rng(0).normal(size=len(expected))
    reverse = jax.jit(jax.grad(lambda x: flat(x) @ weights))(x)
    np.testing.assert_allclose(reverse, weights @ forward, rtol=1e-8, atol=1e-10 * largest)
