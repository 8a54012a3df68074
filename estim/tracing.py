"""A user's function called on symbols, and what goes wrong there said in the words of a model's author.

`call` runs it; an exception of whatever kind becomes a `ModelError` that names model, function, equation, file and
line, and says what to write instead where the mistake is a known one.
"""

import ast
import inspect
import linecache
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from traceback import walk_tb
from types import CodeType, TracebackType
from typing import Any, NamedTuple

import jax
import numpy as np

from estim.arguments import did_you_mean, shown, signature_of

_OURS = Path(__file__).parent
_LIBRARIES = (*(str(Path(str(package.__file__)).parent) for package in (jax, np)), "site-packages", "<frozen")


class ModelError(ValueError):
    """What the user wrote is not a model, or not this model's; the message names the culprit."""


class Place(NamedTuple):
    """Where in a user's file something is computed: ``file, line 3: `now.x / 0```, and in which equation."""

    text: str = ""
    equation: str = ""


def call(
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    model: str,
    role: str,
    names: Mapping[str, tuple[str, ...]],
) -> Any:
    """``function(*arguments)``.

    Args:
        function: the user's.
        arguments: by the names that the documentation gives them.
        model: its name, for errors.
        role: which function of the model this is.
        names: what may be read: ``{"prior": (...), "variables": (...), ...}``.

    Raises:
        ModelError: it is no function of so many arguments, or raises an exception.
    """
    if not callable(function):
        raise ModelError(
            f"{model}: {role} must be a function of ({', '.join(arguments)}), not {shown(function)}"
        )
    try:
        inspect.signature(function).bind(*arguments.values())
    except TypeError:
        raise ModelError(
            f"{model}: {role} must be a function of ({', '.join(arguments)}), but takes {signature_of(function)}"
        ) from None
    except ValueError:  # a builtin without a signature
        pass
    try:
        return function(*arguments.values())
    except ModelError:
        raise
    except Exception as error:
        place = find_place(error.__traceback__)
        where = f"{role}, equation '{place.equation}'" if place.equation and role == "residuals" else role
        at = f" ({place.text})" if place.text else ""
        raise ModelError(f"{model}: {where}{_explained(error, role, arguments, names)}{at}") from error


def _explained(
    error: Exception, role: str, arguments: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]
) -> str:
    """What an exception of a traced function means, as the end of a sentence that begins with the function."""
    if isinstance(error, AttributeError) and any(error.obj is given for given in arguments.values()):
        return f" uses '{error.name}', {_unknown_name(str(error.name), error.obj, arguments, names)}"
    if isinstance(error, jax.errors.TracerBoolConversionError):
        return (
            ": 'if', 'while', 'and', 'or', 'not', min and max ask whether something holds, which is not known of a "
            "variable or a parameter; write jnp.where(condition, a, b), jnp.minimum or jnp.maximum"
        )
    if isinstance(error, jax.errors.TracerArrayConversionError):
        return ": numpy computes with numbers only; take jax.numpy, jnp.exp for np.exp"
    if isinstance(error, jax.errors.TracerIntegerConversionError):
        return ": an index or a length must be a number, not a variable or a parameter"
    if isinstance(error, jax.errors.ConcretizationTypeError):
        return (
            ": float(), int() and the functions of math need a number, which a variable or a parameter is not yet; "
            "leave float() and int() out, and take jax.numpy, jnp.exp for math.exp"
        )
    text = re.sub(r"\b\w*Tracer\b", "a variable or parameter", " ".join(str(error).split()))
    if re.search(r"\w+\.__new__\(\) (missing|takes|got)|Expected \d+ arguments", text):
        return f" must give a value for each name: {text}"
    return f" raises {type(error).__name__}: {text}"


def _unknown_name(
    name: str, wanted_of: Any, arguments: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]
) -> str:
    for kind, known in names.items():
        if name in known:
            asked = next(n for n, given in arguments.items() if given is wanted_of)
            return f"which is in the {kind} and not in '{asked}'"
    lists = [f"the {kind} ({', '.join(known)})" for kind, known in names.items()]
    hint = did_you_mean(name, [n for known in names.values() for n in known])
    return f"which is not in {', '.join(lists[:-1])} or {lists[-1]}{hint}"


def find_place(traceback: TracebackType | None) -> Place:
    """The last line of the user's that a traceback passes, and the equation whose value the first ones compute."""
    found = Place()
    for frame, _ in walk_tb(traceback):
        code = frame.f_code
        if not _is_users(code.co_filename):
            continue
        positions = list(code.co_positions())[_last_instruction(traceback, frame) // 2]
        line, _, start, _ = positions
        source = linecache.getline(code.co_filename, line or 0, frame.f_globals).strip()
        text = f"{Path(code.co_filename).name}, line {line}" + (f": `{source}`" if source else "")
        name = _equation_at(code, (line or 0, start or 0), frame.f_globals)
        found = Place(text, found.equation or name)
    return found


def _is_users(filename: str) -> bool:
    if any(library in filename for library in _LIBRARIES):
        return False
    inside = Path(filename).is_relative_to(_OURS)
    return not inside or "models" in Path(filename).relative_to(_OURS).parts


def _last_instruction(traceback: TracebackType | None, frame: Any) -> int:
    while traceback is not None and traceback.tb_frame is not frame:
        traceback = traceback.tb_next
    return traceback.tb_lasti if traceback is not None else 0


def _equation_at(code: CodeType, position: tuple[int, int], module: dict[str, Any]) -> str:
    """The key of the innermost ``{"key": expression}`` in a function whose expression stands at (line, column)."""
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename, module)))
    except (SyntaxError, ValueError, RecursionError):
        return ""
    wide = [(line, left) for line, _, left, right in code.co_positions() if line and left != right]
    first = min(((line, column) for line, column in wide if column is not None), default=(0, 0))
    found = ""
    for key, value in _named_expressions(tree):  # inner ones after outer ones
        begin, end = (value.lineno, value.col_offset), (value.end_lineno or 0, value.end_col_offset or 0)
        if first <= begin <= position < end:
            found = key
    return found


def _named_expressions(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
            yield from ((k.arg, k.value) for k in node.keywords if k.arg)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            key = node.targets[0].slice
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, node.value
