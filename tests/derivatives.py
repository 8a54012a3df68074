"""Derivatives by JAX, forward and reverse, against central differences of fourth order."""

import jax
import numpy as np
from jax.flatten_util import ravel_pytree


def assert_derivatives(fn, *args, rtol=1e-6, step=1e-3):
    """Every output of `fn` with respect to every number in `args`, relative to the largest one.

    Forward mode gives the whole Jacobian; reverse mode must give the same random combination of
    its rows. The step is relative to a number's size.
    """
    x, unravel = ravel_pytree(args)
    flat = lambda x: ravel_pytree(fn(*unravel(x)))[0]

    steps = step * np.maximum(np.abs(x), 1e-2)
    shifts = np.array([0.0, 1.0, -1.0, 2.0, -2.0])[:, None, None] * np.diag(steps)[None]
    directions = np.broadcast_to(np.eye(x.size), shifts.shape)
    along = jax.jit(jax.vmap(jax.vmap(lambda shift, direction: jax.jvp(flat, (x + shift,), (direction,)))))
    (_, up, down, up2, down2), slopes = map(np.asarray, along(shifts, directions))
    forward = slopes[0].T
    expected = ((8 * (up - down) - up2 + down2) / (12 * steps[:, None])).T
    largest = np.abs(expected).max()
    assert 0 < largest < np.inf
    np.testing.assert_allclose(forward, expected, rtol=rtol, atol=rtol * largest)
    weights = np.random.default_rng(0).normal(size=len(expected))
    reverse = jax.jit(jax.grad(lambda x: flat(x) @ weights))(x)
    np.testing.assert_allclose(reverse, weights @ forward, rtol=1e-8, atol=1e-10 * largest)
