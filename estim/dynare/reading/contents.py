"""What a `.mod` file says: its declarations, equations, values and settings.

Values of parameters, shocks and initial values are numbers; equations, the steady state and
trends stay expressions. `collect.py` fills it, `system.py` reads it.
"""

import difflib
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from estim.dynare.asked import NOTHING, Foresight
from estim.dynare.matlab.errors import MatlabError
from estim.dynare.reading.functions import CONSTANTS, FUNCTIONS, OPERATORS
from estim.dynare.reading.source import ModFileError, Source, warn
from estim.dynare.reading.syntax import (
    Assignment,
    Binary,
    Call,
    Condition,
    Equation,
    Expectation,
    Expression,
    MatlabCode,
    Move,
    Name,
    Number,
    Option,
    Statement,
    Symbol,
    Unary,
    walk,
)

MAX_PERIODS = 500
"""No lead or lag may be longer."""

_KINDS = {
    "variables": "an endogenous variable",
    "shocks": "an exogenous variable",
    "deterministic": "a deterministic exogenous variable",
    "parameters": "a parameter",
    "locals": "a local variable",
}
"""What a name can be."""


@dataclass
class Prior:
    """One estimated quantity: ``kind`` "parameter", "stderr" or "corr" of ``names``.

    ``shape`` is "beta", "gamma", ..., or None for a flat prior between the bounds. ``third`` and
    ``fourth`` are Dynare's third and fourth parameter; NaN stands for an empty field.
    """

    kind: str
    names: tuple[str, ...]
    at: int
    shape: str | None = None
    mean: float = math.nan
    std: float = math.nan
    third: float = math.nan
    fourth: float = math.nan
    start: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Values:
    """What a command sees: the values above it. Of shocks and errors, names are sorted in ``corr`` and
    ``covariance``; ``initial`` are those of `initval`; ``paths`` are the surprises in shocks, and what is announced of
    deterministic variables, by period; ``foresight`` is what a simulation of perfect foresight reads."""

    parameters: dict[str, float]
    stderr: dict[str, float]
    corr: dict[tuple[str, ...], float]
    covariance: dict[tuple[str, ...], float]
    initial: dict[str, float]
    paths: dict[str, dict[int, float]] = field(default_factory=dict)
    foresight: Foresight = NOTHING


class Discretion(NamedTuple):
    """A planner without commitment: the objective, the discount factor, the instruments, an offset."""

    objective: Expression
    discount: Expression
    instruments: tuple[str, ...]
    at: int


