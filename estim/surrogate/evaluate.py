"""The true posterior at many points: compiled once, in batches, spread over the devices."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.samplers.chains import device_mesh
from estim.typing import Array, LogDensity, Position

BATCH = 64
"""Points that one device evaluates at once."""


@partial(jax.jit, static_argnums=(0, 1))
def _evaluate_batch(
    evaluate_fn: Callable[[Position], Evaluations], loglikelihood_fn: LogDensity | None, positions: Array
) -> Evaluations:
    """`evaluate_fn` over ``positions`` ``[batch, dim]``, and the gradient of `loglikelihood_fn` if it is given."""
    evaluations = jax.vmap(evaluate_fn)(positions)
    if loglikelihood_fn is None:
        return evaluations
    return evaluations._replace(gradient=jax.vmap(jax.grad(loglikelihood_fn))(positions))


def evaluate_posterior(posterior: Posterior, positions: np.ndarray, *, gradient: bool = False) -> Evaluations:
    """The true posterior at ``positions`` ``[n, dim]``; with the log-likelihood's gradient on request."""
    mesh = device_mesh(len(jax.local_devices()), jax.local_devices())
    sharding = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
    size = BATCH * mesh.size
    num = len(positions)
    padded = np.concatenate([positions, np.repeat(positions[:1], -num % size, axis=0)])
    loglikelihood_fn = posterior.loglikelihood_fn if gradient else None
    batches = [
        _evaluate_batch(
            posterior.evaluate_fn, loglikelihood_fn, jax.device_put(padded[i : i + size], sharding)
        )
        for i in range(0, len(padded), size)
    ]
    return jax.tree.map(lambda *parts: jnp.asarray(np.concatenate(parts)[:num]), *jax.device_get(batches))


@partial(jax.jit, static_argnums=0)
def evaluate_logprior(logprior_fn: LogDensity, positions: Array) -> Array:
    """The exact log-prior ``[n]`` at ``positions`` ``[n, dim]``."""
    return jax.vmap(logprior_fn)(positions)


def concatenate_evaluations(*parts: Evaluations) -> Evaluations:
    """One set out of several, flattened; a part without gradients gets NaN ones if another part has them."""
    if any(part.gradient is not None for part in parts):
        parts = tuple(
            part
            if part.gradient is not None
            else part._replace(gradient=jnp.full_like(part.position, jnp.nan))
            for part in parts
        )
    lead = [part.loglikelihood.ndim for part in parts]
    flat = [
        jax.tree.map(lambda leaf, n=n: jnp.reshape(leaf, (-1, *leaf.shape[n:])), part)
        for part, n in zip(parts, lead, strict=True)
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *flat)
