"""Expressions as Python source."""

import re
from collections.abc import Callable

import numpy as np

from estim.dynare.reading.functions import FUNCTIONS
from estim.dynare.reading.syntax import Binary, Call, Expression, Number, Unary

_PRECEDENCE = {"==": 1, "!=": 1, "<": 2, ">": 2, "<=": 2, ">=": 2, "+": 3, "-": 3, "*": 4, "/": 4, "^": 6}
_NEGATION = 5
_COMPARISONS = {"==", "!=", "<", ">", "<=", ">="}
_WHOLE = re.compile(r"-?\d+")
_LARGE = 1e6
"""From here on whole numbers are written as floats."""


def to_python(expression: Expression, leaf: Callable[[Expression], str]) -> str:
    """The expression as Python source, with as few parentheses as it needs.

    Args:
        expression: numbers, functions and operators are printed here.
        leaf: prints names, and the operators that depend on where the expression stands.
    """
    return _print(expression, leaf)[0]


def _print(expression: Expression, leaf: Callable[[Expression], str]) -> tuple[str, int, float | None]:
    """Source, the precedence of its outermost operator, and its value where all is numbers."""

    def child(operand: Expression, least: int) -> tuple[str, float | None]:
        text, precedence, value = _print(operand, leaf)
        return text if precedence >= least else f"({text})", value

    match expression:
        case Number(value):
            return _literal(number(value))
        case Unary("-", operand):
            text, x = child(operand, _NEGATION + 1)
            return f"-{text}", _NEGATION, None if x is None else -x
        case Binary(operator, left, right) if operator in _COMPARISONS:
            (first, _), (second, _) = child(left, 3), child(right, 3)
            return f"jnp.where({first} {operator} {second}, 1.0, 0.0)", 9, None
        case Binary(operator, left, right):
            own = _PRECEDENCE[operator]
            power = operator == "^"
            first, x = child(left, own + power)
            second, y = child(right, own + (not power))
            text = first + ("**" if power else f" {operator} ") + second
            if x is None or y is None:
                return text, own, None
            with np.errstate(all="ignore"):
                z = float(_OPERATIONS[operator](np.float64(x), np.float64(y)))
            # Python would do otherwise than floats do: powers, large whole numbers, divisions by zero.
            return _literal(number(z)) if power or not abs(z) < _LARGE else (text, own, z)
        case Call(function, arguments) if function in FUNCTIONS:
            printed = ", ".join(as_float(to_python(a, leaf)) for a in arguments)
            return f"{FUNCTIONS[function].jax}({printed})", 9, None
    return _literal(leaf(expression))


def _literal(text: str) -> tuple[str, int, float | None]:
    """A name, or a number with its value."""
    precedence = _NEGATION if text.startswith("-") else 9
    digits = text.removeprefix("-").removeprefix("jnp.")
    known = digits[:1].isdigit() or digits[:1] == "." or digits in ("inf", "nan")
    return text, precedence, float(text.replace("jnp.", "")) if known else None


_OPERATIONS = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power}


def as_float(text: str) -> str:
    """A whole number with its point: an array of it is one of floats."""
    return f"{text}.0" if _WHOLE.fullmatch(text) else text


def number(value: float) -> str:
    """A number as Python writes it: whole ones without a point, infinities by name."""
    if value != value or abs(value) == float("inf"):
        return {"nan": "jnp.nan", "inf": "jnp.inf", "-inf": "-jnp.inf"}[str(value)]
    return str(int(value)) if value == int(value) and abs(value) < _LARGE else repr(value)
