"""What is computed once for a model is kept on the model, and goes with it."""

from collections.abc import Callable
from functools import wraps
from typing import Any


def kept_on_model[M, T](function: Callable[[M], T]) -> Callable[[M], T]:
    """``function(model)``, computed once for each model and kept on it: a loop over models keeps nothing of them.

    Args:
        function: of a model alone, whose instances have a ``__dict__``.
    """

    @wraps(function)
    def call(model: M) -> T:
        kept: dict[Any, Any] = model.__dict__.setdefault("_kept", {})
        if function not in kept:
            kept[function] = function(model)
        return kept[function]

    return call
