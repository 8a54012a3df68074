"""Functions of Matlab's in equations, written out as Dynare's own arithmetic, so that their derivatives are exact.

`external_function(name=f, nargs=2)` names a distribution that Matlab knows, such as `logncdf`, or a function in a file
`f.m` beside the model. Of the latter those are read that assign expressions one after the other; the derivatives that
the file may have are not needed.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lark import Token, Tree

from estim.dynare.matlab.errors import MatlabError
from estim.dynare.matlab.lexer import parse
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.functions import FUNCTIONS
from estim.dynare.reading.syntax import (
    Assignment,
    Binary,
    Call,
    Equation,
    Expression,
    Number,
    Statement,
    Unary,
    children,
    rebuild,
)

ZERO, ONE = Number(0.0), Number(1.0)

type Written = Callable[..., Expression]
"""Expressions of the arguments -> that of the result."""


def _logs(x: Expression, mean: Expression, std: Expression) -> Expression:
    return Binary("/", Binary("-", Call("log", (x,)), mean), std)


def _logncdf(x: Expression, mean: Expression = ZERO, std: Expression = ONE) -> Expression:
    return Call("normcdf", (_logs(x, mean, std),))


def _lognpdf(x: Expression, mean: Expression = ZERO, std: Expression = ONE) -> Expression:
    return Binary("/", Call("normpdf", (_logs(x, mean, std),)), Binary("*", x, std))


def _expcdf(x: Expression, mean: Expression = ONE) -> Expression:
    return Binary("-", ONE, Call("exp", (Unary("-", Binary("/", x, mean)),)))


def _exppdf(x: Expression, mean: Expression = ONE) -> Expression:
    return Binary("/", Call("exp", (Unary("-", Binary("/", x, mean)),)), mean)


DISTRIBUTIONS: dict[str, Written] = {
    "logncdf": _logncdf,
    "lognpdf": _lognpdf,
    "expcdf": _expcdf,
    "exppdf": _exppdf,
}
"""Distributions of Matlab's (its manual, "Statistics"): where 0 < x."""


def external_function(c: Contents, s: Statement) -> None:
    """``external_function(name=NAME, nargs=N);``

    Raises:
        ModFileError: it has no name.
    """
    given = s.option("name")
    if given is None or not given.value:
        raise c.source.error("expected: external_function(name=NAME, nargs=NUMBER);", s.at)
    name = given.value.split(".")[-1]
    if name in DISTRIBUTIONS:
        c.external[name] = DISTRIBUTIONS[name]
        return
    folder = Path(c.source.locate(s.at).path).parent
    file = folder.joinpath(*(f"+{part}" for part in given.value.split(".")[:-1]), f"{name}.m")
    if name not in FUNCTIONS:
        c.external[name] = _from_file(file)


def written_out(c: Contents, item: Equation | Assignment) -> Equation | Assignment:
    """An equation, or a local variable, without calls of functions that are none of Dynare's.

    Raises:
        UnsupportedError: a function cannot be written out; the message says why.
    """
    if not c.external:
        return item

    def inline(node: Expression) -> Expression:
        new = rebuild(node, tuple(inline(child) for child in children(node)))
        if not (isinstance(new, Call) and new.function in c.external):
            return new
        try:
            return c.external[new.function](*new.arguments)
        except (MatlabError, TypeError) as error:
            raise c.source.unsupported(f"the function '{new.function}' ({error})", new.at) from None

    if isinstance(item, Assignment):
        return Assignment(item.name, inline(item.value), item.at)
    return Equation(inline(item.left), inline(item.right), item.tags, item.at)


def _from_file(path: Path) -> Written:
    """The first result of the function in a file."""

    def call(*arguments: Expression) -> Expression:
        if not path.is_file():
            raise MatlabError(f"there is no file {path.name}")
        program = parse(path.read_text(encoding="utf-8", errors="replace"))
        function = next((t for t in program.children if isinstance(t, Tree) and t.data == "function"), None)
        parts = {t.data: t for t in function.children if isinstance(t, Tree)} if function else {}
        named = lambda part: (
            [str(n) for n in parts[part].children if getattr(n, "type", "") == "NAME"]
            if part in parts
            else []
        )
        inputs, outputs = named("parameters"), named("outputs")
        if not outputs or len(inputs) != len(arguments):
            raise MatlabError(f"it takes {len(inputs)} arguments, not {len(arguments)}")
        known: dict[str, Expression | MatlabError] = dict(zip(inputs, arguments, strict=True))
        for statement in parts["block"].children:
            if isinstance(statement, Tree):
                _follow(statement, known)
        found = known.get(outputs[0], MatlabError("it gives no result"))
        if isinstance(found, MatlabError):
            raise found
        return found

    return call


def _follow(statement: Tree, known: dict[str, Expression | MatlabError]) -> None:
    """``name = expression``; what else sets is not known from there on."""
    if statement.data == "assign" and statement.children[0].data == "name":
        target, value = [t for t in statement.children if isinstance(t, Tree)]
        name = str(target.children[0])
        try:
            known[name] = _expression(value, known)
        except MatlabError as error:
            known[name] = error
        return
    for tree in statement.iter_subtrees():
        if tree.data in ("assign", "update", "assign_several", "for_"):
            for token in tree.scan_values(lambda v: isinstance(v, Token) and v.type == "NAME"):
                known[str(token)] = MatlabError(f"'{token}' is set by code that is no arithmetic")


def _expression(node: Tree, known: dict[str, Expression | MatlabError]) -> Expression:
    of = lambda child: _expression(child, known)
    parts: Any = node.children
    match node.data, parts:
        case "number", [token] if token[-1] not in "ij":
            return Number(float(token.lower().replace("d", "e")))
        case "name", [token]:
            found = known.get(str(token), Number(math.pi) if token == "pi" else None)
            if found is None or isinstance(found, MatlabError):
                raise found or MatlabError(f"'{token}' is not known")
            return found
        case "group", [inner]:
            return of(inner)
        case "unary", [sign, operand] if sign in "+-":
            return Unary("-", of(operand)) if sign == "-" else of(operand)
        case "binary", [left, operator, right] if (
            plain := _PLAIN.get(str(operator), str(operator))
        ) in _KNOWN:
            return Binary(plain, of(left), of(right))
        case "call", [Tree(data="name"), arguments]:
            name = str(parts[0].children[0])
            values = [of(a) for a in arguments.children]
            if name in DISTRIBUTIONS:
                return DISTRIBUTIONS[name](*values)
            if name in FUNCTIONS and len(values) in FUNCTIONS[name].arities:
                return Call(str(name), tuple(values))
            raise MatlabError(f"'{name}' is no function of Dynare's")
    raise MatlabError(f"line {getattr(node.meta, 'line', '?')} is no arithmetic")


_PLAIN = {".*": "*", "./": "/", ".^": "^", "~=": "!="}
_KNOWN = {"+", "-", "*", "/", "^", "==", "!=", "<", ">", "<=", ">="}
