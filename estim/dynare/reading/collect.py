"""Following the statements of a `.mod` file from the first to the last."""

import math
import re
from collections.abc import Callable

from estim.dynare.matlab.values import matrix
from estim.dynare.reading.command_options import command, unit_root_vars
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.editing import (
    DECLARED,
    change_type,
    model_options,
    model_remove,
    take_out,
    var_remove,
)
from estim.dynare.reading.estimated import (
    calibrated,
    estimated_params,
    estimated_params_bounds,
    estimated_params_init,
    estimated_params_remove,
)
from estim.dynare.reading.external import external_function, written_out
from estim.dynare.reading.functions import CONSTANTS, DIFFERENCE, FUNCTIONS, OPERATORS
from estim.dynare.reading.histories import HISTORY_HANDLERS
from estim.dynare.reading.matched import matched_irfs, matched_moments
from estim.dynare.reading.matlab_data import load_params
from estim.dynare.reading.native import Workspace, native
from estim.dynare.reading.occbin import (
    mixed_complementarity,
    occbin_constraints,
    other_regime,
    settle_constraints,
)
from estim.dynare.reading.planner import POLICY_HANDLERS, ramsey_policy
from estim.dynare.reading.scanner import COMPUTING, FOLLOW_UP, IDLE, POLICY, statement_begins
from estim.dynare.reading.shocks import heteroskedastic_shocks, shocks, sigma_e
from estim.dynare.reading.source import Halted, ModFileError, Source
from estim.dynare.reading.syntax import (
    Assignment,
    Call,
    Equation,
    Expression,
    Name,
    Statement,
    Symbol,
    children,
    names,
    walk,
)
from estim.dynare.reading.trends import deflated, detrended, trend_var

COMPUTED = ("steady", "check", "stoch_simul", "estimation", *sorted(POLICY | FOLLOW_UP))
"""Commands that `estim dynare` runs."""

_RESERVED = {*FUNCTIONS, *OPERATORS, "EXPECTATION", "expectation", "end"}

MAX_LENGTH = 1_000_000
"""No equation may be longer, nor all of them four times as long."""

_COMMAND = re.compile(r"(?:^|;)[ \t]*([A-Za-z_]\w*)", re.MULTILINE)

_RESTRICTIONS = ("irf_calibration", "moment_calibration")
"""Blocks that restrict what an estimation may find, and change nothing else."""


def collect(source: Source, statements: list[Statement]) -> Contents:
    """What the statements of a file add up to.

    Raises:
        ModFileError: a name that is unknown or declared twice, a value that does not exist.
        UnsupportedError: an option that estim does not follow.
    """
    contents = Contents(source)
    for statement in statements:
        declared = [i for i in statement.items if isinstance(i, Statement)] or _tagged(contents, statement)
        for declaration in [statement] if statement.keyword in DECLARED else declared:
            _declare(contents, declaration)
        if declared:
            _declare_the_rest(contents, statement)
    contents.workspace = Workspace(contents, lambda statement: perform(contents, statement))
    last = max((i for i, s in enumerate(statements) if _computes(s)), default=len(statements))
    for i, statement in enumerate(statements):
        contents.finished = i > last
        try:
            perform(contents, statement)
        except Halted as error:
            if not _may_end(contents, statements[i + 1 :]):
                raise
            contents.warn(f"the file is passed over from here on ({error.message})", statement.at)
            break
    settle(contents)
    return contents


def _may_end(c: Contents, rest: list[Statement]) -> bool:
    """Has the model been solved, and is it neither written nor estimated below?"""
    return "stoch_simul" in c.seen and not any(s.keyword in ("estimation", "model") for s in rest)


def _tagged(c: Contents, model: Statement) -> list[Statement]:
    """The declarations of variables by the tag ``endogenous`` of equations."""
    tagged = [i for i in model.items if isinstance(i, Equation) and "endogenous" in i.tags]
    found = {e.tags["endogenous"]: e.at for e in tagged if c.role(e.tags["endogenous"]) is None}
    return [Statement("var", (), (Symbol(name, "", at),), at) for name, at in found.items()]


def _declare_the_rest(c: Contents, model: Statement) -> None:
    """Where a model declares names on the fly, those that it does not are exogenous."""
    local = {i.name for i in model.items if isinstance(i, Assignment)}
    equations = [e for i in model.items if isinstance(i, Equation) for e in (i.left, i.right)]
    for name in (n for e in equations for n in names(e)):
        if c.role(name.name) is None and name.name not in {*CONSTANTS, *local}:
            c.shocks[name.name] = Symbol(name.name, "", name.at)


