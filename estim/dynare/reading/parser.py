"""From the expanded text of a `.mod` file to its statements.

The text is cut into statements and blocks (`scanner.py`); each is parsed by the grammar in
`grammar.lark`, whose start rule its keyword decides.
"""

import re
from dataclasses import replace
from typing import Any

from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from estim.dynare.grammars import grammar
from estim.dynare.reading.scanner import DECLARATIONS, IDLE, SKIPPED, Chunk, scan
from estim.dynare.reading.source import ModFileError, Source
from estim.dynare.reading.statements import Statements
from estim.dynare.reading.syntax import (
    Equation,
    MatlabCode,
    Statement,
    Symbol,
)

_RULES = {
    **dict.fromkeys(DECLARATIONS | {"trend_var", "log_trend_var"}, "declaration"),
    "model": "model",
    "steady_state_model": "assignments",
    **dict.fromkeys(("initval", "endval"), "assignments"),
    **dict.fromkeys(("shocks", "heteroskedastic_shocks"), "shocks"),
    "estimated_params": "estimated_params",
    "estimated_params_init": "estimated_params",
    "estimated_params_bounds": "estimated_params",
    "estimated_params_remove": "estimated_params",
    "change_type": "command",
    "observation_trends": "observation_trends",
    "homotopy_setup": "homotopy",
    "occbin_constraints": "occbin",
    "Sigma_e": "sigma",
    "planner_objective": "single",
    "model_remove": "selectors",
    "model_comparison": "compared",
    "model_replace": "model",
    "ramsey_constraints": "inequalities",
    "optim_weights": "weights",
    "osr_params_bounds": "bounds",
    "histval": "dated_values",
    "matched_moments": "inequalities",
    "matched_irfs": "matched",
    "shock_groups": "groups",
    "conditional_forecast_paths": "paths",
    "generate_irfs": "combinations",
    "=": "assignments",
}
"""The start rule of a keyword; every other statement is a `command`."""

_STARTS = tuple(sorted({*_RULES.values(), "command", "header", "single"}))


def parse(source: Source) -> list[Statement]:
    """The statements of a file, in order; native Matlab code is a statement "native".

    Raises:
        ModFileError: a syntax error, with its place and what was expected there.
    """
    return [parse_chunk(source, chunk) for chunk in scan(source)]


def parse_expression(source: Source, text: str, at: int) -> Any:
    """The expression that a text holds, such as that of a tag.

    Raises:
        ModFileError: it is none.
    """
    return _parse(source, "single", text, at)


def parse_chunk(source: Source, chunk: Chunk) -> Statement:
    """The statement that a chunk is.

    Raises:
        ModFileError: as `parse`.
    """
    if chunk.keyword in ("native", "skipped", "unsupported"):
        return Statement(chunk.keyword, (), (chunk.body,), chunk.at)
    if chunk.keyword in IDLE | SKIPPED | {"load_params_and_steady_state"}:
        return Statement(chunk.keyword, (), (), chunk.at)
    rule = _RULES.get(chunk.keyword, "command")
    body = chunk.body
    added: tuple[Any, ...] = ()
    slacks: dict[int, str] = {}
    if rule == "model":
        slacks = {chunk.body_at + m.start(): m[1].strip() for m in _COMPLEMENTARY.finditer(body)}
        body = _COMPLEMENTARY.sub(lambda m: " " * len(m[0]), body)
        body, added = _declared_on_the_fly(body, chunk.body_at)
    try:
        items = _parse(source, rule, body, chunk.body_at)
    except ModFileError as error:
        if chunk.keyword == "steady_state_model":
            return Statement(chunk.keyword, (), (MatlabCode(chunk.body, error),), chunk.body_at)
        if chunk.keyword == "endval":  # with `+=`, say
            return Statement(chunk.keyword, (), (error,), chunk.at)
        if chunk.keyword != "=":
            raise
        # Matlab may know what x = [1 2 3] means; where x is a parameter, the error counts.
        return Statement("native", (), (chunk.body, error), chunk.at)
    for at, slack in slacks.items():
        items = _complementary(source, items, at, slack)
    if rule == "single":
        return Statement(chunk.keyword, (), (items,), chunk.at)
    if rule in ("declaration", "command", "compared"):
        options, items = items
        return Statement(chunk.keyword, options, items, chunk.at)
    heading = "selectors" if chunk.keyword == "model_replace" else "header"
    options = _parse(source, heading, chunk.header, chunk.header_at) if chunk.header else ()
    code = (MatlabCode(chunk.body),) if chunk.keyword == "steady_state_model" else ()
    return Statement(chunk.keyword, options, (*added, *items, *code), chunk.body_at if code else chunk.at)


