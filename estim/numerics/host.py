"""A NumPy function for the few elements of a compiled batch that need it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_batching import custom_vmap
from jax.extend.core import Primitive
from jax.interpreters import mlir

from estim.typing import Array, Scalar


def on_host_where_needed(fn: Callable, needed: Scalar, otherwise: tuple[Array, ...], *args: Array) -> Any:
    """``fn(*args)`` where `needed`, else `otherwise`; under `vmap` no element pays for another.

    `vmap` turns a branch into both of its branches for all elements. Here a loop takes those that
    need the function, one after another, and ends at once where there are none.

    Args:
        fn: a function of NumPy arrays without side effects that never raises. It returns arrays
            like `otherwise`, and creates none of JAX's: the threads that would fill them may all
            be waiting for it.
        needed: a boolean.
        otherwise: arrays.
        args: arrays.

    Returns:
        Arrays like `otherwise`. They have no derivatives: give them by a rule.
    """

    kinds = tuple(jax.core.ShapedArray(jnp.shape(a), jnp.result_type(a)) for a in otherwise)

    @custom_vmap
    def alone(needed: Array, otherwise: tuple[Array, ...], args: tuple[Array, ...]) -> tuple[Array, ...]:
        # What the call reads of the loop keeps XLA from moving it out of the loop.
        def body(carry):
            return jnp.array(False), tuple(_call.bind(carry[0], *args, fn=fn, kinds=kinds))

        return lax.while_loop(lambda carry: carry[0], body, (needed, otherwise))[1]

    @custom_vmap
    def for_each(needed: Array, otherwise: tuple[Array, ...], args: tuple[Array, ...]) -> tuple[Array, ...]:
        def body(carry):
            waiting, found = carry
            i = jnp.argmax(waiting)
            one = _call.bind(waiting[i], *(a[i] for a in args), fn=fn, kinds=kinds)
            return waiting.at[i].set(False), tuple(a.at[i].set(x) for a, x in zip(found, one, strict=True))

        return lax.while_loop(lambda carry: carry[0].any(), body, (needed, otherwise))[1]

    @alone.def_vmap
    def _(size, batched, *inputs):
        return for_each(*_spread(size, batched, inputs)), tuple(True for _ in otherwise)

    @for_each.def_vmap
    def _(size, batched, *inputs):
        together = lambda a: a.reshape(size * a.shape[1], *a.shape[2:])
        found = for_each(*jax.tree.map(together, _spread(size, batched, inputs)))
        found = tuple(a.reshape(size, len(a) // size, *a.shape[1:]) for a in found)
        return found, tuple(True for _ in found)

    return alone(*jax.tree.map(jnp.asarray, (needed, otherwise, args)))


def _spread(size: int, batched: Any, inputs: Any) -> Any:
    return jax.tree.map(
        lambda a, along: a if along else jnp.broadcast_to(a, (size, *a.shape)), inputs, tuple(batched)
    )


_call = Primitive("call_numpy")
_call.multiple_results = True


@_call.def_impl
def _(
    _waiting: Any, *args: Any, fn: Callable, kinds: tuple[jax.core.ShapedArray, ...]
) -> tuple[np.ndarray, ...]:
    found = fn(*(np.asarray(a) for a in args))
    return tuple(np.asarray(x, kind.dtype) for x, kind in zip(found, kinds, strict=True))


@_call.def_abstract_eval
def _(*_args: Any, fn: Callable, kinds: tuple[jax.core.ShapedArray, ...]) -> tuple[jax.core.ShapedArray, ...]:
    return kinds


def _lower(ctx, *args, fn, kinds):
    """As `jax.pure_callback`, without its copies by JAX."""
    call = lambda *values: _call.impl(*values, fn=fn, kinds=kinds)
    results, _, _ = mlir.emit_python_callback(
        ctx, call, None, list(args), ctx.avals_in, ctx.avals_out, has_side_effect=False, returns_token=False
    )
    return results


mlir.register_lowering(_call, _lower, cacheable=False)
