"""What is kept, and for how long: what was computed for a model, and compiled programs."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import jax


def kept_of(model: Any) -> dict[Any, Any]:
    """What is kept on a model, by the function that computed it or by a name."""
    return model.__dict__.setdefault("_kept", {})


def kept_on_model[M, T](function: Callable[[M], T]) -> Callable[[M], T]:
    """``function(model)``, computed once for each model and kept on it: a loop over models keeps nothing of them.

    Args:
        function: of a model alone, whose instances have a ``__dict__``.
    """

    @wraps(function)
    def call(model: M) -> T:
        kept = kept_of(model)
        if function not in kept:
            kept[function] = function(model)
        return kept[function]

    return call


def compiled_by_structure[**P, T](function: Callable[P, T], programs: int = 16) -> Callable[P, T]:
    """``function(first, ...)``, compiled once for all that differ from `first` in its arrays alone, as posteriors do
    that have other data.

    Args:
        function: all its arguments are pytrees; the static parts of the first, models and functions, can be compared.
        programs: for how many static parts a program is kept, those that were used last.
    """

    @lru_cache(maxsize=programs)
    def program(static: Any) -> Callable[..., T]:
        # JAX sees arrays alone: what it remembers of static parts it keeps, and a model would stay with them
        whole: Callable[..., T] = function
        return jax.jit(lambda arrays, *args: whole(jax.tree.unflatten(static, arrays), *args))

    @wraps(function, updated=())
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        arrays, static = jax.tree.flatten(args[0])
        return program(static)(arrays, *args[1:], **kwargs)

    return call
