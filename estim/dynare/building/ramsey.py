"""Optimal policy under commitment: the first-order conditions of a planner close the model.

A planner maximises E sum_t beta^t U(y_t) under the file's equations f_i = 0, with multipliers lambda_i. The condition
for the variable y_j collects it at every date k at which an equation reads it,

    sum_k beta^-k L^k [ dU/dy_j(k) + sum_i lambda_i df_i/dy_j(k) ] = 0,

where L^k shifts an expression k periods back. (Dynare's reference manual, `ramsey_model`; timeless perspective.)
"""

from typing import Any

import numpy as np

from estim.dynare.building.auxiliary import shift
from estim.dynare.building.derivative import derivative
from estim.dynare.building.linear_steady_state import ZERO, at_rest, simplify
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.functions import DIFFERENCE
from estim.dynare.reading.syntax import (
    Binary,
    Call,
    Equation,
    Expectation,
    Expression,
    Name,
    Number,
    Symbol,
    Unary,
    children,
    names,
    rebuild,
    residual,
)


def add_first_order_conditions(c: Contents) -> None:
    """A multiplier for each equation and a condition for each variable, into the contents; the steady state is
    searched for from the levels that the file gives, the multipliers from their least squares.

    Raises:
        UnsupportedError: an equation has an expectation or a function that is not differentiated here, or a parameter
            follows from the steady state.
    """
    assert c.planner is not None
    objective, discount, at = c.planner
    c.check_names(objective)
    written = [e for e in c.equations if "static" not in e.tags]
    constraints = [_plain(c, residual(e), e.at) for e in written]
    multipliers = [_fresh(c, f"MULT_{i}") for i in range(1, len(written) + 1)]
    terms: list[tuple[str | None, Expression, int]] = [(None, _plain(c, objective, at), at)]
    terms += [(m, f, e.at) for m, f, e in zip(multipliers, constraints, written, strict=True)]
    conditions: dict[str, list[tuple[str | None, int, Expression]]] = {v: [] for v in c.variables}
    for multiplier, expression, place in terms:
        for name, lag in dict.fromkeys((n.name, n.lag) for n in names(expression) if n.name in c.variables):
            try:
                partial = derivative(expression, name, lag)
            except KeyError as error:
                what = f"optimal policy under an equation with the function '{error.args[0]}'"
                raise c.source.unsupported(what, place) from None
            if partial != ZERO:
                conditions[name].append((multiplier, lag, partial))
    if follows := next((a for a in c.steady_state or () if a.name in c.parameters), None):
        what = f"optimal policy where the steady state sets a parameter ('{follows.name}')"
        raise c.source.unsupported(what, follows.at)
    levels = _levels(c)
    c.steady_state, c.steady_code = None, None
    c.initial |= levels | _multipliers(c, conditions, multipliers, discount, levels)
    for name in multipliers:
        c.variables[name] = Symbol(name, "multiplier", at)
    limits = _limits(c)
    for name, parts in conditions.items():
        left: Expression = ZERO
        for multiplier, lag, partial in parts:
            term = partial if multiplier is None else Binary("*", Name(multiplier), partial)
            left = simplify(Binary("+", left, _dated(c, _discounted(shift(c, term, -lag), discount, -lag))))
        place = at
        if name in limits:
            sign, c.slacks[limits[name][2]], place = limits[name]
            left = simplify(Unary("-", left)) if sign > 0 else left
        c.equations.append(Equation(left, Number(0.0), {"name": f"planner: {name}"}, place))


def hold_instruments(c: Contents) -> None:
    """Where a planner without commitment sets them, the instruments stay at rest: the model that the planner takes
    over."""
    if c.discretion is None or len([e for e in c.equations if "static" not in e.tags]) >= len(c.variables):
        return
    for name in c.discretion.instruments:
        stated = c.steady_state is not None or c.steady_code is not None
        level = (
            0.0 if c.linear else c.initial.get(name, 0.0)
        )  # a linear model rests at zero, wherever a path begins
        rest = Call("STEADY_STATE", (Name(name),)) if stated else Number(level)
        c.equations.append(Equation(Name(name), rest, {"name": instrument_equation(name)}, c.discretion.at))


