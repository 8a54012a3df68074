"""What an argument or a setting may be: its annotation says the type and the range, and is checked at the door.

    def sample(posterior: Posterior, rng_key: Key, *, num_samples: Positive = 1000): ...

The annotation is the one place where type and range stand (the meaning is in the docstring beside it). Whatever
people hand in goes through here: settings of an experiment, from a file, from ``--set`` or from Python (`check`,
`check_fields`, `check_settings`), and the arguments of public functions (`checked`).
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache, wraps
from typing import Annotated, Any, get_type_hints

from estim.kinds import Condition as Condition
from estim.kinds import Mismatch, convert, is_number
from estim.kinds import is_finite as is_finite
from estim.kinds import shown as shown


class ArgumentError(TypeError, ValueError):
    """A value that a function or a setting cannot take; the message names it and says what it may be."""


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
    Any, Condition("a number", lambda value: is_number(value) and value == value, says_all=True)
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
        return convert(value, annotation)
    except Mismatch as mismatch:
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
    """`function`, whose arguments are first checked against their annotations, and taken as `check` returns them.

    Raises:
        ArgumentError: an argument is of a wrong kind, out of its range, missing or unknown.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        given = _bound(signature, function.__name__, ArgumentError, args, kwargs)
        hints = annotations(function)
        for name, value in given.arguments.items():
            if name in hints and signature.parameters[name].kind not in _MANY:
                given.arguments[name] = check(value, hints[name], f"{function.__name__}: {name}")
        return function(*given.args, **given.kwargs)

    return call


_MANY = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def _bound(
    signature: inspect.Signature,
    name: str,
    error: type[Exception],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> inspect.BoundArguments:
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as wrong:
        unknown = next((key for key in kwargs if key not in signature.parameters), None)
        hint = did_you_mean(unknown, signature.parameters) if unknown else ""
        names = ", ".join(n for n in signature.parameters if n != "self")
        raise error(f"{name}({names}): {wrong}{hint}") from None


def names_arguments[C: type](error: type[Exception]) -> Callable[[C], C]:
    """A class whose construction with an argument too few or too many ends in `error`, which lists them."""

    def decorate(cls: C) -> C:
        construct = cls.__init__  # type: ignore[misc]
        signature = inspect.signature(construct)

        @wraps(construct)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            _bound(signature, cls.__name__, error, (self, *args), kwargs)
            construct(self, *args, **kwargs)

        cls.__init__ = __init__  # type: ignore[misc]
        return cls

    return decorate


def signature_of(function: Callable[..., Any]) -> str:
    """The names of a function's arguments, in brackets."""
    return "(" + ", ".join(inspect.signature(function).parameters) + ")"


def did_you_mean(name: Any, known: Iterable[Any]) -> str:
    """``; did you mean 'x'?`` where one of the known names is close to `name`, in whatever case, else nothing."""
    small = {str(k).lower(): str(k) for k in reversed(list(known))}
    close = difflib.get_close_matches(str(name).lower(), small, n=1)
    return f"; did you mean '{small[close[0]]}'?" if close else ""


def annotations(owner: Any) -> dict[str, Any]:
    """The annotations of a function or a dataclass; those that only a type checker can see are left out."""
    return _annotations(owner)


@cache
def _annotations(owner: Any) -> dict[str, Any]:
    try:
        return get_type_hints(owner, include_extras=True)
    except NameError:
        return {k: v for k, v in owner.__annotations__.items() if not isinstance(v, str)}
