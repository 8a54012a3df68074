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
from estim.dynare.matlab.errors import MatlabError
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.functions import DIFFERENCE
from estim.dynare.reading.syntax import (
    Assignment,
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
    walk,
)

_INSTRUMENTS = 10
"""Where more variables are open beside a `steady_state_model`, no best policy is looked for in it."""


def add_first_order_conditions(c: Contents) -> None:
    """A multiplier for each equation and a condition for each variable, into the contents; the steady state is
    searched for from the levels that the file gives, the multipliers from their least squares.

    Raises:
        UnsupportedError: an equation has a function that is not differentiated here, or a parameter follows from the
            steady state of an estimated model.
    """
    assert c.planner is not None
    objective, discount, at = c.planner
    c.check_names(objective)
    _name_expectations(c)
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
    follows = next((a for a in c.steady_state or () if a.name in c.parameters), None)
    if follows and any(key[0] == "parameter" for key in c.priors):
        what = f"optimal policy where the steady state sets a parameter ('{follows.name}')"
        raise c.source.unsupported(what, follows.at)
    at_rest_ = _AtRest(c, conditions, multipliers, discount)
    levels = _levels(c) | _best_policy(c, at_rest_)
    levels = _levels(c, levels)
    c.values |= {n: v for n, v in levels.items() if n in c.parameters}
    c.steady_state, c.steady_code = None, None
    c.initial |= {n: v for n, v in levels.items() if n not in c.parameters} | at_rest_.multipliers(levels)[0]
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


def _name_expectations(c: Contents) -> None:
    """Each expectation held at another date becomes a variable with an equation of its own, another constraint."""
    added = list[Equation]()

    def named(node: Expression) -> Expression:
        match node:
            case Expectation(0, operand):
                return named(operand)
            case Expectation(period, operand, at):
                name = _fresh(c, f"expectation_{len(added) + 1}")
                held = shift(c, named(operand), -period)
                c.variables[name] = Symbol(name, "", at)
                added.append(Equation(Name(name), held, {"name": name}, at))
                rest = at_rest(c, held)
                if c.steady_state is not None:
                    c.steady_state.append(Assignment(name, rest, at))
                else:
                    c.initial[name] = c.evaluate(rest, c.initial)
                return Name(name, period)
        return rebuild(node, tuple(named(child) for child in children(node)))

    for i, e in enumerate(c.equations):
        sides = shift(c, e.left, 0), shift(c, e.right, 0)
        if any(isinstance(n, Expectation) for side in sides for n in walk(side)):
            c.equations[i] = Equation(named(sides[0]), named(sides[1]), e.tags, e.at)
    c.equations += added


def _fresh(c: Contents, name: str) -> str:
    while c.role(name) is not None:
        name += "_"
    return name


def _plain(c: Contents, expression: Expression, at: int) -> Expression:
    """Without local variables and differences, predetermined variables dated when they are decided."""

    def plain(node: Expression) -> Expression:
        match node:
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


def _levels(c: Contents, policy: dict[str, float] | None = None) -> dict[str, float]:
    """The levels that the file gives, by its `steady_state_model` or file at a policy (that of `initval` where none is
    given), with the parameters that these set; or `initval`."""
    levels = c.initial | (policy or {})
    if c.rest_by_code is not None:
        kept, c.initial = c.initial, levels
        try:
            found, parameters = c.rest_by_code(c.values)
        except MatlabError:
            return levels
        finally:
            c.initial = kept
        return levels | found | parameters
    for assignment in c.steady_state or ():
        value = c.evaluate(assignment.value, levels)
        levels[assignment.name] = value
    return {n: v for n, v in levels.items() if c.role(n) is not None}


class _AtRest:
    """The planner's conditions at rest: linear in the multipliers, which are their least squares at given levels."""

    def __init__(self, c: Contents, conditions: Any, multipliers: list[str], discount: Expression):
        self.c, self.names, self.rows = c, multipliers, len(conditions)
        column = {name: i for i, name in enumerate(multipliers)}
        self.entries = [
            (
                row,
                None if multiplier is None else column[multiplier],
                at_rest(c, _discounted(term, discount, -lag)),
            )
            for row, parts in enumerate(conditions.values())
            for multiplier, lag, term in parts
        ]

    def multipliers(self, levels: dict[str, float]) -> tuple[dict[str, float], np.ndarray]:
        """The multipliers, and what the conditions leave, relative to their terms; NaN where they have no value."""
        matrix, constant = np.zeros((self.rows, len(self.names))), np.zeros(self.rows)
        for row, column, term in self.entries:
            value = self.c.evaluate(term, levels)
            if column is None:
                constant[row] += value
            else:
                matrix[row, column] += value
        if not (np.isfinite(matrix).all() and np.isfinite(constant).all()):
            return dict.fromkeys(self.names, 0.0), np.full(self.rows, np.nan)
        found = np.linalg.lstsq(matrix, -constant, rcond=None)[0]
        return dict(zip(self.names, map(float, found), strict=True)), matrix @ found + constant


def _best_policy(c: Contents, rest: _AtRest) -> dict[str, float]:
    """The levels of the variables that the `steady_state_model` takes as given, the instruments, at which the
    conditions leave least; what `initval` says where there is none, or too many are open."""
    from scipy.optimize import least_squares  # to import it takes as long as to read a small model

    given = {a.name for a in c.steady_state or ()}
    free = [name for name in c.variables if name not in given and name not in rest.names]
    if c.rest_by_code is not None:
        free = [name for name in c.instruments if name in c.variables]
    elif not given:
        return {}
    if not 0 < len(free) <= _INSTRUMENTS:
        return {}

    def left(x: np.ndarray) -> np.ndarray:
        values = rest.multipliers(_levels(c, dict(zip(free, map(float, x), strict=True))))[1]
        return np.where(np.isfinite(values), values, 1e10)

    start = np.array([c.initial.get(name, 0.0) for name in free])
    found = least_squares(left, start, xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=100)
    better = np.abs(found.fun).max() < np.abs(left(start)).max()
    return dict(zip(free, map(float, found.x), strict=True)) if better else {}
