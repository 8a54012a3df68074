"""Positions in the model's units, and back: any number of them by one program."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.posterior import Posterior
from estim.typing import Array

_TILE = 4096


def constrain(posterior: Posterior, position: Any) -> np.ndarray:
    """Parameters in the model's units ``[..., dim]`` at positions ``[..., dim]``.

    In the precision of the positions (float32 of a surrogate's draws).
    """
    return _in_tiles(partial(_constrain_tile, posterior.constrain_fn, posterior.param_names), position)


def unconstrain(posterior: Posterior, params: Any) -> np.ndarray:
    """The inverse of `constrain`, up to rounding."""
    return _in_tiles(partial(_unconstrain_tile, posterior.unconstrain_fn, posterior.param_names), params)


def _in_tiles(function: Callable[[Any], Array], values: Any) -> np.ndarray:
    """`function` of ``[n, dim]`` over all rows of `values`, in tiles of one shape: any number compiles once."""
    values = np.asarray(values)
    flat = values.astype(float).reshape(-1, values.shape[-1])
    padded = np.concatenate([flat, np.repeat(flat[:1], -len(flat) % _TILE, axis=0)])
    tiles = [function(tile) for tile in padded.reshape(-1, _TILE, flat.shape[-1])]
    return np.concatenate(tiles)[: len(flat)].reshape(values.shape).astype(values.dtype)


@partial(jax.jit, static_argnums=(0, 1))
def _constrain_tile(constrain_fn: Callable[[Array], Any], names: tuple[str, ...], tile: Array) -> Array:
    values = jax.vmap(constrain_fn)(tile)
    return jnp.stack([values[name] for name in names], axis=-1)


@partial(jax.jit, static_argnums=(0, 1))
def _unconstrain_tile(unconstrain_fn: Callable[[Any], Array], names: tuple[str, ...], tile: Array) -> Array:
    return jax.vmap(lambda row: unconstrain_fn(dict(zip(names, row, strict=True))))(tile)
