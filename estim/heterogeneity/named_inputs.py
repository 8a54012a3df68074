"""Functions whose arguments are a model's variables by name, so that what a block reads stands in signatures alone."""

import inspect
from collections.abc import Callable
from typing import Any

from estim.arguments import ArgumentError


def of_beta(p: Any) -> Any:
    """The discount factor where a model calls it ``beta``."""
    return p.beta


def of_eis(p: Any) -> Any:
    """The elasticity of intertemporal substitution where a model calls it ``eis``."""
    return p.eis


def nothing_else(outcomes: dict[str, Any], grid: Any, p: Any) -> dict[str, Any]:
    """No further outcomes."""
    return {}


def of_variables(**functions: Callable) -> tuple[dict[str, Callable], tuple[str, ...]]:
    """Functions of named variables as functions ``(inputs, grid, params)``, and the names that they read together.

    An argument with a default is the author's own.

    Raises:
        ArgumentError: an argument is no name, such as ``*args``.
    """
    read: dict[str, tuple[str, ...]] = {}
    for role, function in functions.items():
        arguments = [q for q in inspect.signature(function).parameters.values() if q.default is q.empty]
        if loose := [q.name for q in arguments if q.kind not in (q.POSITIONAL_OR_KEYWORD, q.KEYWORD_ONLY)]:
            raise ArgumentError(f"{role}: its argument '{loose[0]}' must be a name, of a variable, grid or p")
        read[role] = tuple(q.name for q in arguments)
    inputs = tuple(dict.fromkeys(n for names in read.values() for n in names if n not in ("grid", "p")))

    def named(role: str) -> Callable:
        def call(x: Any, grid: Any, p: Any) -> Any:
            given = {"grid": grid, "p": p}
            return functions[role](**{n: given[n] if n in given else getattr(x, n) for n in read[role]})

        return call

    return {role: named(role) for role in functions}, inputs
