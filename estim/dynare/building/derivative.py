"""The derivative of an expression, as an expression: what the first-order conditions of a planner are made of."""

import math
from collections.abc import Callable

from estim.dynare.building.linear_steady_state import ONE, ZERO, simplify
from estim.dynare.reading.functions import STEADY_STATE
from estim.dynare.reading.syntax import Binary, Call, Expression, Name, Number, Unary

_RELATIONS = ("==", "!=", "<", ">", "<=", ">=")


def derivative(expression: Expression, name: str, lag: int) -> Expression:
    """The partial derivative by the variable ``name(lag)``.

    Args:
        expression: without local variables, differences and expectations.
        name: the variable.
        lag: its date.

    Raises:
        KeyError: a function in it has no derivative here; the key is its name.
    """
    d = lambda part: derivative(part, name, lag)
    match expression:
        case Name(found, at):
            return ONE if (found, at) == (name, lag) else ZERO
        case Number():
            return ZERO
        case Unary(_, operand):
            return simplify(Unary("-", d(operand)))
        case Binary("+" | "-" as sign, left, right):
            return simplify(Binary(sign, d(left), d(right)))
        case Binary("*", left, right):
            return simplify(_plus(_times(d(left), right), _times(left, d(right))))
        case Binary("/", left, right):
            whole = _times(Binary("/", expression, right), d(right))
            return simplify(Binary("-", Binary("/", d(left), right), whole))
        case Binary("^", base, Number(power)):
            lowered = base if power == 2.0 else Binary("^", base, Number(power - 1.0))
            return simplify(_times(_times(Number(power), lowered), d(base)))
        case Binary("^", base, power):
            inner, outer = d(base), d(power)
            by_base = _times(_times(power, Binary("^", base, Binary("-", power, ONE))), inner)
            by_power = _times(_times(expression, Call("log", (base,))), outer)
            return simplify(_plus(ZERO if inner == ZERO else by_base, ZERO if outer == ZERO else by_power))
        case Binary(operator) if operator in _RELATIONS:
            return ZERO
        case Call(function) if function in STEADY_STATE:
            return ZERO
        case Call(function, (x,)):
            inner = d(x)
            return ZERO if inner == ZERO else simplify(_times(_OUTER[function](x), inner))
        case Call(function, arguments) if any(d(a) != ZERO for a in arguments):
            raise KeyError(function)
    return ZERO


def _plus(left: Expression, right: Expression) -> Expression:
    return Binary("+", left, right)


def _times(left: Expression, right: Expression) -> Expression:
    return simplify(Binary("*", left, right))


def _over(numerator: float, *factors: Expression) -> Expression:
    below = factors[0]
    for factor in factors[1:]:
        below = Binary("*", below, factor)
    return Binary("/", Number(numerator), below)


def _square(x: Expression) -> Expression:
    return Binary("*", x, x)


_of = lambda function: lambda x: Call(function, (x,))
_OUTER: dict[str, Callable[[Expression], Expression]] = {
    "exp": _of("exp"),
    "log": lambda x: _over(1.0, x),
    "ln": lambda x: _over(1.0, x),
    "log10": lambda x: _over(1.0 / math.log(10.0), x),
    "sqrt": lambda x: _over(0.5, Call("sqrt", (x,))),
    "cbrt": lambda x: _over(1.0 / 3.0, _square(Call("cbrt", (x,)))),
    "abs": _of("sign"),
    "sign": lambda x: ZERO,
    "sin": _of("cos"),
    "cos": lambda x: Unary("-", Call("sin", (x,))),
    "tan": lambda x: Binary("+", ONE, _square(Call("tan", (x,)))),
    "asin": lambda x: _over(1.0, Call("sqrt", (Binary("-", ONE, _square(x)),))),
    "acos": lambda x: _over(-1.0, Call("sqrt", (Binary("-", ONE, _square(x)),))),
    "atan": lambda x: _over(1.0, Binary("+", ONE, _square(x))),
    "sinh": _of("cosh"),
    "cosh": _of("sinh"),
    "tanh": lambda x: Binary("-", ONE, _square(Call("tanh", (x,)))),
    "normcdf": _of("normpdf"),
    "normpdf": lambda x: Unary("-", Binary("*", x, Call("normpdf", (x,)))),
    "erf": lambda x: Binary("*", Number(2.0 / math.sqrt(math.pi)), Call("exp", (Unary("-", _square(x)),))),
}
"""The derivative of a function of one argument."""
