"""A file's contents as the system that estim solves: one lead, one lag, named equations.

Checks that the parts are there: as many equations as variables, a value for every parameter.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from estim.dynare.building.auxiliary import Auxiliaries, Auxiliary, shift
from estim.dynare.building.constraints import constraints
from estim.dynare.building.linear_steady_state import closed_form
from estim.dynare.building.linearity import require_linear
from estim.dynare.building.ramsey import Rests, hold_instruments, limits, take_over
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.estimated import DSGE_VAR
from estim.dynare.reading.functions import STEADY_STATE
from estim.dynare.reading.syntax import (
    Assignment,
    Binary,
    Call,
    Equation,
    Expression,
    Name,
    Number,
    names,
    residual,
    walk,
)
from estim.specification_checks import without_equation


@dataclass(frozen=True)
class System:
    """``locals`` and ``equations`` are dated at most one period off; ``static`` holds the
    equations as they were written, and ``steady_state`` assignments that solve them, or None where
    a search must; where they are ``refined``, a search begins at them. ``implied`` are the parameters that
    `steady_state_model` sets, ``calibrated`` the values of all others. ``slacks`` and ``alternatives`` (the other
    equation, and what is negative where the constraint begins to bind and where it lets go) are those of the equations
    that a constraint replaces. Where a planner under commitment closes the model, ``rests`` are the levels that the
    file gives, and ``limits`` his constraints by variable, with the signs of his conditions."""

    contents: Contents
    variables: tuple[str, ...]
    locals: dict[str, Expression]
    equations: dict[str, Expression]
    static: dict[str, Expression]
    auxiliaries: dict[str, Auxiliary]
    steady_state: list[Assignment] | None
    implied: tuple[str, ...]
    calibrated: dict[str, float]
    slacks: dict[str, Expression]
    alternatives: dict[str, tuple[Expression, Expression, Expression]]
    refined: bool = False
    rests: Rests | None = None
    limits: Mapping[str, tuple[float, Expression]] = field(default_factory=dict)

    @property
    def unchecked(self) -> bool:
        """Is the steady state that the file gives one by its word alone, `steady(nocheck)`?"""
        return self.contents.steady_state is not None and any(
            "nocheck" in options for options in self.contents.options.values()
        )

    @property
    def uses_steady_state(self) -> bool:
        """Do the equations refer to the steady state, by STEADY_STATE()?"""
        expressions = [*self.locals.values(), *self.equations.values()]
        return any(isinstance(n, Call) and n.function in STEADY_STATE for e in expressions for n in walk(e))

    @property
    def loglinear(self) -> bool:
        return any("loglinear" in options for options in self.contents.options.values())

    @property
    def logged(self) -> list[str]:
        """Variables that a log-linear solution has in logs: all but auxiliaries of another kind."""
        if not self.loglinear:
            return []
        positive = {*self.contents.variables}
        rest = {n: a.at_rest for n, a in self.auxiliaries.items()}
        return [v for v in self.variables if v in positive or getattr(rest[v], "name", None) in positive]

    @property
    def resting_at_zero(self) -> set[str]:
        """Variables that a linear model in deviations leaves at zero."""
        if self.contents.steady_state is not None:
            return set()
        return {a.name for a in self.steady_state or () if a.value == Number(0.0)}


def build_system(c: Contents) -> System:
    """Raises ModelFileError when the file's equations, variables and values do not fit together."""
    if not c.equations:
        raise c.source.error("the file has no model", max(len(c.source.text.rstrip()) - 1, 0))
    hold_instruments(c)
    rests = take_over(c) if c.planner is not None else None
    dynamic = [e for e in c.equations if "static" not in e.tags]
    static = [e for e in c.equations if "dynamic" not in e.tags]
    for kind, written in (("", dynamic), ("static ", static)):
        if rests is None and len(written) != len(c.variables):
            message = f"{len(written)} {kind}equations for {len(c.variables)} endogenous variables"
            message += without_equation(list(c.variables), [_read_by(c, q) for q in written])
            raise c.source.error(message, c.equations[0].at)
    require_linear(c)
    _leave_out_unused(c)
    auxiliaries = Auxiliaries(c)
    locals_ = {name: auxiliaries.rewrite(local.value) for name, local in c.locals.items()}
    equations: dict[str, Expression] = {n: auxiliaries.rewrite(e) for n, e in _named(c, dynamic).items()}
    slacks, alternatives = constraints(c, auxiliaries, dynamic, list(equations))
    bounded = limits(c) if rests else {}
    bounds = {n: (s, auxiliaries.rewrite(shift(c, room, 0))) for n, (s, room) in bounded.items()}
    added = auxiliaries.added
    equations |= {f"{name} (auxiliary)": Binary("-", Name(name), a.definition) for name, a in added.items()}
    system = System(
        contents=c,
        variables=(*c.variables, *added),
        locals=locals_,
        equations=equations,
        static=_named(c, static),
        auxiliaries=added,
        steady_state=None if rests else _steady_state(c, _named(c, static)),
        implied=_implied(c),
        calibrated={},
        slacks=slacks,
        alternatives=alternatives,
        rests=rests,
        limits=bounds,
    )
    system.calibrated.update(_calibrated(c, system))
    return system


