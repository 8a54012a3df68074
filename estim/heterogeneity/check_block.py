"""Does a heterogeneous-agent block fit together, and fit into its model? Its functions are traced, not run."""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax

from estim.heterogeneity.block import HetBlock


class BlockFault(ValueError):
    """What is wrong with a block; the message names its part."""


def check_block(block: HetBlock, variables: tuple[str, ...], params: Any) -> None:
    """Names first, then shapes.

    Args:
        variables: the names of the model's variables.
        params: the model's Params, of numbers or of `jax.ShapeDtypeStruct`.

    Raises:
        BlockFault: a name is none of the model's, a function fails, or what it returns has another form than
            `HetBlock` says.
    """
    _check_names(block, variables)
    grids = _trace("grids", block.grids, params)
    _check_grids(block, grids)
    Inputs: Any = namedtuple("Inputs", block.inputs)  # type: ignore[misc]
    inputs = Inputs(*[jax.ShapeDtypeStruct((), float)] * len(block.inputs))
    value = _trace("initial", block.initial, inputs, grids, params)
    found = _trace("backward", block.backward, value, inputs, grids, params)
    if not (isinstance(found, tuple) and len(found) == 2 and isinstance(found[1], Mapping)):
        raise BlockFault("backward must return (value, {outcome: array})")
    if _form(found[0]) != _form(value):
        raise BlockFault(
            f"backward makes a value of form {_form(found[0])} of one of {_form(value)} ('initial')"
        )
    shape = (grids.transition.shape[0], *(getattr(grids, name).shape[0] for name in block.policy))
    for name in dict.fromkeys((*block.policy, *block.outputs.values())):
        if name not in found[1]:
            raise BlockFault(f"backward has no outcome '{name}'; it has {_list(found[1])}")
        if found[1][name].shape != shape:
            axes = ", ".join(("income", *block.policy))
            raise BlockFault(f"outcome '{name}' has shape {found[1][name].shape}, not {shape} ({axes})")


def _check_names(block: HetBlock, variables: tuple[str, ...]) -> None:
    for role in ("inputs", "policy"):
        names = getattr(block, role)
        if not isinstance(names, tuple | list) or not names or not all(isinstance(n, str) for n in names):
            raise BlockFault(f"{role} must be a tuple of names such as ('a',), not {names!r}")
        if repeated := [n for n in names if names.count(n) > 1]:
            raise BlockFault(f"{role} has '{repeated[0]}' twice")
    if not isinstance(block.outputs, Mapping) or not block.outputs:
        raise BlockFault(f"outputs must be {{variable: outcome}}, not {block.outputs!r}")
    for role in ("grids", "backward", "initial"):
        if not callable(getattr(block, role)):
            raise BlockFault(f"{role} must be a function, not {getattr(block, role)!r}")
    for role, names in (("input", block.inputs), ("output", block.outputs)):
        if unknown := [n for n in names if n not in variables]:
            raise BlockFault(f"{role} {unknown[0]!r} is no variable of the model; it has {_list(variables)}")
    if wrong := [n for n in block.outputs.values() if not isinstance(n, str)]:
        raise BlockFault(f"outputs must be {{variable: outcome}}, and {wrong[0]!r} is no outcome's name")


def _check_grids(block: HetBlock, grids: Any) -> None:
    fields = getattr(grids, "_fields", ())
    if missing := [n for n in ("transition", *block.policy) if n not in fields]:
        raise BlockFault(f"grids must return a NamedTuple with '{missing[0]}'; it has {_list(fields)}")
    rows: tuple[int, ...] = getattr(grids.transition, "shape", ())
    if len(rows) != 2 or rows[0] != rows[1]:
        raise BlockFault(
            f"grids: 'transition' has shape {rows}; it must be square, from today's income to tomorrow's"
        )
    for name in block.policy:
        shape: tuple[int, ...] = getattr(getattr(grids, name), "shape", ())
        if len(shape) != 1 or shape[0] < 2:
            raise BlockFault(f"grids: '{name}' has shape {shape}; it must be a vector of two points or more")


def _trace(role: str, function: Callable, *args: Any) -> Any:
    """The shapes that a function of the block returns."""
    try:
        return jax.eval_shape(function, *args)
    except AttributeError as error:
        raise BlockFault(f"{role} uses '{error.name}', which is not there") from error
    except Exception as error:  # whatever its author's code raises
        reason = str(error).strip().split("\n")[0]
        raise BlockFault(f"{role} fails: {type(error).__name__}: {reason}") from error


def _form(value: Any) -> Any:
    return jax.tree.map(lambda x: x.shape, value)


def _list(names: Iterable[Any]) -> str:
    return "(" + ", ".join(map(str, names)) + ")"