_COMPLEMENTARY = re.compile(r"(?:⟂|_\|_)([^;]*)")  # as the tag `mcp`
_ON_THE_FLY = re.compile(r"\b([A-Za-z_]\w*)\s*\|\s*([exp])\b")
_ROLES = {"e": "var", "x": "varexo", "p": "parameters"}


def _complementary(source: Source, items: tuple[Any, ...], at: int, slack: str) -> tuple[Any, ...]:
    """With the tag `mcp` on the equation before an offset."""
    i = max(i for i, item in enumerate(items) if item.at < at)
    if not isinstance(items[i], Equation):
        raise source.error("a complementarity belongs to an equation", at)
    tagged = replace(items[i], tags=items[i].tags | {"mcp": slack})
    return (*items[:i], tagged, *items[i + 1 :])


def _declared_on_the_fly(body: str, at: int) -> tuple[str, tuple[Statement, ...]]:
    """A model without the types that it gives to names (``x|e``), and the declarations that these are."""
    found = [
        Statement(_ROLES[m[2]], (), (Symbol(m[1], "", at + m.start()),), at + m.start())
        for m in _ON_THE_FLY.finditer(body)
    ]
    blank = lambda m: m[1] + " " * (len(m[0]) - len(m[1]))
    return _ON_THE_FLY.sub(blank, body) if found else body, tuple(found)


def _parse(source: Source, rule: str, text: str, at: int) -> Any:
    try:
        return Statements(source, at).transform(
            grammar("estim.dynare.reading", _STARTS).parse(text, start=rule)
        )
    except UnexpectedInput as error:
        raise _syntax_error(source, error, text, at) from None
    except VisitError as error:
        raise error.orig_exc from None
    except RecursionError:
        raise source.error("this is nested too deeply", at) from None


_WORDS = {
    "SEMICOLON": "';'",
    "COMMA": "','",
    "LPAR": "'('",
    "RPAR": "')'",
    "LSQB": "'['",
    "RSQB": "']'",
    "EQUAL": "'='",
    "HASH": "'#'",
    "VAR": "'var'",
    "STDERR": "'stderr'",
    "CORR": "'corr'",
    "PERIODS": "'periods'",
    "VALUES": "'values'",
    "POWER": "an operator",
    "SIGN": "an operator",
    "TIMES": "an operator",
    "EQUALITY": "an operator",
    "RELATION": "an operator",
    "EXPECTATION": "an expression",
    "NUMBER": "a number",
    "NAME": "a name",
    "QUOTED": "a quoted text",
    "TEX": "a TeX name",
    "VALUE": "a value",
    "ANYTHING": "a value",
    "$END": "the end of the statement",
}


_LEXEME = re.compile(r"\w+|\S|\s")


def _syntax_error(source: Source, error: UnexpectedInput, text: str, at: int) -> ModFileError:
    """What was found, where, and what the grammar expected there."""
    place, found, expected = len(text.rstrip()), "the end", set[str]()
    if isinstance(error, UnexpectedToken):
        expected = error.accepts or error.expected
        if error.token.type != "$END":
            place, found = error.token.start_pos or 0, f"'{_LEXEME.findall(error.token)[0]}'"
    elif isinstance(error, UnexpectedCharacters):
        place, found, expected = error.pos_in_stream or 0, f"'{error.char}'", error.allowed or set()
    words = sorted({_WORDS.get(name, name) for name in expected})
    wanted = ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else "".join(words)
    return source.error(f"syntax error at {found}" + (f": expected {wanted}" if wanted else ""), at + place)
