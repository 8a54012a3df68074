"""Optimal policy under commitment: where the planner of a file begins to look for its steady state.

The planner's conditions are those of `estim.policy.first_order_conditions`; here are the levels that the file gives,
and, where its `steady_state_model` takes instruments as given, the levels of these at which the conditions leave least.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from estim.dynare.building.linear_steady_state import at_rest
from estim.dynare.matlab.errors import MatlabError
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.syntax import Binary, Call, Equation, Expression, Name, Number

_INSTRUMENTS = 10
"""Where more variables are open beside a `steady_state_model`, no best policy is looked for in it."""


class Rests:
    """The levels that a file gives at a policy: by its `steady_state_model` or file, else by `initval`.

    Attributes:
        free: the variables that these take as given, the instruments; none where there are too many.
    """

    def __init__(self, c: Contents):
        self.c, self.assignments = c, c.steady_state or []
        given = {a.name for a in self.assignments}
        free = [name for name in c.variables if name not in given] if given else []
        if c.rest_by_code is not None:
            free = [name for name in c.instruments if name in c.variables]
        self.free = free if len(free) <= _INSTRUMENTS else []
        self.start = [c.initial.get(name, 0.0) for name in self.free]

    def levels(self, policy: Mapping[str, float]) -> dict[str, float]:
        """Of the variables, with the parameters that the file sets there."""
        c, levels = self.c, self.c.initial | dict(policy)
        if c.rest_by_code is not None:
            kept, c.initial = c.initial, levels
            try:
                found, parameters = c.rest_by_code(c.values)
            except MatlabError:
                return levels
            finally:
                c.initial = kept
            return levels | found | parameters
        for assignment in self.assignments:
            levels[assignment.name] = c.evaluate(assignment.value, levels)
        return {n: v for n, v in levels.items() if c.role(n) is not None}

    def best(self, left: Callable[[dict[str, float]], np.ndarray]) -> dict[str, float]:
        """The levels at the policy at which the planner's conditions leave least.

        Args:
            left: levels -> what the conditions leave there, NaN where they have no value.
        """
        from scipy.optimize import least_squares  # to import it takes as long as to read a small model

        at = lambda x: self.levels(dict(zip(self.free, map(float, x), strict=True)))

        def finite(x: np.ndarray) -> np.ndarray:
            values = left(at(x))
            return np.where(np.isfinite(values), values, 1e10)

        start = np.array(self.start)
        if not self.free:
            return at(start)
        found = least_squares(finite, start, xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=100)
        return at(found.x if np.abs(found.fun).max() < np.abs(finite(start)).max() else start)


def take_over(c: Contents) -> Rests:
    """The planner takes the place of what the file says of its steady state, which is searched for.

    Raises:
        UnsupportedError: a parameter follows from the steady state of an estimated model, or its solution is asked for
            in logs.
    """
    assert c.planner is not None
    objective, _, at = c.planner
    c.check_names(objective)
    follows = next((a for a in c.steady_state or () if a.name in c.parameters), None)
    if follows and any(key[0] == "parameter" for key in c.priors):
        what = f"optimal policy where the steady state sets a parameter ('{follows.name}')"
        raise c.source.unsupported(what, follows.at)
    if any("loglinear" in options for options in c.options.values()):
        raise c.source.unsupported("optimal policy in logs ('loglinear')", at)
    c.equations = [
        Equation(e.left, e.right, {k: v for k, v in e.tags.items() if k != "dynamic"}, e.at)
        for e in c.equations
        if "static" not in e.tags
    ]
    rests = Rests(c)
    c.steady_state, c.steady_code = None, None
    own = c.values
    for values in (*(values for _, values in c.commands), *c.seen.values()):  # what each command sees
        c.values = own | values.parameters
        values.parameters.update({n: v for n, v in rests.levels({}).items() if n in c.parameters})
    c.values = own
    settle(c, rests.levels({}))
    return rests


def settle(c: Contents, levels: Mapping[str, float]) -> None:
    """Levels into what a search begins at, and the parameters among them into their values."""
    c.values |= {n: v for n, v in levels.items() if n in c.parameters}
    c.initial |= {n: v for n, v in levels.items() if n not in c.parameters}


def rest_of_all(c: Contents, auxiliaries: Mapping[str, Any], levels: Mapping[str, float]) -> list[float]:
    """The levels of the file's variables and of auxiliary ones, in their order."""
    own = [levels.get(name, 0.0) for name in c.variables]
    return own + [c.evaluate(at_rest(c, a.at_rest), dict(levels)) for a in auxiliaries.values()]


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


def limits(c: Contents) -> dict[str, tuple[float, Expression]]:
    """By variable: the sign of the planner's condition, and what is not negative.

    A planner who maximises and cannot go lower leaves the derivative of the Lagrangian negative there.

    Raises:
        UnsupportedError: a constraint bounds no variable, or there are two of one.
    """
    found: dict[str, tuple[float, Expression]] = {}
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
        found[name] = -float(sign), room
    return found
