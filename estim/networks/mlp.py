"""The network: a multilayer perceptron and an ensemble of it (the only file that imports Flax).

A network maps whitened positions ``[..., dim]`` to one number each, in float32. An ensemble's
parameters carry its members on the leading axis of every array.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from estim.numerics import exp
from estim.typing import Array, Key

NetworkParams = dict[str, Any]
"""Flax's nested dictionary of float32 arrays, ``[member, ...]``."""


def celu(x: Array) -> Array:
    """max(x, 0) + min(0, e^x - 1): CELU through `exp`, which is fast (`expm1` is not)."""
    return jnp.where(x > 0, x, exp(jnp.minimum(x, 0)) - 1)


class MLP(nn.Module):
    """``[..., dim] -> [...]``: affine maps with CELU between them."""

    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, z: Array) -> Array:
        for width in self.hidden:
            z = celu(nn.Dense(width, dtype=z.dtype, param_dtype=jnp.float32)(z))
        return nn.Dense(1, dtype=z.dtype, param_dtype=jnp.float32)(z)[..., 0]


@partial(jax.jit, static_argnums=(1, 2, 3))
def init_network(rng_key: Key, num_members: int, dim: int, hidden: tuple[int, ...]) -> NetworkParams:
    """An ensemble of independently drawn networks; every array is ``[num_members, ...]``."""
    keys = jax.random.split(rng_key, num_members)
    return jax.vmap(lambda key: MLP(hidden).init(key, jnp.zeros(dim, jnp.float32))["params"])(keys)


@jax.jit
def apply_network(params: NetworkParams, z: Array) -> Array:
    """One member's output ``[...]`` at ``z`` ``[..., dim]``, in the precision of ``z``."""
    hidden = tuple(params[f"Dense_{i}"]["bias"].shape[-1] for i in range(len(params) - 1))
    return jnp.asarray(MLP(hidden).apply({"params": params}, z))


def network_to_arrays(params: NetworkParams) -> dict[str, Array]:
    """Flat names, ``Dense_0/kernel`` and so on, for `numpy.savez`."""
    return flatten_dict(params, sep="/")


def network_from_arrays(arrays: dict[str, Array]) -> NetworkParams:
    """The inverse of `network_to_arrays`."""
    return unflatten_dict({name: jnp.asarray(value) for name, value in arrays.items()}, sep="/")
