"""Functions of the true posterior at many points: compiled once, in batches, spread over the devices."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from estim.arguments import checked
from estim.devices import device_mesh, over, takes_turns
from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.runtime import require_own_runtime
from estim.samplers.states import evaluate_with_gradient, hashable
from estim.stopping import raise_if_stopped
from estim.typing import Array, LogDensity, Position

BATCH, IN_TURN = 64, 2
"""Points that one device is given at once; few where it takes them in turn: the last batch is filled up, and a
call should take no more than some seconds."""


@partial(jax.jit, static_argnums=(0, 1, 2))
def _map_batch(function: Callable[[Position], Any], in_turn: bool, mesh: Mesh, positions: Array) -> Any:
    """`function` over ``positions`` ``[batch, dim]``, each device its share."""
    rows = PartitionSpec(mesh.axis_names)
    each = jax.shard_map(over(function, in_turn), mesh=mesh, in_specs=rows, out_specs=rows, check_vma=False)
    return each(positions)


def map_positions(function: Callable[[Position], Any], positions: np.ndarray, *, in_turn: bool) -> Any:
    """`function`, any pytree of arrays, at ``positions`` ``[n, dim]``: host arrays with the leading axis ``[n]``.

    Args:
        in_turn: see `Posterior`.
    """
    require_own_runtime()
    mesh = device_mesh(len(jax.local_devices()), jax.local_devices())
    sharding = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
    size = (IN_TURN if takes_turns(in_turn) else BATCH) * mesh.size
    num = len(positions)
    padded = np.concatenate([positions, np.repeat(positions[:1], -num % size, axis=0)])
    batches = []
    for i in range(0, len(padded), size):
        raise_if_stopped()
        batch = _map_batch(function, in_turn, mesh, jax.device_put(padded[i : i + size], sharding))
        batches.append(jax.device_get(batch))
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:num], *batches)


@lru_cache(maxsize=16)
def _with_gradient(posterior: Posterior) -> Callable[[Position], Evaluations]:
    """Position -> evaluation with its gradient; the same function for the same posterior, compiled once."""
    return lambda position: evaluate_with_gradient(posterior, position)[0]


@checked
def evaluate_posterior(posterior: Posterior, positions: np.ndarray, *, gradient: bool = False) -> Evaluations:
    """The true posterior at ``positions`` ``[n, dim]``; with the log-likelihood's gradient on request."""
    evaluate = _with_gradient(hashable(posterior)) if gradient else posterior.evaluate_fn
    return jax.tree.map(jnp.asarray, map_positions(evaluate, positions, in_turn=posterior.in_turn))


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
