"""Expressions as Python source."""

from collections.abc import Callable

from estim.dynare.functions import FUNCTIONS
from estim.dynare.syntax import Binary, Call, Expression, Number, Unary

_PRECEDENCE = {"==": 1, "!=": 1, "<": 2, ">": 2, "<=": 2, ">=": 2, "+": 3, "-": 3, "*": 4, "/": 4, "^": 6}
_NEGATION = 5
_COMPARISONS = {"==", "!=", "<", ">", "<=", ">="}


def to_python(expression: Expression, leaf: Callable[[Expression], str]) -> str:
    """The expression as Python source, with as few parentheses as it needs.

    Args:
        expression: numbers, functions and operators are printed here.
        leaf: prints names, and the operators that depend on where the expression stands.
    """
    return _print(expression, leaf)[0]


def _print(expression: Expression, leaf: Callable[[Expression], str]) -> tuple[str, int]:
    """Source and the precedence of its outermost operator."""

    def child(operand: Expression, least: int) -> str:
        text, precedence = _print(operand, leaf)
        return text if precedence >= least else f"({text})"

    match expression:
        case Number(value):
            return number(value), 9 if value >= 0 else _NEGATION
        case Unary("-", operand):
            return f"-{child(operand, _NEGATION + 1)}", _NEGATION
        case Binary(operator, left, right) if operator in _COMPARISONS:
            return f"jnp.where({child(left, 3)} {operator} {child(right, 3)}, 1.0, 0.0)", 9
        case Binary("^", left, right):
            return f"{child(left, 7)}**{child(right, 6)}", 6
        case Binary(operator, left, right):
            own = _PRECEDENCE[operator]
            return f"{child(left, own)} {operator} {child(right, own + 1)}", own
        case Call(function, arguments) if function in FUNCTIONS:
            printed = ", ".join(to_python(a, leaf) for a in arguments)
            return f"{FUNCTIONS[function].jax}({printed})", 9
    return leaf(expression), 9


def number(value: float) -> str:
    """A number as Python writes it: whole ones without a point, infinities by name."""
    if value != value or abs(value) == float("inf"):
        return {"nan": "jnp.nan", "inf": "jnp.inf", "-inf": "-jnp.inf"}[str(value)]
    return str(int(value)) if value == int(value) and abs(value) < 1e6 else repr(value)