@dataclass
class Contents:
    """The file's declarations, equations and settings; dictionaries keep its order.

    ``moves`` are the lines of `homotopy_setup`, ``homotopy`` the values that parameters took on their way by it,
    ``seen`` what the last command of a name saw, the latest last, and ``skipped`` the offset of Matlab code that
    set a name; ``estimated`` are the priors that an `estimation` saw; ``weights`` are the lengths
    of local variables, written out, and ``length`` that of all equations;
    ``growth`` are the factors of `trend_var`, ``deflators`` those of variables, each with whether it is one of logs;
    ``history`` is `histval` by name and date, ``groups`` are those of `shock_groups` by its name, ``imposed`` are the
    paths of `conditional_forecast_paths`, ``combined`` the shocks of `generate_irfs`; ``paths`` are surprises in shocks
    and announced paths of deterministic variables, ``foresight`` is what a simulation of perfect foresight reads,
    ``scaled`` the standard deviations of `heteroskedastic_shocks` by shock and period, each with its kind, "values" or
    "scales"; ``matched`` are products of variables with their leads,
    ``responses`` those to a shock by period, with their precision, that `method_of_moments` matches;
    ``instruments`` are those of the planner who closes the model, ``rest_by_code`` is the steady state that Matlab code
    gives: values of parameters -> levels, and the parameters that it sets;
    ``external`` are functions that are none of Dynare's, as what they are of their arguments;
    ``centred_over`` is the length of a sample whose trends lose their means; ``passed_over`` is what estim does not
    do, ``workspace`` what Matlab code runs in, and ``finished`` whether the last command has been,
    ``returned`` whether ``return`` has ended the file;
    ``objective`` is a planner's, ``planner`` the one who closes the model: an objective, a discount factor, an offset;
    ``discretion`` one without commitment, ``limits`` the inequalities of `ramsey_constraints`; ``rule`` are the
    parameters of `osr_params`, with their ``rule_bounds``, and ``rule_weights`` those of pairs of variables;
    ``not_estimated`` is why the priors are left out, ``beyond`` what of an estimation is not here, and where;
    ``commands`` are those that compute, each with what it sees; ``conditions`` are those of
    `occbin_constraints` and ``bound`` the equations tagged `bind`, by constraint, ``shared`` where constraints share
    equations, ``slacks`` those of the tag `mcp` by the offset of its equation.
    """

    source: Source
    variables: dict[str, Symbol] = field(default_factory=dict)
    shocks: dict[str, Symbol] = field(default_factory=dict)
    deterministic: dict[str, Symbol] = field(default_factory=dict)
    parameters: dict[str, Symbol] = field(default_factory=dict)
    predetermined: set[str] = field(default_factory=set)
    linear: bool = False
    equations: list[Equation] = field(default_factory=list)
    locals: dict[str, Assignment] = field(default_factory=dict)
    steady_state: list[Assignment] | None = None
    initial: dict[str, float] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    stderr: dict[str, float] = field(default_factory=dict)
    corr: dict[tuple[str, ...], float] = field(default_factory=dict)
    covariance: dict[tuple[str, ...], float] = field(default_factory=dict)
    observables: list[Name] = field(default_factory=list)
    trends: dict[str, Expression] = field(default_factory=dict)
    priors: dict[tuple[str, ...], Prior] = field(default_factory=dict)
    options: dict[str, dict[str, Option]] = field(default_factory=dict)
    selected: dict[str, tuple[str, ...]] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    homotopy: dict[str, tuple[float, ...]] = field(default_factory=dict)
    seen: dict[str, Values] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    restrictions: dict[str, int] = field(default_factory=dict)
    estimated: dict[tuple[str, ...], Prior] = field(default_factory=dict)
    conditions: dict[str, Condition] = field(default_factory=dict)
    bound: dict[str, Equation] = field(default_factory=dict)
    shared: int | None = None
    slacks: dict[int, Expression] = field(default_factory=dict)
    objective: Expression | None = None
    planner: tuple[Expression, Expression, int] | None = None
    discretion: Discretion | None = None
    limits: list[Equation] = field(default_factory=list)
    rule: list[str] = field(default_factory=list)
    rule_bounds: dict[str, tuple[float, float]] = field(default_factory=dict)
    rule_weights: dict[tuple[str, str], float] = field(default_factory=dict)
    not_estimated: str = ""
    beyond: tuple[str, int] | None = None
    weights: dict[str, int] = field(default_factory=dict)
    length: int = 0
    centred_over: int | None = None
    passed_over: dict[str, int] = field(default_factory=dict)
    growth: dict[str, tuple[Expression, bool]] = field(default_factory=dict)
    deflators: dict[str, tuple[Expression, bool]] = field(default_factory=dict)
    history: dict[tuple[str, int], float] = field(default_factory=dict)
    groups: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    imposed: dict[str, dict[int, float]] = field(default_factory=dict)
    combined: dict[str, dict[str, float]] = field(default_factory=dict)
    paths: dict[str, dict[int, float]] = field(default_factory=dict)
    foresight: Foresight = NOTHING
    scaled: dict[str, dict[int, tuple[str, float]]] = field(default_factory=dict)
    matched: list[tuple[tuple[str, int], ...]] = field(default_factory=list)
    responses: dict[tuple[str, str], dict[int, tuple[float, float]]] = field(default_factory=dict)
    instruments: tuple[str, ...] = ()
    rest_by_code: Callable[[dict[str, float]], tuple[dict[str, float], dict[str, float]]] | None = None
    external: dict[str, Callable[..., Expression]] = field(default_factory=dict)
    workspace: Any = None
    set_at_rest: set[str] = field(
        default_factory=set
    )  # parameters that a steady-state file gives their values
    steady_code: MatlabCode | None = None
    steady_at: int = 0
    finished: bool = False
    returned: bool = False
    commands: list[tuple[Statement, Values]] = field(default_factory=list)

    def pass_over(self, what: str, at: int) -> None:
        """Leave out what estim does not do, with a warning; the model is read without it."""
        self.passed_over[what] = at
        self.warn(f"skipped: {what} is not supported by estim", at)

    @property
    def in_levels(self) -> bool:
        """Are exogenous variables paths in levels, as in perfect foresight? No shock has a variance then, and all have
        the scale one."""
        stochastic = self.stderr or self.priors or self.corr or self.covariance or self.seen
        return not stochastic and bool(self.shocks)

    def give_up_estimation(self, why: str, at: int) -> None:
        """Leave out the priors, with a warning: the model is read at its calibration, or where they start."""
        self.warn(f"the model is read without its priors, and cannot be estimated: {why}", at)
        for (kind, name, *_), prior in self.priors.items():
            start = prior.mean if math.isnan(prior.start) else prior.start
            if kind == "parameter" and math.isnan(self.values.get(name, math.nan)):
                self.values[name] = start
        self.not_estimated, self.priors = why, {}

    def note(self, command: str) -> None:
        """Keep what a command sees."""
        self.seen.pop(command, None)
        self.seen[command] = self.now

    @property
    def now(self) -> Values:
        """The values as they are."""
        pairs = dict(self.corr), dict(self.covariance)
        paths = {name: dict(path) for name, path in self.paths.items()}
        return Values(dict(self.values), dict(self.stderr), *pairs, dict(self.initial), paths, self.foresight)

    def role(self, name: str) -> str | None:
        return next((role for role in _KINDS if name in getattr(self, role)), None)

    @property
    def names(self) -> list[str]:
        """Everything that is declared."""
        return [name for role in _KINDS for name in getattr(self, role)]

    def warn(self, message: str, at: int) -> None:
        warn(message, self.source.locate(at))

    def require(self, name: str, at: int, *roles: str) -> None:
        """Raise unless the name has been declared in one of the roles."""
        role = self.role(name)
        if role is None:
            raise self.unknown(name, at, [n for r in roles for n in getattr(self, r)])
        if role not in roles:
            raise self.source.error(f"'{name}' is not {' or '.join(_KINDS[r] for r in roles)}", at)

    def check_call(self, call: Call) -> None:
        """Raise for a function that does not exist or has another number of arguments."""
        known = FUNCTIONS.get(call.function)
        arities = (1,) if call.function in OPERATORS else known.arities if known else None
        if arities is None:
            raise self.unknown(call.function, call.at, FUNCTIONS)
        if len(call.arguments) not in arities:
            wanted = " or ".join(map(str, arities))
            message = f"{call.function} takes {wanted} argument(s), not {len(call.arguments)}"
            raise self.source.error(message, call.at)

    def check_names(self, expression: Expression, more: Collection[str] = ()) -> None:
        """Raise for a name or function that is unknown (``more`` are known too), or dated where it must
        not be."""
        for node in walk(expression):
            if isinstance(node, Call):
                self.check_call(node)
            if isinstance(node, Expectation):
                self.check_date(node.period, node.at)
            if isinstance(node, Name):
                role = self.role(node.name)
                if role is None and node.name not in {*CONSTANTS, *more}:
                    raise self.unknown(node.name, node.at, self.names)
                self.check_date(node.lag, node.at)
                if node.lag and role not in ("variables", "shocks", "parameters", "deterministic"):
                    raise self.source.error(f"'{node.name}' cannot have a lead or a lag", node.at)

    def check_date(self, periods: int, at: int) -> None:
        """Raise for what is too far away: each period of it is a variable of the model."""
        if abs(periods) > MAX_PERIODS:
            raise self.source.error(
                f"leads and lags of more than {MAX_PERIODS} periods are not supported", at
            )

    def unknown(self, name: str, at: int, known: Iterable[str]) -> ModFileError:
        if name in self.skipped:
            line = self.source.locate(self.skipped[name]).line
            return self.source.error(f"'{name}' is set by Matlab code that is skipped, in line {line}", at)
        close = difflib.get_close_matches(name, list(known), n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        return self.source.error(f"unknown name '{name}'{hint}", at)

    def evaluate(self, expression: Expression, more: dict[str, float] | None = None) -> float:
        """The value of an expression, given the assignments above it."""
        known = CONSTANTS | self.values | (more or {})
        with np.errstate(all="ignore"):
            return float(self._value(expression, known))

    def _matlab(self, name: str, arguments: Sequence[float], at: int) -> Any:
        """A number that Matlab code knows by ``name(arguments)``, or None where it does not."""
        if self.workspace is None or self.role(name) is not None or name in self.skipped:
            return None
        try:
            return np.float64(self.workspace.value_of(name, arguments))
        except (MatlabError, TypeError):
            return None

    def _value(self, expression: Expression, known: dict[str, float]) -> Any:
        match expression:
            case Number(value):
                return np.float64(value)
            case Name(name, 0, at):
                if name in known:
                    return np.float64(known[name])
                if (found := self._matlab(name, (), at)) is not None:
                    return found
                if name in self.parameters and name not in self.skipped:
                    return np.float64(np.nan)
                if self.role(name) in ("variables", "shocks", "deterministic"):
                    return np.float64(self.initial.get(name, 0.0))
                raise self.unknown(name, at, known)
            case Unary(_, operand):
                return -self._value(operand, known)
            case Binary(operator, left, right):
                return _BINARY[operator](self._value(left, known), self._value(right, known))
            case Call(name, arguments, at):
                values = [self._value(a, known) for a in arguments]
                if name not in FUNCTIONS and (found := self._matlab(name, values, at)) is not None:
                    return found
                self.check_call(expression)
                if name not in FUNCTIONS:
                    raise self.source.error(f"{name} belongs into a model block", at)
                return FUNCTIONS[name].host(*values)
            case Name(name, lag, at):
                if (found := self._matlab(name, [lag], at)) is not None:
                    return found
                raise self.source.error(
                    f"'{name}({lag})' has a lead or lag, or is no function known here", at
                )
            case Expectation(_, _, at):
                raise self.source.error("EXPECTATION belongs into a model block", at)


_BINARY: dict[str, Any] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}
