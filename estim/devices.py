"""Where work is done: the devices of the machine, and evaluations side by side or one after another."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from estim.arguments import ArgumentError, checked
from estim.runtime import require_own_runtime
from estim.stopping import raise_if_stopped
from estim.typing import Array

AXIS = "device"
"""Name of the one axis of every mesh."""


def device_mesh(num: int, devices: list[jax.Device]) -> Mesh:
    """A line of as many of `devices` as divide `num` things without remainder."""
    size = max(n for n in range(1, len(devices) + 1) if num % n == 0)
    return jax.make_mesh((size,), (AXIS,), (AxisType.Auto,), devices=devices[:size])


def takes_turns(sequential: bool) -> bool:
    """Whether evaluations that are better taken one after another are: on a machine whose devices are cores."""
    return sequential and jax.default_backend() == "cpu"


def over[T](fn: Callable[..., T], sequential: bool) -> Callable[..., T]:
    """`fn` over a leading axis of its arguments, side by side or, `sequential` and on a CPU, one after another."""
    if takes_turns(sequential):
        return lambda *arguments: jax.lax.map(lambda each: fn(*each), arguments)
    return jax.vmap(fn)


@checked
def shard(arrays: Any, axis: int = 0) -> Any:
    """Arrays divided among the devices of this machine, on a CPU its cores, each of which computes with its own part.

    For cross-sections of a million: give a simulation a start, shocks or parameters so divided, inside `jax.jit`, and
    XLA divides what follows from them. It keeps a loop over elements that it is not asked to divide to one core.

    Args:
        arrays: a pytree of arrays or random keys.
        axis: the axis that is divided, such as that of the households; by as many devices as divide its length
            without remainder.

    Returns:
        The same numbers, as JAX arrays.

    Raises:
        ArgumentError: an array lacks the axis.
    """
    require_own_runtime()

    def divide(x: Any) -> Array:
        x = jax.numpy.asarray(x)
        if not -x.ndim <= axis < x.ndim:
            raise ArgumentError(f"shard: an array of the shape {x.shape} has no axis {axis}")
        mesh = device_mesh(x.shape[axis], jax.local_devices())
        return jax.device_put(x, NamedSharding(mesh, PartitionSpec(*[None] * (axis % x.ndim), AXIS)))

    return jax.tree.map(divide, arrays)


BATCH, ONE_BY_ONE = 64, 2
"""Points that one device is given at once; few where it takes them in turn: the last batch is filled up, and a
call should take no more than some seconds."""


def batch_size(sequential: bool) -> int:
    """How many positions `map_positions` evaluates in one compiled call, on all devices together."""
    mesh = device_mesh(len(jax.local_devices()), jax.local_devices())
    return (ONE_BY_ONE if takes_turns(sequential) else BATCH) * mesh.size


def map_positions(
    function: Callable[[Any, Array], Any], given: Any, positions: np.ndarray, *, sequential: bool = False
) -> Any:
    """``function(given, position)`` at many positions, in batches of one shape, spread over the devices.

    Args:
        function: returns any pytree of arrays; one that is the same each time is compiled once.
        given: a pytree of arrays, such as a posterior.
        positions: ``[n, dim]``.
        sequential: the positions of a device are better taken one after another where it is a core.

    Returns:
        Host arrays with the leading axis ``[n]``.
    """
    require_own_runtime()
    mesh = device_mesh(len(jax.local_devices()), jax.local_devices())
    size = batch_size(sequential)
    num = len(positions)
    padded = np.concatenate([positions, np.repeat(positions[:1], -num % size, axis=0)])
    arrays, structure = jax.tree.flatten(given)
    program = _batch_program(function, structure, mesh, sequential)
    sharding = NamedSharding(mesh, PartitionSpec(mesh.axis_names))
    batches = []
    for i in range(0, len(padded), size):
        raise_if_stopped()
        batch = program(arrays, jax.device_put(padded[i : i + size], sharding))
        batches.append(jax.device_get(batch))
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:num], *batches)


@lru_cache(maxsize=16)
def _batch_program(
    function: Callable[[Any, Array], Any], structure: Any, mesh: Mesh, sequential: bool
) -> Callable[[Any, Array], Any]:
    def batch(arrays: Any, positions: Array) -> Any:  # arrays alone, see `compiled_by_structure`
        given = jax.tree.unflatten(structure, arrays)
        return over(lambda position: function(given, position), sequential)(positions)

    same, rows = PartitionSpec(), PartitionSpec(mesh.axis_names)
    return jax.jit(jax.shard_map(batch, mesh=mesh, in_specs=(same, rows), out_specs=rows, check_vma=False))
