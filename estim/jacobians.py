"""`sensitivities`: the derivatives of any function of arrays, by whichever mode is cheaper."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import ArgumentError, checked, did_you_mean

Mode = Literal["auto", "forward", "reverse"]


@checked
def sensitivities(
    function: Callable[[Any], Any], arguments: Any, *, along: Any = None, mode: Mode = "auto"
) -> Any:
    """How what a function returns moves with what it is given: all derivatives, or those along directions.

    Args:
        function: of one pytree of floats, such as ``{"rho": 0.9, "shocks": shocks}``, to another. JAX traces it.
        arguments: where the derivatives are taken.
        along: a direction, a pytree like `arguments` (of a mapping, what is left out does not move), or a list of
            them: the derivatives along each, all directions at once. None for all derivatives.
        mode: "forward" costs a pass for each number of the arguments, "reverse" one, about twice as long, for each
            number that is returned: one for a scalar of a million arguments. "auto" takes the cheaper, and the other
            one where a part of the function has derivatives in one mode only. Directions go forward.

    Returns:
        Like what the function returns; in the place of each of its arrays a pytree like `arguments`, the array's
        shape before the argument's. Along a direction each array has its own shape, along a list of them with a
        leading axis ``[n_directions]``.

    Raises:
        ArgumentError: a direction is none of the arguments.

    Source: Griewank and Walther (2008), Evaluating Derivatives, ch. 3 and 4.
    """
    arguments = _floats(dict(arguments) if isinstance(arguments, Mapping) else arguments)
    if along is not None:
        if mode == "reverse":
            raise ArgumentError("sensitivities: derivatives along a direction go forward, not mode='reverse'")
        return _along(function, arguments, along)
    if mode != "auto":
        return _JACOBIANS[mode](function, arguments)
    mode = cheaper_mode(function, arguments)
    try:
        return _JACOBIANS[mode](function, arguments)
    except (TypeError, ValueError) as error:
        if not any(words in str(error) for words in _ONE_MODE_ONLY):
            raise
        return _JACOBIANS["reverse" if mode == "forward" else "forward"](function, arguments)


def cheaper_mode(function: Callable[[Any], Any], arguments: Any) -> Literal["forward", "reverse"]:
    """Forward where what goes in is no more than twice what comes out: a reverse pass costs two forward ones."""
    size = lambda tree: sum(int(np.prod(np.shape(leaf))) for leaf in jax.tree.leaves(tree))
    given, returned = size(arguments), size(jax.eval_shape(function, arguments))
    return "forward" if given <= 2 * returned else "reverse"


_JACOBIANS = {
    "forward": lambda function, at: jax.jit(jax.jacfwd(function))(at),
    "reverse": lambda function, at: jax.jit(jax.jacrev(function))(at),
}

_ONE_MODE_ONLY = (
    "forward-mode autodiff (jvp)",  # of a function with a hand-written pullback
    "forward-mode differentiation",
    "Reverse-mode differentiation does not work",  # of a loop of unknown length
)


def _along(function: Callable[[Any], Any], arguments: Any, along: Any) -> Any:
    several = isinstance(along, Sequence) and not hasattr(along, "_fields")
    if several and not isinstance(arguments, Mapping) and len(along) == len(jax.tree.leaves(arguments)):
        same = str(jax.tree.structure(along)) == str(jax.tree.structure(arguments))
        several = not same  # a list of numbers is a direction where the arguments are one
    directions = [_direction(arguments, d) for d in (along if several else [along])]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *directions)

    @jax.jit
    def push(arguments, stacked):
        one = lambda direction: jax.jvp(function, (arguments,), (direction,))[1]
        return jax.vmap(one)(stacked)

    moved = push(arguments, stacked)
    return moved if several else jax.tree.map(lambda x: x[0], moved)


def _direction(arguments: Any, direction: Any) -> Any:
    if isinstance(arguments, Mapping) and isinstance(direction, Mapping):
        if unknown := [name for name in direction if name not in arguments]:
            raise ArgumentError(
                f"sensitivities: along gives {unknown[0]!r}, which is not in the arguments {list(arguments)}"
                f"{did_you_mean(unknown[0], arguments)}"
            )
        full = jax.tree.map(jnp.zeros_like, dict(arguments)) | {k: _floats(v) for k, v in direction.items()}
        direction = {name: full[name] for name in arguments}
    direction = _floats(direction)
    like, found = (
        (jax.tree.structure(x), [leaf.shape for leaf in jax.tree.leaves(x)]) for x in (arguments, direction)
    )
    if like != found:
        raise ArgumentError(
            f"sensitivities: a direction must be like the arguments, {like[1]}, not {found[1]}"
        )
    return direction


def _floats(tree: Any) -> Any:
    return jax.tree.map(lambda x: jnp.asarray(x, float), tree)
