"""Whether a value is what an annotation says, and in words what that is."""

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import jax
import numpy as np


class Condition(NamedTuple):
    """What an annotated value must fulfil beside its type: ``Annotated[int, at_least(1)]``."""

    words: str
    holds: Callable[[Any], Any]
    says_all: bool = False
    """The words describe the value without its type."""


_ARRAYS = (jax.Array, np.ndarray)


class Mismatch(Exception):
    """What was wanted of which value, and where inside the argument it stands."""

    def __init__(self, wanted: str, value: Any, place: str = ""):
        self.wanted, self.value, self.place = wanted, value, place

    def inside(self, place: str) -> "Mismatch":
        return Mismatch(self.wanted, self.value, place + self.place)


def convert(value: Any, annotation: Any) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any or isinstance(annotation, TypeVar | str):
        return value
    if origin is Annotated:
        try:
            value = convert(value, arguments[0])
        except Mismatch as mismatch:
            raise (mismatch if mismatch.place else Mismatch(in_words(annotation), mismatch.value)) from None
        traced = isinstance(value, jax.core.Tracer)
        if not traced and not all(c.holds(value) for c in arguments[1:] if isinstance(c, Condition)):
            raise Mismatch(in_words(annotation), value)
        return value
    if origin in (Union, UnionType):
        return _convert_union(value, annotation, arguments)
    if origin is Literal:
        if not isinstance(value, str | int | NoneType) or value not in arguments:
            raise Mismatch(in_words(annotation), value)
        return value
    if origin is not None and isinstance(origin, type) and origin is not type:
        return _convert_collection(value, annotation, origin, arguments)
    if not _is_a(value, annotation):
        raise Mismatch(in_words(annotation), value)
    if annotation in _ARRAYS and hasattr(value, "to_numpy"):
        return value.to_numpy()
    return int(value) if annotation is int else value


def _convert_union(value: Any, annotation: Any, arguments: tuple[Any, ...]) -> Any:
    mismatches = []
    for argument in arguments:
        try:
            return convert(value, argument)
        except Mismatch as mismatch:
            mismatches.append(mismatch)
    inside = next((m for m in mismatches if m.place), None)  # right as far as the collection goes
    raise inside or Mismatch(" or ".join(m.wanted for m in mismatches), value)


def _convert_collection(value: Any, annotation: Any, origin: type, arguments: tuple[Any, ...]) -> Any:
    """Mappings, sequences and functions; what they hold is checked too."""
    array = isinstance(value, np.ndarray) and value.ndim == 1
    if issubclass(origin, tuple | Sequence) and (isinstance(value, list | tuple) or array):
        items = (
            [*arguments[:1]] * len(value) if len(arguments) < 2 or arguments[1] is ... else list(arguments)
        )
        if len(items) != len(value):
            raise Mismatch(f"{len(items)} values", value)
        converted = [_inside(v, a, f"[{i}]") for i, (v, a) in enumerate(zip(value, items, strict=True))]
        return tuple(converted) if issubclass(origin, tuple) else value
    if not isinstance(value, origin) or (issubclass(origin, Sequence) and isinstance(value, str | bytes)):
        raise Mismatch(in_words(annotation), value)
    if isinstance(value, Mapping) and arguments:
        for key, item in value.items():
            _inside(key, arguments[0], f": the name {shown(key)}")
            _inside(item, arguments[1], f"[{shown(key)}]")
    return value


def _inside(value: Any, annotation: Any, place: str) -> Any:
    try:
        return convert(value, annotation)
    except Mismatch as mismatch:
        raise mismatch.inside(place) from None


def _is_a(value: Any, kind: Any) -> bool:
    if kind in (None, NoneType):
        return value is None
    if kind is int:
        return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    if kind is float:
        return is_number(value) and (isinstance(value, jax.core.Tracer) or is_finite(value))
    if kind in _ARRAYS:
        return isinstance(value, jax.Array) or _is_numeric(value)
    if kind is callable or get_origin(kind) is not None:
        return callable(value) if kind is callable else isinstance(value, type)
    return not isinstance(kind, type) or kind is object or isinstance(value, kind)


def is_number(value: Any) -> bool:
    if isinstance(value, int) and not is_finite(value):
        return False
    if isinstance(value, np.ndarray | jax.Array):
        return value.shape == () and value.dtype.kind in "iuf"
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def is_finite(value: Any) -> bool:
    """Whether a number can be a finite float."""
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _is_numeric(value: Any) -> bool:
    """Whether it can be read as an array of numbers, without doing much to find out."""
    try:
        return np.asarray(value).dtype.kind in "biufc"
    except Exception:  # ragged lists, objects of a will of their own
        return False


_KINDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def in_words(annotation: Any) -> str:
    """What a value of this annotation is, in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in (None, NoneType):
        return "None"
    if origin is Annotated:
        conditions = [c for c in arguments[1:] if isinstance(c, Condition)]
        whole = [c.words for c in conditions if c.says_all] or [in_words(arguments[0])]
        return " ".join([*whole, *(c.words for c in conditions if not c.says_all)])
    if origin is Literal:
        return f"one of {list(arguments)}"
    if origin in (Union, UnionType):
        return " or ".join(map(in_words, arguments))
    if origin is not None and isinstance(origin, type):
        if issubclass(origin, Mapping):
            return "a mapping"
        if origin is type:
            return "a class"
        if issubclass(origin, tuple) and arguments and Ellipsis not in arguments:
            return f"{len(arguments)} values"
        return "a function" if origin is Callable else "a list"
    if annotation in _ARRAYS:
        return "an array of numbers"
    if annotation in _KINDS:
        return _KINDS[annotation]
    name = getattr(annotation, "__name__", str(annotation))
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def shown(value: Any, length: int = 80) -> str:
    """A value as an error message shows it: on one line, not longer than a line."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a repr of the user's own, or a number of more digits than Python prints
        text = f"a {type(value).__name__}"
    return text if len(text) <= length else f"{text[: length - 3]}..."
