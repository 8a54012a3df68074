"""Auxiliary variables: every lead and lag becomes one of a single period.

    x(-3)                x_lag2(-1)           with x_lag1 = x(-1), x_lag2 = x_lag1(-1)
    x(+3)                x_lead2(+1)          with x_lead1 = x(+1), x_lead2 = x_lead1(+1)
    e(-1), e exogenous   e_now(-1)            with e_now = e
    EXPECTATION(-1)(z)   expectation_1(-1)    with expectation_1 = z shifted one period ahead

In a first-order solution the expectation of a lead is the lead of the expectation, so that these
leave the solution what it is. Predetermined variables are dated at the end of the period first.
"""

from collections.abc import Collection
from functools import partial
from typing import NamedTuple

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.functions import DIFFERENCE, STEADY_STATE
from estim.dynare.reading.syntax import (
    Binary,
    Call,
    Expectation,
    Expression,
    Name,
    Number,
    children,
    rebuild,
)

MAX_AUXILIARIES = 2_000


class Auxiliary(NamedTuple):
    """A variable added to the model: its equation is ``variable = definition``, and
    ``at_rest`` is what it equals in the steady state (dates do not matter there)."""

    definition: Expression
    at_rest: Expression


class Auxiliaries:
    """Rewrites expressions; ``added`` collects the variables that this takes."""

    def __init__(self, contents: Contents):
        self._contents = contents
        self._taken = set(contents.names)
        self._links: dict[tuple[str, int], str] = {}
        self._expectations: dict[Expression, str] = {}
        self.added: dict[str, Auxiliary] = {}

    def rewrite(self, expression: Expression) -> Expression:
        """The same expression with leads and lags of at most one period."""
        match expression:
            case Name(name, lag, at) if self._contents.role(name) in ("variables", "shocks"):
                if name in self._contents.predetermined:
                    lag -= 1
                return self._dated(name, lag, at)
            case Call(function, (operand,)) if function == DIFFERENCE:
                return Binary("-", self.rewrite(operand), self.rewrite(shift(self._contents, operand, -1)))
            case Call(function) if function in STEADY_STATE:
                return expression
            case Expectation(0, operand):
                return self.rewrite(operand)
            case Expectation(period, operand, at):
                return self._dated(self._expectation(period, operand), period, at)
        return rebuild(expression, tuple(self.rewrite(child) for child in children(expression)))

    def _dated(self, name: str, lag: int, at: int) -> Expression:
        if self._contents.role(name) == "shocks":
            if lag == 0:
                return Name(name, 0, at)
            name = self._link((name, 0), f"{name}_now", Name(name), Name(name))
        step, origin = (1 if lag > 0 else -1), name
        at_rest = self.added[origin].at_rest if origin in self.added else Name(origin)
        for distance in range(1, abs(lag)):
            link = f"{origin}_{'lead' if step > 0 else 'lag'}{distance}"
            name = self._link((origin, step * distance), link, Name(name, step), at_rest)
        return Name(name, step if lag else 0, at)

    def _link(self, key: tuple[str, int], name: str, definition: Expression, at_rest: Expression) -> str:
        """The variable that stands for ``key = (origin, distance)``, added when first needed."""
        if key not in self._links:
            self._links[key] = self._add(name, Auxiliary(definition, at_rest))
        return self._links[key]

    def _expectation(self, period: int, operand: Expression) -> str:
        known = self._expectations.get(Expectation(period, operand))
        if known is None:
            ahead = self.rewrite(shift(self._contents, operand, -period))
            name = f"expectation_{len(self._expectations) + 1}"
            known = self._add(name, Auxiliary(ahead, operand))
            self._expectations[Expectation(period, operand)] = known
        return known

    def _add(self, name: str, auxiliary: Auxiliary) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        self.added[name] = auxiliary
        if len(self.added) > MAX_AUXILIARIES:
            raise self._contents.source.error(
                f"leads, lags and expectations take more than {MAX_AUXILIARIES} auxiliary variables",
                self._contents.equations[0].at,
            )
        return name


def shift(contents: Contents, expression: Expression, periods: int) -> Expression:
    """The expression `periods` later; local variables are written out."""
    match expression:
        case Name(name, lag, at) if contents.role(name) in ("variables", "shocks"):
            return Name(name, lag + periods, at)
        case Name(name) if contents.role(name) == "locals":
            return shift(contents, contents.locals[name].value, periods)
        case Call(function) if function in STEADY_STATE:
            return expression
    return rebuild(expression, tuple(shift(contents, child, periods) for child in children(expression)))


def is_zero(contents: Contents, expression: Expression, nonzero: Collection[str] = ()) -> bool:
    """Is the expression zero wherever every variable but those in `nonzero` is? (Found without arithmetic: linear
    forms only.)"""
    zero = partial(is_zero, contents, nonzero=nonzero)
    match expression:
        case Number(value):
            return value == 0
        case Name(name):
            role = contents.role(name)
            if role == "locals":
                return zero(contents.locals[name].value)
            return (role == "variables" and name not in nonzero) or (
                role in ("shocks", "deterministic") and not contents.initial.get(name)
            )
        case Binary("*", left, right):
            return zero(left) or zero(right)
        case Binary("/", left):
            return zero(left)
        case Binary("+" | "-", left, right):
            return zero(left) and zero(right)
        case Binary():
            return False
        case Call(function) if function == DIFFERENCE:
            return True
        case Call(function) if function not in STEADY_STATE:
            return False
    return all(zero(child) for child in children(expression))
