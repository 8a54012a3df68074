"""The blocks of histories and forecasts: where they begin, what is imposed on them, which shocks belong together."""

import re
from collections.abc import Callable

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.parser import parse_expression
from estim.dynare.reading.source import ModFileError
from estim.dynare.reading.syntax import Statement, names

MAX_HORIZON = 10_000


def initval(c: Contents, s: Statement) -> None:
    """Where the search for the steady state begins, and a path of perfect foresight where no `steady` follows."""
    for assignment in s.items:
        c.require(assignment.name, assignment.at, "variables", "shocks", "deterministic")
        c.initial[assignment.name] = c.evaluate(assignment.value, c.initial)
    c.foresight = c.foresight._replace(initial=dict.fromkeys(c.variables, 0.0) | c.initial)


def endval(c: Contents, s: Statement) -> None:
    """Where a path of perfect foresight ends; what is not in it stays as `initval` has it."""
    if s.options or any(isinstance(item, ModFileError) for item in s.items):
        option = f"({s.options[0].name})" if s.options else ""
        c.pass_over(f"a perfect-foresight simulation ('endval{option}')", s.at)
        c.foresight = c.foresight._replace(unknown=f"'endval{option}' is not supported by estim")
        return
    levels = dict(c.foresight.initial)
    for assignment in s.items:
        c.require(assignment.name, assignment.at, "variables", "shocks", "deterministic")
        levels[assignment.name] = c.evaluate(assignment.value, levels)
    c.foresight = c.foresight._replace(terminal=levels)


def ends_at_rest(c: Contents) -> None:
    """A `steady`: variables rest with the exogenous variables of the block above it."""
    of_shocks = lambda levels: {n: x for n, x in levels.items() if n in c.shocks}
    initial, terminal = c.foresight.initial, c.foresight.terminal
    if terminal is None:
        c.foresight = c.foresight._replace(initial=of_shocks(initial))
    else:
        c.foresight = c.foresight._replace(terminal=of_shocks(terminal))


def histval(c: Contents, s: Statement) -> None:
    """``x(0) = 1.2; x(-1) = 1; e(0) = 0.1;``: what is known of the past at which forecasts begin."""
    for name, lag, value, at in s.items:
        c.require(name, at, "variables", "shocks", "deterministic")
        if lag > 0:
            raise c.source.error(f"'histval' is about the past, and {name}({lag}) lies ahead", at)
        try:
            c.history[name, lag] = c.evaluate(value)
        except ModFileError as error:
            if not any(n.name in c.skipped for n in names(value)):
                raise
            c.warn(f"skipped: 'histval' of '{name}' ({error.message})", at)


def shock_groups(c: Contents, s: Statement) -> None:
    """``demand = e, u; 'cost push' = v;``, under the name of the option ``name``."""
    given = s.option("name")
    groups: dict[str, tuple[str, ...]] = {}
    for name, shocks, at in s.items:
        for shock in shocks:
            c.require(shock, at, "shocks")
            if taken := next((g for g, members in groups.items() if shock in members), None):
                raise c.source.error(f"'{shock}' is in two groups, {taken} and {name}", at)
        groups[name] = shocks
    c.groups[(given.value or "").strip("'\"") if given else "default"] = groups


def conditional_forecast_paths(c: Contents, s: Statement) -> None:
    """``var y; periods 1:3, 5; values 2, 3;``: a value for each of the periods or ranges."""
    for name, periods, values, at in s.items:
        c.require(name, at, "variables")
        c.imposed.setdefault(name, {}).update(path_of(c, name, periods, values, at))


def path_of(c: Contents, name: str, periods: str, values: str, at: int) -> dict[int, float]:
    """The number in each period: one value for each period or range."""
    spans = [_span(c, word, at) for word in _words(periods)]
    numbers = [c.evaluate(parse_expression(c.source, word, at)) for word in _words(values)]
    if len(spans) != len(numbers):
        raise c.source.error(f"'{name}' has {len(spans)} periods and {len(numbers)} values", at)
    return {t: number for span, number in zip(spans, numbers, strict=True) for t in span}


def generate_irfs(c: Contents, s: Statement) -> None:
    """``NAME, e = 1, u = -0.5;``: responses to several shocks at once."""
    for name, parts, at in s.items:
        for shock, _ in parts:
            c.require(shock, at, "shocks")
        unit = c.stderr if s.option("stderr_multiples") else {}
        c.combined[name] = {shock: c.evaluate(size) * unit.get(shock, 1.0) for shock, size in parts}


def _words(text: str) -> list[str]:
    """What blanks and commas part, outside of brackets."""
    return re.findall(r"(?:\((?:[^()]|\([^()]*\))*\)|[^\s,()])+", text)


def _span(c: Contents, word: str, at: int) -> range:
    found = re.fullmatch(r"(\d+)(?::(\d+))?", word, re.ASCII)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last <= MAX_HORIZON:
        raise c.source.error(f"periods are whole numbers from 1 to {MAX_HORIZON}, or ranges, not {word}", at)
    return range(first, last + 1)


HISTORY_HANDLERS: dict[str, Callable[[Contents, Statement], None]] = {
    handler.__name__: handler
    for handler in (initval, endval, histval, shock_groups, conditional_forecast_paths, generate_irfs)
}
"""What follows a block, by its keyword."""
