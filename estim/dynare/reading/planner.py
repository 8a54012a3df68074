"""Optimal policy in a file: a planner with commitment or without, and the best coefficients of a simple rule."""

import re
from collections.abc import Callable

from estim.dynare.matlab.values import Cell
from estim.dynare.reading.contents import Contents, Discretion
from estim.dynare.reading.parser import parse_expression
from estim.dynare.reading.syntax import Binary, Expression, Number, Statement

_OPTIONS = ("planner_discount", "planner_discount_latex_name", "instruments")
_RELATIONS = (">", "<", ">=", "<=")


def planner_objective(c: Contents, s: Statement) -> None:
    """What the planner maximises, discounted."""
    c.objective = s.items[0]


def ramsey_model(c: Contents, s: Statement) -> None:
    """Under commitment."""
    objective, discount = _planner(c, s)
    c.planner = objective, discount, s.at
    if (given := s.option("instruments")) and c.workspace is not None:  # a steady-state file reads them
        c.instruments = tuple(re.findall(r"\w+", given.value or ""))
        names = Cell.column(c.instruments)
        c.workspace.base["options_"] = {**c.workspace.base["options_"], "instruments": names}


def ramsey_policy(c: Contents, s: Statement) -> Statement:
    """The same, and the `stoch_simul` that it stands for."""
    ramsey_model(c, s)
    return Statement("stoch_simul", tuple(o for o in s.options if o.name not in _OPTIONS), s.items, s.at)


def discretionary_policy(c: Contents, s: Statement) -> None:
    """Without commitment: the instruments have no equation of their own."""
    objective, discount = _planner(c, s)
    given = s.option("instruments")
    instruments = tuple(re.findall(r"\w+", given.value or "")) if given else ()
    if not instruments:
        raise c.source.error("'discretionary_policy' needs its instruments: instruments=(NAME, ...)", s.at)
    for name in instruments:
        c.require(name, given.at if given else s.at, "variables")
    c.discretion = Discretion(objective, discount, instruments, s.at)
    c.note("stoch_simul")


def _planner(c: Contents, s: Statement) -> tuple[Expression, Expression]:
    """The objective above a command, and its discount factor."""
    if c.objective is None:
        raise c.source.error(f"'{s.keyword}' needs a 'planner_objective' above it", s.at)
    c.check_names(c.objective)
    given = s.option("planner_discount")
    discount = parse_expression(c.source, given.value, given.at) if given and given.value else Number(1.0)
    c.check_names(discount)
    return c.objective, discount


def ramsey_constraints(c: Contents, s: Statement) -> None:
    """``i > 0;``: bounds of variables that the planner respects."""
    for item in s.items:
        if not isinstance(item.left, Binary) or item.left.operator not in _RELATIONS:
            raise c.source.error("expected an inequality, such as i > 0", item.at)
        c.check_names(item.left)
        c.limits.append(item)


def evaluate_planner_objective(c: Contents, s: Statement) -> None:
    """What the planner's policy is worth."""
    if c.objective is None:
        raise c.source.error(f"'{s.keyword}' needs a 'planner_objective' above it", s.at)


def osr_params(c: Contents, s: Statement) -> None:
    """The coefficients of a rule that `osr` chooses."""
    for name in s.items:
        c.require(name.name, name.at, "parameters")
    c.rule = [name.name for name in s.items]


def osr_params_bounds(c: Contents, s: Statement) -> None:
    """Between which numbers."""
    for name, (low, high), at in s.items:
        c.require(name, at, "parameters")
        c.rule_bounds[name] = c.evaluate(low), c.evaluate(high)


def optim_weights(c: Contents, s: Statement) -> None:
    """What each variance or covariance counts in the objective of `osr`."""
    for pair, weight, at in s.items:
        for name in pair:
            c.require(name, at, "variables")
        c.rule_weights[pair] = c.evaluate(weight)


def osr(c: Contents, s: Statement) -> None:
    """The search for the best rule; it computes a solution as `stoch_simul` does."""
    if not c.rule or not c.rule_weights:
        what = "'osr_params'" if not c.rule else "an 'optim_weights' block"
        raise c.source.error(f"'osr' needs {what} above it", s.at)
    c.note("stoch_simul")


POLICY_HANDLERS: dict[str, Callable[[Contents, Statement], None]] = {
    handler.__name__: handler
    for handler in (
        planner_objective,
        ramsey_model,
        ramsey_constraints,
        discretionary_policy,
        evaluate_planner_objective,
        optim_weights,
        osr_params,
        osr_params_bounds,
        osr,
    )
}
"""What follows a statement, by its keyword; `ramsey_policy` stands for two others."""
