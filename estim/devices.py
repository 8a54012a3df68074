"""Where work is done: the devices of the machine, and evaluations side by side or one after another."""

from collections.abc import Callable

import jax
from jax.sharding import AxisType, Mesh

AXIS = "device"
"""Name of the one axis of every mesh."""


def device_mesh(num: int, devices: list[jax.Device]) -> Mesh:
    """A line of as many of `devices` as divide `num` things without remainder."""
    size = max(n for n in range(1, len(devices) + 1) if num % n == 0)
    return jax.make_mesh((size,), (AXIS,), (AxisType.Auto,), devices=devices[:size])


def takes_turns(in_turn: bool) -> bool:
    """Whether evaluations that are better taken one after another are: on a machine whose devices are cores."""
    return in_turn and jax.default_backend() == "cpu"


def over[T](fn: Callable[..., T], in_turn: bool) -> Callable[..., T]:
    """`fn` over a leading axis of its arguments, side by side or, `in_turn` and on a CPU, one after another."""
    if takes_turns(in_turn):
        return lambda *arguments: jax.lax.map(lambda each: fn(*each), arguments)
    return jax.vmap(fn)
