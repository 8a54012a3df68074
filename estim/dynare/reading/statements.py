"""From the grammar's trees to statements."""

from typing import Any

from lark import Token, Transformer, v_args

from estim.dynare.reading.functions import FUNCTIONS, OPERATORS
from estim.dynare.reading.source import Source
from estim.dynare.reading.syntax import (
    Assignment,
    Binary,
    Call,
    Condition,
    Equation,
    Estimated,
    Expectation,
    Move,
    Name,
    Number,
    Option,
    Shock,
    ShockPath,
    Symbol,
    Unary,
)


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
class Statements(_Expressions):
    """Each rule of `grammar.lark` as what it stands for."""

    def _all(self, *items):
        return items

    matched = selectors = model = assignments = shocks = estimated_params = observation_trends = _all
    tags = partitions = homotopy = sigma = sigma_row = occbin = _all
    inequalities = weights = bounds = dated_values = groups = paths = combinations = _all

    # --- model, assignments ---
    def tag(self, name, text):
        return str(name), (text or "").strip("'\"")

    @v_args(meta=True)
    def equation(self, meta, items):
        tags, left, right = items
        zero = Number(0.0)
        return Equation(left, zero if right is None else right, dict(tags or ()), self._at(meta))

    def selector(self, found):
        """A name, one tag, or several that an equation must have."""
        if isinstance(found, Token):
            return {"name": found.strip("'\"")}
        return dict([found] if isinstance(found[0], str) else found)

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

    def compared(self, options, *models):
        numbers = [None if n is None else _number(n) for n in models[1::2]]
        return options or (), tuple(zip(models[::2], numbers, strict=True))

    def model_name(self, name):
        return str(name).strip("'\"")

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

    def kind(self, word):
        return str(word)

    def deterministic(self, name, periods, kind, values):
        return ShockPath(str(name), str(periods), kind, str(values), self._at(name))

    # --- constraints that bind at times ---
    def condition(self, name, bind, relax, *errors):
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

    # --- histories and forecasts ---
    def dated_value(self, name, sign, period, value):
        lag = _whole(Number(_number(period)))
        if lag is None:
            raise self.source.error("a date is a whole number", self._at(period))
        return str(name), -lag if sign == "-" else lag, value, self._at(name)

    def group(self, name, *shocks):
        return str(name).strip("'\""), tuple(map(str, shocks)), self._at(name)

    def path(self, name, periods, values):
        return str(name), str(periods), str(values), self._at(name)

    def combination(self, name, *parts):
        return (
            str(name).strip("'\""),
            tuple(zip(map(str, parts[::2]), parts[1::2], strict=True)),
            self._at(name),
        )

    # --- estimation ---
    def matched_irf(self, variable, shock, periods, values, weights):
        path = str(periods), str(values), str(weights) if weights is not None else ""
        return str(variable), str(shock), *path, self._at(variable)

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
