"""The syntax tree of a `.mod` file: expressions and statements, each with its place in the text.

``at`` is an offset into `Source.text`; it takes no part in comparisons.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A variable at a date (``x(-1)`` has lag -1), a parameter or a local variable."""

    name: str
    lag: int = 0
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Call:
    """``exp(x)``, or one of the operators STEADY_STATE(x) and diff(x)."""

    function: str
    arguments: tuple["Expression", ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Expectation:
    """``EXPECTATION(period)(operand)``: the expectation held at t + period."""

    period: int
    operand: "Expression"
    at: int = field(default=0, compare=False)


type Expression = Number | Name | Unary | Binary | Call | Expectation


def children(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case Unary(_, operand) | Expectation(_, operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case Call(_, arguments):
            return arguments
    return ()


def rebuild(expression: Expression, new: tuple[Expression, ...]) -> Expression:
    """The same node with other children."""
    match expression:
        case Unary() | Expectation():
            return replace(expression, operand=new[0])
        case Binary():
            return replace(expression, left=new[0], right=new[1])
        case Call():
            return replace(expression, arguments=new)
    return expression


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and everything within it, in order of appearance."""
    yield expression
    for child in children(expression):
        yield from walk(child)


def names(expression: Expression) -> list[Name]:
    """Every name in an expression, in order of appearance."""
    return [node for node in walk(expression) if isinstance(node, Name)]


@dataclass(frozen=True)
class Equation:
    """``[tags] left = right;``; a bare expression has right = 0. Tags map to (text, offset)."""

    left: Expression
    right: Expression
    tags: dict[str, str]
    at: int


def residual(equation: Equation) -> Expression:
    """Left less right."""
    zero = equation.right == Number(0.0)
    return equation.left if zero else Binary("-", equation.left, equation.right)


@dataclass(frozen=True)
class Assignment:
    """``name = value;``, or ``# name = value;`` in a model."""

    name: str
    value: Expression
    at: int


@dataclass(frozen=True)
class Symbol:
    """A declared name."""

    name: str
    long_name: str
    at: int
    tex: str = ""


@dataclass(frozen=True)
class Shock:
    """One entry of a `shocks` block: ``kind`` is "stderr", "variance", "covariance" or "corr"."""

    kind: str
    names: tuple[str, ...]
    value: Expression
    at: int


@dataclass(frozen=True)
class ShockPath:
    """``var e; periods 1:3, 5; values 0.1, 0.2;``: periods and numbers as they are written; ``kind`` is "values",
    "scales", "add" or "multiply"."""

    name: str
    periods: str
    kind: str
    values: str
    at: int


@dataclass(frozen=True)
class Estimated:
    """A line of `estimated_params` and its like: fields are expressions, shapes or None."""

    kind: str  # "parameter", "stderr" or "corr"
    names: tuple[str, ...]
    fields: tuple[Expression | None, ...]
    at: int


@dataclass(frozen=True)
class Move:
    """A line of `homotopy_setup`: a value that moves from ``first`` (None for what it is) to ``last``."""

    name: str
    first: Expression | None
    last: Expression
    at: int


@dataclass(frozen=True)
class MatlabCode:
    """A `steady_state_model` as Matlab code; ``error`` is why it is nothing else."""

    text: str
    error: Exception | None = None


@dataclass(frozen=True)
class Condition:
    """An entry of `occbin_constraints`: relations that begin and end the spell of a regime."""

    name: str
    bind: Expression
    relax: Expression | None
    at: int


@dataclass(frozen=True)
class Option:
    """``name = value`` in parentheses; the value is its text, None where there is none."""

    name: str
    value: str | None
    at: int


@dataclass(frozen=True)
class Statement:
    """One statement or block: its keyword, options in parentheses, and what it holds."""

    keyword: str
    options: tuple[Option, ...]
    items: tuple[Any, ...]
    at: int

    def option(self, name: str) -> Option | None:
        return next((o for o in self.options if o.name == name), None)
