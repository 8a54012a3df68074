"""From the expanded text of a `.mod` file to its statements.

The text is cut into statements and blocks (`scanner.py`); each is parsed by the grammar in
`grammar.lark`, whose start rule its keyword decides.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from estim.dynare.reading.functions import FUNCTIONS, OPERATORS
from estim.dynare.reading.scanner import IDLE, SKIPPED, Chunk, scan
from estim.dynare.reading.source import ModFileError, Source
from estim.dynare.reading.syntax import (
    Assignment,
    Binary,
    Call,
    Condition,
    Equation,
    Estimated,
    Expectation,
    MatlabCode,
    Move,
    Name,
    Number,
    Option,
    Shock,
    Statement,
    Symbol,
    Unary,
)

_RULES = {
    **dict.fromkeys(("var", "varexo", "varexo_det", "parameters", "predetermined_variables"), "declaration"),
    "model": "model",
    "steady_state_model": "assignments",
    "initval": "assignments",
    "shocks": "shocks",
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
    "ramsey_constraints": "inequalities",
    "optim_weights": "weights",
    "osr_params_bounds": "bounds",
    "=": "assignments",
}
"""The start rule of a keyword; every other statement is a `command`."""

_STARTS = sorted({*_RULES.values(), "command", "header", "single"})


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
    if chunk.keyword == "model":
        body = _COMPLEMENTARY.sub(lambda m: " " * len(m[0]), body)
        body, added = _declared_on_the_fly(body, chunk.body_at)
    try:
        items = _parse(source, rule, body, chunk.body_at)
    except ModFileError as error:
        if chunk.keyword == "steady_state_model":
            return Statement(chunk.keyword, (), (MatlabCode(chunk.body, error),), chunk.body_at)
        if chunk.keyword != "=":
            raise
        # Matlab may know what x = [1 2 3] means; where x is a parameter, the error counts.
        return Statement("native", (), (chunk.body, error), chunk.at)
    if rule == "single":
        return Statement(chunk.keyword, (), (items,), chunk.at)
    if rule in ("declaration", "command"):
        options, items = items
        return Statement(chunk.keyword, options, items, chunk.at)
    options = _parse(source, "header", chunk.header, chunk.header_at) if chunk.header else ()
    code = (MatlabCode(chunk.body),) if chunk.keyword == "steady_state_model" else ()
    return Statement(chunk.keyword, options, (*added, *items, *code), chunk.body_at if code else chunk.at)


_COMPLEMENTARY = re.compile(r"(?:⟂|_\|_)[^;]*")  # as the tag `mcp`
_ON_THE_FLY = re.compile(r"\b([A-Za-z_]\w*)\s*\|\s*([exp])\b")
_ROLES = {"e": "var", "x": "varexo", "p": "parameters"}


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
        return _Statements(source, at).transform(_grammar().parse(text, start=rule))
    except UnexpectedInput as error:
        raise _syntax_error(source, error, text, at) from None
    except VisitError as error:
        raise error.orig_exc from None
    except RecursionError:
        raise source.error("this is nested too deeply", at) from None


@cache
def _grammar() -> Lark:
    text = files("estim.dynare.reading").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", start=_STARTS, propagate_positions=True)


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


@v_args(inline=True)
class _Expressions(Transformer):
    """Lark's tree of an expression to ours; ``offset`` is where the parsed text begins."""

    def __init__(self, source: Source, offset: int):
        super().__init__()
        self.source, self.offset = source, offset

    def _at(self, token: Any) -> int:
        return self.offset + token.start_pos

    def number(self, token):
        return Number(_number(token))

    def name(self, token):
        return Name(str(token), at=self._at(token))

    def unary(self, sign, operand):
        return operand if sign == "+" else Unary("-", operand)

    def binary(self, left, operator, right):
        return Binary(str(operator), left, right)

    def call(self, name, *arguments):
        lag = _whole(arguments[0]) if len(arguments) == 1 else None
        if lag is None or name in FUNCTIONS or name in OPERATORS:
            return Call(str(name), arguments, self._at(name))
        return Name(str(name), lag, self._at(name))

    def expectation(self, keyword, sign, period, operand):
        horizon = _whole(Number(_number(period)))
        if horizon is None:
            raise self.source.error("the period of EXPECTATION must be a whole number", self._at(period))
        return Expectation(-horizon if sign == "-" else horizon, operand, self._at(keyword))