def perform(c: Contents, s: Statement) -> None:
    """Follow one statement."""
    if c.returned:
        return
    if s.keyword in {*COMPUTED, "unsupported"}:
        c.commands.append((s, c.now))
    if s.keyword not in {*DECLARED, *IDLE}:
        _HANDLERS.get(s.keyword, _skip)(c, s)


def _computes(s: Statement) -> bool:
    """Is it a command that computes, or Matlab code around one?"""
    if s.keyword != "native":
        return s.keyword in COMPUTING or s.keyword == "unsupported"
    found = _COMMAND.finditer(s.items[0])
    return any(statement_begins(s.items[0], match.start(1)) for match in found)


# --- declarations and values ---


def _declare(c: Contents, s: Statement) -> None:
    for option in s.options:
        if deflated(c, s, option):
            continue
        if option.name not in ("log", "long_name"):
            raise c.source.unsupported(f"'{s.keyword}({option.name})'", option.at)
        c.warn(f"skipped: '{s.keyword}({option.name})': the variables are solved in levels", option.at)
    role = DECLARED[s.keyword]
    for symbol in s.items:
        if c.role(symbol.name) not in (None, role):
            raise c.source.error(f"'{symbol.name}' is declared twice", symbol.at)
        if symbol.name in _RESERVED:
            raise c.source.error(f"'{symbol.name}' means something else and cannot be declared", symbol.at)
        getattr(c, role)[symbol.name] = symbol


def _predetermine(c: Contents, s: Statement) -> None:
    for symbol in s.items:
        c.require(symbol.name, symbol.at, "variables")
        c.predetermined.add(symbol.name)


def _assign(c: Contents, s: Statement) -> None:
    (assignment,) = s.items
    name = assignment.name
    if c.role(name) not in (None, "parameters"):
        raise c.source.error(f"'{name}' is no parameter: its value belongs into a block", assignment.at)
    try:
        value = c.evaluate(assignment.value)
    except ModFileError as error:
        end = c.source.text.find(";", s.at) + 1
        native(c, Statement("native", (), (c.workspace.text[s.at : end], error), s.at))
        return
    c.values[name] = value
    c.workspace.variables[name] = matrix(value)
    c.skipped.pop(name, None)
    c.homotopy.pop(name, None)


def _homotopy_setup(c: Contents, s: Statement) -> None:
    for option in s.options:
        c.warn(f"skipped: the option of 'homotopy_setup({option.name})'", option.at)
    for move in s.items:
        c.require(move.name, move.at, "parameters", "shocks", "deterministic")
    c.moves = list(s.items)


def _skip(c: Contents, s: Statement) -> None:
    text = s.items[0] if s.keyword == "skipped" else c.source.text[s.at :].split(";")[0] + ";"
    if (word := text.split(";")[0].strip()) in _RESTRICTIONS:
        c.restrictions[f"an endogenous prior ('{word}')"] = s.at
    c.warn(f"skipped: {' '.join(text.split())[:120]}", s.at)


def _unsupported(c: Contents, s: Statement) -> None:
    c.pass_over(s.items[0], s.at)
    if "filter_initial_state" in s.items[0]:
        c.restrictions[s.items[0]] = s.at


# --- the model and its steady state ---


def _model(c: Contents, s: Statement) -> None:
    c.linear |= s.option("linear") is not None
    for item in (written_out(c, detrended(c, i)) for i in s.items if not isinstance(i, Statement)):
        if isinstance(item, Assignment):
            if c.role(item.name) is not None:
                raise c.source.error(f"the local variable '{item.name}' is defined already", item.at)
            c.check_names(item.value)
            c.weights[item.name] = _weigh(c, item.at, item.value)
            c.locals[item.name] = item
            continue
        c.check_names(item.left)
        c.check_names(item.right)
        _weigh(c, item.at, item.left, item.right)
        if other_regime(c, item):
            continue
        if found := mixed_complementarity(c, item):
            item, slack = found
            c.slacks[item.at] = slack
        c.equations.append(item)


def _model_replace(c: Contents, s: Statement) -> None:
    """Equations in the place of those with some tags; no variable changes its type."""
    take_out(c, s.options, s.at)  # type: ignore[arg-type]
    _model(c, Statement("model", (), s.items, s.at))


