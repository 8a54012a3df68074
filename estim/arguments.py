"""What an argument or a setting may be: its annotation says the type and the range, and is checked at the door.

    def sample(posterior: Posterior, rng_key: Key, *, num_samples: Positive = 1000): ...

The annotation is the one place where type and range stand (the meaning is in the docstring beside it). Whatever
people hand in goes through here: settings of an experiment, from a file, from ``--set`` or from Python (`check`,
`check_fields`, `check_settings`), and the arguments of public functions (`checked`).
"""

import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, wraps
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import jax
import numpy as np


class ArgumentError(TypeError, ValueError):
    """A value that a function or a setting cannot take; the message names it and says what it may be."""


class Condition(NamedTuple):
    """What an annotated value must fulfil beside its type: ``Annotated[int, at_least(1)]``."""

    words: str
    holds: Callable[[Any], Any]
    says_all: bool = False
    """The words describe the value without its type."""


def at_least(low: float) -> Condition:
    return Condition(f"from {low} on", lambda value: value >= low)


def above(low: float) -> Condition:
    return Condition(f"above {low}", lambda value: value > low)


def below(high: float) -> Condition:
    return Condition(f"below {high}", lambda value: value < high)


def within(low: float, high: float) -> Condition:
    """Both ends included."""
    return Condition(f"from {low} to {high}", lambda value: low <= value <= high)


def between(low: float, high: float) -> Condition:
    """Neither end included."""
    return Condition(f"between {low} and {high}", lambda value: low < value < high)


def multiple_of(step: int) -> Condition:
    return Condition(f"that is a multiple of {step}", lambda value: value > 0 and value % step == 0)


Number = Annotated[
    Any, Condition("a number", lambda value: _is_number(value) and value == value, says_all=True)
]
"""Infinite ones too."""
Positive = Annotated[int, at_least(1)]
NonNegative = Annotated[int, at_least(0)]
PositiveReal = Annotated[float, above(0)]
NonNegativeReal = Annotated[float, at_least(0)]
Fraction = Annotated[float, between(0, 1)]
Seed = Annotated[int, Condition("of 64 bits", lambda value: -(2**63) <= value < 2**63)]


def check(value: Any, annotation: Any, name: str) -> Any:
    """`value` if the annotation allows it: whole numbers as ``int``, lists as tuples where a tuple is asked for.

    Raises:
        ArgumentError: it does not; says what `name` must be.
    """
    try:
        return _convert(value, annotation)
    except _Mismatch as mismatch:
        raise ArgumentError(
            f"{name}{mismatch.place} must be {mismatch.wanted}, not {shown(mismatch.value)}"
        ) from None


def check_fields(instance: Any, prefix: str = "") -> None:
    """Check the fields of a dataclass, and set them as `check` returns them.

    Raises:
        ArgumentError: names the field.
    """
    hints = annotations(type(instance))
    for field in fields(instance):
        value = check(getattr(instance, field.name), hints[field.name], prefix + field.name)
        object.__setattr__(instance, field.name, value)


def check_settings(
    known: Mapping[str, Any], settings: Mapping[str, Any], owner: str, place: str | None = None
) -> dict[str, Any]:
    """Settings by name against their annotations, see `settings_of`. Returns them as `check` does.

    Args:
        known: what there is, with its annotations.
        settings: what is asked for.
        owner: whose settings they are.
        place: where they stand, the owner itself by default.

    Raises:
        ArgumentError: the owner has no such setting, or a value is not allowed.
    """
    if unknown := [key for key in settings if key not in known]:
        raise ArgumentError(
            f"{owner} has no setting {unknown}; it has {list(known)}{did_you_mean(unknown[0], known)}"
        )
    return {key: check(value, known[key], f"{place or owner}.{key}") for key, value in settings.items()}


def settings_of(owner: Callable[..., Any]) -> dict[str, Any]:
    """The settings of a function, its keyword-only arguments, or of a dataclass, its fields, with their annotations."""
    hints = annotations(inspect.unwrap(owner))
    if is_dataclass(owner):
        return {field.name: hints[field.name] for field in fields(owner)}
    parameters = inspect.signature(owner).parameters.values()
    return {p.name: hints.get(p.name, Any) for p in parameters if p.kind is p.KEYWORD_ONLY}