def instrument_equation(name: str) -> str:
    """The name of the equation that holds an instrument at rest."""
    return f"instrument: {name}"


def _limits(c: Contents) -> dict[str, tuple[int, Expression, int]]:
    """By variable: 1 for a lower bound and -1 for an upper one, what is not negative, where it stands.

    A planner who maximises and cannot go lower leaves the derivative of the Lagrangian negative there.
    """
    found: dict[str, tuple[int, Expression, int]] = {}
    for item in c.limits:
        match item.left:
            case Binary(operator, Name(name, 0), bound) if name in c.variables:
                sign = 1 if operator in (">", ">=") else -1
            case Binary(operator, bound, Name(name, 0)) if name in c.variables:
                sign = -1 if operator in (">", ">=") else 1
            case _:
                raise c.source.unsupported("a constraint of the planner that bounds no variable", item.at)
        if name in found:
            raise c.source.unsupported(f"two constraints of the planner on '{name}'", item.at)
        room = Binary("-", Name(name), bound) if sign > 0 else Binary("-", bound, Name(name))
        found[name] = sign, room, item.at
    return found


def _fresh(c: Contents, name: str) -> str:
    while c.role(name) is not None:
        name += "_"
    return name


def _plain(c: Contents, expression: Expression, at: int) -> Expression:
    """Without local variables and differences, predetermined variables dated when they are decided."""

    def plain(node: Expression) -> Expression:
        match node:
            case Expectation():
                raise c.source.unsupported("optimal policy under an equation with an expectation", at)
            case Name(name, lag) if name in c.predetermined:
                return Name(name, lag - 1)
            case Name(name, lag):
                return Name(name, lag)
            case Call(function, (operand,)) if function == DIFFERENCE:
                return plain(Binary("-", operand, shift(c, operand, -1)))
        return rebuild(node, tuple(plain(child) for child in children(node)))

    return plain(shift(c, expression, 0))


def _dated(c: Contents, node: Expression) -> Expression:
    """Predetermined variables again as the file dates them."""
    match node:
        case Name(name, lag) if name in c.predetermined:
            return Name(name, lag + 1)
    return rebuild(node, tuple(_dated(c, child) for child in children(node)))


def _discounted(term: Expression, discount: Expression, periods: int) -> Expression:
    """beta^periods times a term."""
    power: Expression = Number(float(abs(periods)))
    power = Unary("-", power) if periods < 0 else power
    return term if periods == 0 else Binary("*", Binary("^", discount, power), term)


def _levels(c: Contents) -> dict[str, float]:
    """The levels that the file gives: its `steady_state_model` at the policy of `initval`, or `initval`."""
    levels = dict(c.initial)
    for assignment in c.steady_state or ():
        value = c.evaluate(assignment.value, levels)
        levels[assignment.name] = value
    return {n: v for n, v in levels.items() if c.role(n) not in (None, "parameters")}


def _multipliers(
    c: Contents, conditions: Any, multipliers: list[str], discount: Expression, levels: dict[str, float]
) -> dict[str, float]:
    """The conditions are linear in them: their least squares at the given levels."""
    matrix, constant = np.zeros((len(conditions), len(multipliers))), np.zeros(len(conditions))
    column = {name: i for i, name in enumerate(multipliers)}
    for row, parts in enumerate(conditions.values()):
        for multiplier, lag, partial in parts:
            value = c.evaluate(at_rest(c, _discounted(partial, discount, -lag)), levels)
            if multiplier is None:
                constant[row] += value
            else:
                matrix[row, column[multiplier]] += value
    if not (np.isfinite(matrix).all() and np.isfinite(constant).all()):
        return dict.fromkeys(multipliers, 0.0)
    found = np.linalg.lstsq(matrix, -constant, rcond=None)[0]
    return dict(zip(multipliers, map(float, found), strict=True))