def _weigh(c: Contents, at: int, *expressions: Expression) -> int:
    """How long expressions are once their local variables and differences are written out."""

    def weigh(expression: Expression) -> int:
        match expression:
            case Name(name) if name in c.weights:
                return c.weights[name]
            case Call(function, (operand,)) if function == DIFFERENCE:
                return 1 + 2 * weigh(operand)
        return 1 + sum(map(weigh, children(expression)))

    weight = sum(map(weigh, expressions))
    c.length += weight
    if weight > MAX_LENGTH or c.length > 4 * MAX_LENGTH:
        raise c.source.error("the model is too long once its local variables are written out", at)
    return weight


def _steady_state_model(c: Contents, s: Statement) -> None:
    *assignments, code = s.items
    calls = [
        n
        for a in assignments
        for n in walk(a.value)
        if isinstance(n, Call) or (isinstance(n, Name) and n.lag)
    ]
    if code.error or any(isinstance(n, Name) or n.function not in FUNCTIONS for n in calls):
        c.steady_code, c.steady_at = code, s.at
        return
    own: set[str] = set()
    for assignment in assignments:
        c.check_names(assignment.value, own)
        _weigh(c, assignment.at, assignment.value)
        if c.role(assignment.name) not in (None, "variables", "parameters"):
            c.require(assignment.name, assignment.at, "variables", "parameters")
        own.add(assignment.name)
    c.steady_state = assignments


# --- what is observed ---


def _varobs(c: Contents, s: Statement) -> None:
    for name in s.items:
        c.require(name.name, name.at, "variables")
        if name.name in [n.name for n in s.items if n.at < name.at]:
            raise c.source.error(f"'{name.name}' is observed twice", name.at)
    c.observables = list(s.items)


def _observation_trends(c: Contents, s: Statement) -> None:
    for trend in s.items:
        c.require(trend.name, trend.at, "variables")
        for name in (n for n in names(trend.value) if n.name not in c.values):
            c.require(name.name, name.at, "parameters")
        c.trends[trend.name] = trend.value


def settle(c: Contents) -> None:
    """The model is the one that the `estimation` sees, or the last `stoch_simul`, or the end of the file."""
    if c.restrictions and c.priors:
        c.beyond = c.beyond or next(iter(c.restrictions.items()))
    if seen := c.seen.get("estimation") or c.seen.get("stoch_simul"):
        c.values, c.initial = seen.parameters, seen.initial
        c.stderr, c.corr, c.covariance = seen.stderr, seen.corr, seen.covariance
    c.priors = c.estimated or c.priors
    if c.beyond:
        c.give_up_estimation(f"{c.beyond[0]} is not supported by estim", c.beyond[1])
    for prior in c.priors.values():  # of maximum likelihood
        if prior.shape is None and math.isnan(prior.start):
            prior.start = calibrated(c, prior)
    settle_constraints(c)
    foreseen = c.foresight.foreseen
    if foreseen and not any(s.keyword in ("perfect_foresight_solver", "simul") for s, _ in c.commands):
        name = next(iter(foreseen))
        c.warn(f"skipped: the path of '{name}' in 'shocks', which no command here follows", c.shocks[name].at)


_HANDLERS: dict[str, Callable[[Contents, Statement], None]] = {
    "predetermined_variables": _predetermine,
    "=": _assign,
    "homotopy_setup": _homotopy_setup,
    "unit_root_vars": unit_root_vars,
    "native": native,
    "skipped": _skip,
    "unsupported": _unsupported,
    "change_type": change_type,
    "external_function": external_function,
    **dict.fromkeys(("trend_var", "log_trend_var"), trend_var),
    "model_options": model_options,
    "load_params_and_steady_state": load_params,
    "estimated_params_remove": estimated_params_remove,
    "Sigma_e": sigma_e,
    "model": _model,
    "model_remove": model_remove,
    "model_replace": _model_replace,
    "var_remove": var_remove,
    "steady_state_model": _steady_state_model,
    "shocks": shocks,
    "heteroskedastic_shocks": heteroskedastic_shocks,
    "occbin_constraints": occbin_constraints,
    "ramsey_policy": lambda c, s: perform(c, ramsey_policy(c, s)),
    **POLICY_HANDLERS,
    "varobs": _varobs,
    "observation_trends": _observation_trends,
    "matched_moments": matched_moments,
    "matched_irfs": matched_irfs,
    "estimated_params": estimated_params,
    "estimated_params_init": estimated_params_init,
    "estimated_params_bounds": estimated_params_bounds,
    **HISTORY_HANDLERS,
    **dict.fromkeys(("stoch_simul", "estimation", "data", "steady", *FOLLOW_UP), command),
}