def checked[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """`function`, whose arguments are first checked against their annotations.

    Raises:
        ArgumentError: an argument is of a wrong kind, out of its range, missing or unknown.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            unknown = next((key for key in kwargs if key not in signature.parameters), "")
            hint = did_you_mean(unknown, signature.parameters)
            raise ArgumentError(f"{function.__name__}{signature_of(function)}: {error}{hint}") from None
        hints = annotations(function)
        for name, value in given.items():
            kind = signature.parameters[name].kind
            if name in hints and kind not in (
                inspect.Parameter.VAR_KEYWORD,
                inspect.Parameter.VAR_POSITIONAL,
            ):
                check(value, hints[name], f"{function.__name__}: {name}")
        return function(*args, **kwargs)

    return call


def names_arguments[C: type](error: type[Exception]) -> Callable[[C], C]:
    """A class whose construction with an argument too few or too many ends in `error`, which lists them."""

    def decorate(cls: C) -> C:
        construct = cls.__init__  # type: ignore[misc]
        signature = inspect.signature(construct)

        @wraps(construct)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            try:
                signature.bind(self, *args, **kwargs)
            except TypeError as wrong:
                unknown = next((key for key in kwargs if key not in signature.parameters), "")
                hint = did_you_mean(unknown, signature.parameters)
                raise error(
                    f"{cls.__name__}({', '.join(list(signature.parameters)[1:])}): {wrong}{hint}"
                ) from None
            construct(self, *args, **kwargs)

        cls.__init__ = __init__  # type: ignore[misc]
        return cls

    return decorate


def signature_of(function: Callable[..., Any]) -> str:
    """The names of a function's arguments, in brackets."""
    return "(" + ", ".join(inspect.signature(function).parameters) + ")"


def did_you_mean(name: Any, known: Iterable[Any]) -> str:
    """``; did you mean 'x'?`` where one of the known names is close to `name`, else nothing."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def shown(value: Any, length: int = 80) -> str:
    """A value as an error message shows it: on one line, not longer than a line."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a repr of the user's own, or a number of more digits than Python prints
        text = f"a {type(value).__name__}"
    return text if len(text) <= length else f"{text[: length - 3]}..."


class _Mismatch(Exception):
    """What was wanted of which value, and where inside the argument it stands."""

    def __init__(self, wanted: str, value: Any, place: str = ""):
        self.wanted, self.value, self.place = wanted, value, place

    def inside(self, place: str) -> "_Mismatch":
        return _Mismatch(self.wanted, self.value, place + self.place)


def _convert(value: Any, annotation: Any) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any or isinstance(annotation, TypeVar | str):
        return value
    if origin is Annotated:
        try:
            value = _convert(value, arguments[0])
        except _Mismatch as mismatch:
            raise (mismatch if mismatch.place else _Mismatch(_words(annotation), mismatch.value)) from None
        traced = isinstance(value, jax.core.Tracer)
        if not traced and not all(c.holds(value) for c in arguments[1:] if isinstance(c, Condition)):
            raise _Mismatch(_words(annotation), value)
        return value
    if origin in (Union, UnionType):
        return _convert_union(value, annotation, arguments)
    if origin is Literal:
        if not isinstance(value, str | int | NoneType) or value not in arguments:
            raise _Mismatch(_words(annotation), value)
        return value
    if origin is not None and isinstance(origin, type) and origin is not type:
        return _convert_collection(value, annotation, origin, arguments)
    if not _is_a(value, annotation):
        raise _Mismatch(_words(annotation), value)
    return int(value) if annotation is int else value


def _convert_union(value: Any, annotation: Any, arguments: tuple[Any, ...]) -> Any:
    mismatches = []
    for argument in arguments:
        try:
            return _convert(value, argument)
        except _Mismatch as mismatch:
            mismatches.append(mismatch)
    inside = next((m for m in mismatches if m.place), None)  # right as far as the collection goes
    raise inside or _Mismatch(" or ".join(m.wanted for m in mismatches), value)


def _convert_collection(value: Any, annotation: Any, origin: type, arguments: tuple[Any, ...]) -> Any:
    """Mappings, sequences and functions; what they hold is checked too."""
    array = isinstance(value, np.ndarray) and value.ndim == 1
    if issubclass(origin, tuple | Sequence) and (isinstance(value, list | tuple) or array):
        items = (
            [*arguments[:1]] * len(value) if len(arguments) < 2 or arguments[1] is ... else list(arguments)
        )
        if len(items) != len(value):
            raise _Mismatch(f"{len(items)} values", value)
        converted = [_inside(v, a, f"[{i}]") for i, (v, a) in enumerate(zip(value, items, strict=True))]
        return tuple(converted) if issubclass(origin, tuple) else value
    if not isinstance(value, origin) or (issubclass(origin, Sequence) and isinstance(value, str | bytes)):
        raise _Mismatch(_words(annotation), value)
    if isinstance(value, Mapping) and arguments:
        for key, item in value.items():
            _inside(key, arguments[0], f": the name {shown(key)}")
            _inside(item, arguments[1], f"[{shown(key)}]")
    return value


def _inside(value: Any, annotation: Any, place: str) -> Any:
    try:
        return _convert(value, annotation)
    except _Mismatch as mismatch:
        raise mismatch.inside(place) from None


def _is_a(value: Any, kind: Any) -> bool:
    if kind in (None, NoneType):
        return value is None
    if kind is int:
        return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    if kind is float:
        return _is_number(value) and (isinstance(value, jax.core.Tracer) or is_finite(value))
    if kind in (jax.Array, np.ndarray):
        return isinstance(value, jax.Array) or _is_numeric(value)
    if kind is callable or get_origin(kind) is not None:
        return callable(value) if kind is callable else isinstance(value, type)
    return not isinstance(kind, type) or kind is object or isinstance(value, kind)


def _is_number(value: Any) -> bool:
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


_KINDS = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    jax.Array: "an array of numbers",
}


def _words(annotation: Any) -> str:
    """What a value of this annotation is, in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in (None, NoneType):
        return "None"
    if origin is Annotated:
        conditions = [c for c in arguments[1:] if isinstance(c, Condition)]
        alone = next((c.words for c in conditions if c.says_all), None)
        return alone or " ".join([_words(arguments[0]), *(c.words for c in conditions)])
    if origin is Literal:
        return f"one of {list(arguments)}"
    if origin in (Union, UnionType):
        return " or ".join(map(_words, arguments))
    if origin is not None and isinstance(origin, type):
        if issubclass(origin, Mapping):
            return "a mapping"
        if origin is type:
            return "a class"
        return "a function" if origin is Callable else "a list"
    if annotation in _KINDS:
        return _KINDS[annotation]
    name = getattr(annotation, "__name__", str(annotation))
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def annotations(owner: Any) -> dict[str, Any]:
    """The annotations of a function or a dataclass; those that only a type checker can see are left out."""
    return _annotations(owner)


@cache
def _annotations(owner: Any) -> dict[str, Any]:
    try:
        return get_type_hints(owner, include_extras=True)
    except NameError:
        return {k: v for k, v in owner.__annotations__.items() if not isinstance(v, str)}
