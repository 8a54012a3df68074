"""Values and operations of Dynare's macro language.

A value is a bool, a float, a str, a tuple or a list (Dynare's array). Operators are those of the
reference manual, "Macro expressions"; what they do not accept raises `MacroError`.
"""

import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

LIMIT = 100_000
"""No array or text of the macro language may be longer: a typing error must not fill the memory."""


class MacroError(ValueError):
    """A macro expression that has no value; the message says why."""


def show(value: Any) -> str:
    """The text that replaces ``@{value}``: numbers have at most 15 digits."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return format(value, ".15g")
        case tuple():
            return "(" + ", ".join(map(show, value)) + ")"
        case list():
            return "[" + ", ".join(map(show, value)) + "]"
    return str(value)


def kind(value: Any) -> str:
    names = {bool: "boolean", float: "real", str: "string", tuple: "tuple", list: "array"}
    return names.get(type(value), "function")


def size(value: Any) -> int:
    """How many elements a value has, those of its elements included; a hundred characters count as one.

    Raises:
        MacroError: it is longer than `LIMIT`.
    """
    found, waiting = 0, [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if len(value) > LIMIT:
                raise MacroError(f"a text of more than {LIMIT} characters is too long")
            found += len(value) // 100
        elif isinstance(value, list | tuple):
            found += len(value)
            waiting += value
        if found > LIMIT:
            raise MacroError(f"an array of more than {LIMIT} elements is too long")
    return found


def truth(value: Any) -> bool:
    if isinstance(value, bool | float):
        return bool(value)
    raise MacroError(f"a condition must be a boolean or a real, not the {kind(value)} {show(value)}")


def binary(symbol: str, left: Any, right: Any) -> Any:
    if symbol in ("==", "!="):
        return (left == right) == (symbol == "==")
    left, right = (float(v) if isinstance(v, bool) else v for v in (left, right))
    operation = _OPERATIONS.get((symbol, type(left)))
    if operation is None or type(left) is not type(right):
        raise MacroError(f"'{symbol}' does not combine a {kind(left)} and a {kind(right)}")
    return _arithmetic(operation, left, right)


def power(left: Any, right: Any) -> Any:
    if isinstance(left, list) and isinstance(right, float):
        if not 0 <= right <= 64 or len(left) ** int(right) > LIMIT:
            raise MacroError(f"an array to the power {show(right)} is too long")
        return list(itertools.product(left, repeat=int(right)))
    return binary("^", left, right)


def span(first: Any, *rest: Any) -> list[float]:
    """``first:last`` or ``first:step:last``."""
    *steps, last = rest
    step = steps[0] if steps else 1.0
    if not all(isinstance(v, float) and math.isfinite(v) for v in (first, step, last)):
        raise MacroError("the ends of a range must be numbers")
    if step == 0 or (last - first) / step < 0:
        return []
    count = (last - first) / step + 1e-12
    if count > LIMIT:
        raise MacroError(f"a range of {count + 1:.0f} numbers is too long")
    return list(itertools.accumulate([step] * math.floor(count), initial=first))


def index(value: Any, position: Any) -> Any:
    """``v[2]``, ``v[4:6]``: positions count from 1."""
    if not isinstance(value, list | str):
        raise MacroError(f"a {kind(value)} has no elements")
    if isinstance(position, list):
        picked = [index(value, p) for p in position]
        return "".join(picked) if isinstance(value, str) else picked
    if not isinstance(position, float) or position != round(position, 0):
        raise MacroError(f"an index must be a whole number, not {show(position)}")
    if not 1 <= position <= len(value):
        raise MacroError(f"index {show(position)} is out of range 1 to {len(value)}")
    return value[int(position) - 1]


def contains(element: Any, array: Any) -> bool:
    if not isinstance(array, list):
        raise MacroError(f"'in' needs an array on its right, not a {kind(array)}")
    return element in array


def cast(target: str, value: Any) -> Any:
    if isinstance(value, list | tuple) and target in ("bool", "real"):
        if len(value) != 1:
            raise MacroError(f"{show(value)} cannot be cast to {target}")
        return cast(target, value[0])
    try:
        match target:
            case "bool":
                return value == "true" if value in ("true", "false") else bool(float(value))
            case "real":
                return float(value)
            case "string":
                return show(value)
            case "tuple":
                return tuple(value) if isinstance(value, list | tuple) else (value,)
        return list(value) if isinstance(value, list | tuple) else [value]
    except (TypeError, ValueError):
        raise MacroError(f"{show(value)} cannot be cast to {target}") from None


def call(name: str, arguments: list[Any]) -> Any:
    """A function of the language itself."""
    function = FUNCTIONS.get(name)
    if function is None:
        raise MacroError(f"unknown macro function {name}")
    try:
        return _arithmetic(function, *arguments)
    except TypeError:
        raise MacroError(f"{name}({', '.join(map(show, arguments))}) has no value") from None


def _arithmetic(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        value = function(*arguments)
    except (ArithmeticError, ValueError) as error:
        raise MacroError(f"arithmetic: {error}") from None
    if isinstance(value, complex):
        raise MacroError("arithmetic: the result is not a real number")
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _product(left: list, right: list) -> list:
    if len(left) * len(right) > LIMIT:
        raise MacroError("the product of two arrays is too long")
    as_tuple = lambda v: v if isinstance(v, tuple) else (v,)
    return [as_tuple(a) + as_tuple(b) for a in left for b in right]


_COMPARISONS = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}
_OPERATIONS: dict[tuple[str, type], Callable[[Any, Any], Any]] = {
    ("+", float): operator.add,
    ("-", float): operator.sub,
    ("*", float): operator.mul,
    ("/", float): operator.truediv,
    ("^", float): operator.pow,
    ("+", str): operator.add,
    ("+", list): operator.add,
    ("-", list): lambda a, b: [v for v in a if v not in b],
    ("*", list): _product,
    ("|", list): lambda a, b: a + [v for v in b if v not in a],
    ("&", list): lambda a, b: [v for v in a if v in b],
    **{(symbol, kind_): f for symbol, f in _COMPARISONS.items() for kind_ in (float, str)},
}


def _count(value: Any) -> float:
    if not isinstance(value, str | list | tuple):
        raise TypeError
    return float(len(value))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{n: getattr(math, n) for n in ("exp", "log", "log10", "sin", "cos", "tan", "asin", "acos", "atan")},
    **{
        n: getattr(math, n)
        for n in ("sqrt", "cbrt", "floor", "ceil", "trunc", "erf", "erfc", "gamma", "lgamma")
    },
    "ln": math.log,
    "max": lambda a, b: max(a, b),
    "min": lambda a, b: min(a, b),
    "mod": lambda a, b: math.fmod(a, b),
    "power": math.pow,
    "sign": lambda a: float((a > 0) - (a < 0)),
    "round": lambda a: math.copysign(math.floor(abs(a) + 0.5), a),
    "normcdf": lambda x, mean=0.0, std=1.0: 0.5 * math.erfc((mean - x) / std / math.sqrt(2)),
    "normpdf": lambda x, mean=0.0, std=1.0: (
        math.exp(-0.5 * ((x - mean) / std) ** 2) / std / math.sqrt(2 * math.pi)
    ),
    "sum": lambda v: math.fsum(v),
    "length": _count,
    "empty": lambda v: _count(v) == 0,
    "isempty": lambda v: _count(v) == 0,
    "isboolean": lambda v: isinstance(v, bool),
    "isreal": lambda v: isinstance(v, float),
    "isinteger": lambda v: isinstance(v, float) and v.is_integer(),
    "isstring": lambda v: isinstance(v, str),
    "istuple": lambda v: isinstance(v, tuple),
    "isarray": lambda v: isinstance(v, list),
}