def _read_by(c: Contents, equation: Any) -> set[str]:
    """The names in an equation, and in the model-local variables that it uses."""
    found = {n.name for side in (equation.left, equation.right) for n in names(side)}
    ahead = [n for n in found if n in c.locals]
    while ahead:
        new = {n.name for n in names(c.locals[ahead.pop()].value)} - found
        found |= new
        ahead += [n for n in new if n in c.locals]
    return found


def _leave_out_unused(c: Contents) -> None:
    """Priors of parameters that nothing in the file reads are left out, with a warning."""
    written = [e for q in c.equations for e in (q.left, q.right)]
    written += [a.value for a in (*c.locals.values(), *(c.steady_state or ()))] + list(c.trends.values())
    used = {n.name for e in written for n in names(e)} | _weight(c) | _read_by_planner(c)
    for key, prior in list(c.priors.items()):
        if key[0] == "parameter" and key[1] not in used:
            c.warn(f"'{key[1]}' is estimated, but no equation contains it: left out", prior.at)
            del c.priors[key]


def _read_by_planner(c: Contents) -> set[str]:
    """The names in the objective and the discount factor of a planner who closes the model."""
    return {n.name for e in c.planner[:2] for n in names(shift(c, e, 0))} if c.planner else set()


def _weight(c: Contents) -> set[str]:
    """The parameter that a likelihood reads, the weight of a DSGE-VAR."""
    return {DSGE_VAR} if "dsge_var" in c.options.get("estimation", {}) else set()


def _steady_state(c: Contents, static: dict[str, Expression]) -> list[Assignment] | None:
    """The assignments of `steady_state_model`, or those that solve a linear model."""
    if c.steady_state is None and c.linear and not any("loglinear" in o for o in c.options.values()):
        return closed_form(c, static)
    return c.steady_state


def _named(c: Contents, equations: list[Equation]) -> dict[str, Expression]:
    """Residuals by the equation's name: its tag, else its number and line."""
    named: dict[str, Expression] = {}
    for i, equation in enumerate(equations, 1):
        name = equation.tags.get("name") or f"equation {i}, line {c.source.locate(equation.at).line}"
        while name in named:
            name += "'"
        named[name] = residual(equation)
    return named


def _implied(c: Contents) -> tuple[str, ...]:
    """Parameters that the steady state determines at every draw."""
    found = tuple(dict.fromkeys(a.name for a in c.steady_state or () if a.name in c.parameters))
    for name in found:
        if prior := c.priors.get(("parameter", name)):
            raise c.source.error(f"'{name}' is estimated, yet 'steady_state_model' sets it", prior.at)
    return found


def _calibrated(c: Contents, system: System) -> dict[str, float]:
    estimated = {key[1] for key in c.priors if key[0] == "parameter"}
    used = {n.name for e in (*system.equations.values(), *system.locals.values()) for n in names(e)}
    used |= {n.name for a in c.steady_state or () for n in names(a.value)}
    used |= {n.name for e in c.trends.values() for n in names(e)}
    used |= {n.name for e in system.slacks.values() for n in names(e)}
    used |= {n.name for _, room in system.limits.values() for n in names(room)}
    used |= _read_by_planner(c)
    used |= _weight(c)
    used |= {n.name for several in system.alternatives.values() for e in several for n in names(e)}
    values = {}
    for name, symbol in c.parameters.items():
        value = c.values.get(name, math.nan)
        if name in system.implied:
            continue
        if name in used - estimated and not math.isfinite(value):
            state = f"the value {value:g}" if name in c.values else "no value"
            raise c.source.error(f"parameter '{name}' has {state}", symbol.at)
        if name in used or name in estimated:
            values[name] = value
    return values
