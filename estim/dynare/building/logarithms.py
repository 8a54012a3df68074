"""Differences of logarithms as logarithms of ratios: the same, and of two negative numbers a number too.

Dynare computes log(x) - log(x(-1)) of a negative x in complex numbers, whose imaginary parts cancel.
"""

from collections.abc import Collection
from dataclasses import replace

from estim.dynare.building.system import System
from estim.dynare.reading.syntax import Binary, Call, Expression, Number, Unary, children, rebuild

_LOGS = ("log", "ln")


def with_ratios(system: System, equations: Collection[str]) -> System:
    """The system with such ratios in the equations named; the very same where there are none."""
    of = lambda written: {n: ratios(e) if n in equations else e for n, e in written.items()}
    changed = replace(system, equations=of(system.equations), static=of(system.static))
    return system if changed == system else changed


def ratios(expression: Expression) -> Expression:
    """``log(a) + c - log(b)`` as ``log(a/b) + c``, in each sum within the expression."""
    terms = list[tuple[bool, Expression]]()
    _flatten(expression, True, terms)
    if len(terms) == 1:
        return rebuild(expression, tuple(ratios(child) for child in children(expression)))
    logs = lambda sign: [t.arguments[0] for s, t in terms if s == sign and isinstance(t, Call) and _is_log(t)]
    above, below = logs(True), logs(False)
    pairs = min(len(above), len(below))
    if not pairs:
        return rebuild(expression, tuple(ratios(child) for child in children(expression)))
    left: Expression | None = None
    for a, b in zip(above[:pairs], below[:pairs], strict=True):
        ratio = Call("log", (Binary("/", ratios(a), ratios(b)),))
        left = ratio if left is None else Binary("+", left, ratio)
    waiting = {True: pairs, False: pairs}
    for sign, term in terms:
        if _is_log(term) and waiting[sign]:
            waiting[sign] -= 1
            continue
        left = Binary("+" if sign else "-", left or Number(0.0), ratios(term))
    return left or Number(0.0)


def _is_log(term: Expression) -> bool:
    return isinstance(term, Call) and term.function in _LOGS


def _flatten(expression: Expression, sign: bool, terms: list[tuple[bool, Expression]]) -> None:
    """The terms of a sum, each with whether it is added."""
    match expression:
        case Binary("+" | "-" as operator, left, right):
            _flatten(left, sign, terms)
            _flatten(right, sign == (operator == "+"), terms)
        case Unary("-", operand):
            _flatten(operand, not sign, terms)
        case _:
            terms.append((sign, expression))