@v_args(inline=True)
class _Statements(_Expressions):
    def _all(self, *items):
        return items

    model = assignments = shocks = estimated_params = observation_trends = _all
    tags = partitions = homotopy = sigma = sigma_row = occbin = _all
    inequalities = weights = bounds = _all

    # --- model, assignments ---
    def tag(self, name, text):
        return str(name), (text or "").strip("'\"")

    @v_args(meta=True)
    def equation(self, meta, items):
        tags, left, right = items
        zero = Number(0.0)
        return Equation(left, zero if right is None else right, dict(tags or ()), self._at(meta))

    def local(self, tags, name, value):
        return Assignment(str(name), value, self._at(name))

    def assignment(self, name, value):
        return Assignment(str(name), value, self._at(name))

    def multiple(self, name, *rest):
        raise self.source.error("several values of a function", self._at(name))

    trend = assignment

    def homotopy_line(self, name, first, last):
        return Move(
            str(name), None if last is None else first, first if last is None else last, self._at(name)
        )

    # --- declarations, commands ---
    def declaration(self, options, *symbols):
        return options or (), symbols

    def partition(self, name, text):
        return str(name), str(text)[1:-1]

    def symbol(self, name, tex, partitions):
        long_name = dict(partitions or ()).get("long_name", "")
        return Symbol(str(name), long_name, self._at(name), str(tex or "").strip("$"))

    def command(self, options, *names):
        return options or (), tuple(Name(str(n), at=self._at(n)) for n in names)

    def header(self, options):
        return options or ()

    def options(self, *options):
        return tuple(o for o in options if o is not None)

    def option(self, name, value):
        return Option(str(name), value and str(value).strip(), self._at(name))

    # --- shocks ---
    def standard_error(self, name, value):
        return Shock("stderr", (str(name),), value, self._at(name))

    def variance(self, name, value):
        return Shock("variance", (str(name),), value, self._at(name))

    def covariance(self, first, second, value):
        return Shock("covariance", (str(first), str(second)), value, self._at(first))

    def correlation(self, first, second, value):
        return Shock("corr", (str(first), str(second)), value, self._at(first))

    def deterministic(self, name, periods, path):
        return Shock("deterministic", (str(name),), Number(0.0), self._at(name))

    # --- constraints that bind at times ---
    def condition(self, name, bind, relax):
        return Condition(str(name)[1:-1], bind, relax, self._at(name))

    def single(self, expression):
        return expression

    # --- optimal policy ---
    @v_args(meta=True)
    def inequality(self, meta, items):
        return Equation(items[0], Number(0.0), {}, self._at(meta))

    def weight(self, first, second, value):
        return (str(first), str(second or first)), value, self._at(first)

    def bound(self, name, low, high):
        return str(name), (low, high), self._at(name)

    # --- estimation ---
    def estimated(self, target, *fields):
        kind, *names = target
        return Estimated(kind, tuple(map(str, names)), fields, self._at(names[0]))

    def estimated_stderr(self, name):
        return "stderr", name

    def estimated_corr(self, first, second):
        return "corr", first, second

    def estimated_parameter(self, name):
        return "parameter", name


def _number(token: Token) -> float:
    return float(token.lower().replace("d", "e"))


def _whole(expression: Any) -> int | None:
    """The integer that an expression writes down, or None."""
    match expression:
        case Unary("-", Number(value)) if value.is_integer():
            return -int(value)
        case Number(value) if value.is_integer():
            return int(value)
    return None
