"""Evaluation of Dynare's macro expressions, parsed by the grammar in `macro.lark`."""

from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from lark import Lark, Tree
from lark.visitors import Interpreter

from estim.dynare import macro_values as values
from estim.dynare.macro_values import MacroError

MAX_DEPTH = 100
"""How deep macro functions may call one another."""


class Function(NamedTuple):
    """``@#define f(x) = body``; the body is evaluated when f is called."""

    parameters: tuple[str, ...]
    body: Tree


@cache
def macro_grammar() -> Lark:
    text = files("estim.dynare").joinpath("macro.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", start=["expression", "define", "loop"])


def evaluate(tree: Tree, variables: dict[str, Any]) -> Any:
    """The value of an expression tree.

    Raises:
        MacroError: unknown names, wrong types, wrong arithmetic.
    """
    try:
        return _Evaluator(variables).visit(tree)
    except RecursionError:
        raise MacroError("the expression is nested too deeply") from None


def bind(target: Tree, value: Any) -> dict[str, Any]:
    """What ``x`` or ``(i, j)`` stands for when it takes `value`."""
    names = [str(name) for name in target.children]
    if len(names) == 1:
        return {names[0]: value}
    if not isinstance(value, tuple) or len(value) != len(names):
        raise MacroError(f"({', '.join(names)}) cannot take the value {values.show(value)}")
    return dict(zip(names, value, strict=True))


class _Evaluator(Interpreter):
    def __init__(self, variables: dict[str, Any], depth: int = 0):
        super().__init__()
        self.variables, self.depth = variables, depth

    def _within(self, local: dict[str, Any]) -> "_Evaluator":
        return _Evaluator(self.variables | local, self.depth)

    def number(self, tree):
        return float(tree.children[0].lower().replace("d", "e"))

    def string(self, tree):
        return str(tree.children[0][1:-1])

    def true(self, tree):
        return True

    def false(self, tree):
        return False

    def name(self, tree):
        name = str(tree.children[0])
        if name not in self.variables:
            raise MacroError(f"unknown macro variable {name}")
        return self.variables[name]

    def defined(self, tree):
        return str(tree.children[0]) in self.variables

    def call(self, tree):
        name, arguments = str(tree.children[0]), self.visit(tree.children[1])
        function = self.variables.get(name)
        if not isinstance(function, Function):
            return values.call(name, arguments)
        if len(arguments) != len(function.parameters):
            raise MacroError(f"{name} takes {len(function.parameters)} arguments, not {len(arguments)}")
        if self.depth == MAX_DEPTH:
            raise MacroError(f"macro functions call one another more than {MAX_DEPTH} deep")
        local = dict(zip(function.parameters, arguments, strict=True))
        return _Evaluator(self.variables | local, self.depth + 1).visit(function.body)

    def arguments(self, tree):
        return [self.visit(child) for child in tree.children if child is not None]

    def array(self, tree):
        return self.visit(tree.children[0])

    def tuple(self, tree):
        return tuple(self.visit(child) for child in tree.children)

    def or_(self, tree):
        return any(values.truth(self.visit(child)) for child in tree.children)

    def and_(self, tree):
        return all(values.truth(self.visit(child)) for child in tree.children)

    def not_(self, tree):
        return not values.truth(self.visit(tree.children[0]))

    def binary(self, tree):
        left, symbol, right = tree.children
        return values.binary(str(symbol), self.visit(left), self.visit(right))

    def union(self, tree):
        return values.binary("|", *map(self.visit, tree.children))

    def intersection(self, tree):
        return values.binary("&", *map(self.visit, tree.children))

    def power(self, tree):
        return values.power(*map(self.visit, tree.children))

    def sign(self, tree):
        symbol, operand = tree.children
        return values.binary(str(symbol), 0.0, self.visit(operand))

    def range(self, tree):
        return values.span(*map(self.visit, tree.children))

    def index(self, tree):
        return values.index(*map(self.visit, tree.children))

    def contains(self, tree):
        return values.contains(*map(self.visit, tree.children))

    def cast(self, tree):
        symbol, operand = tree.children
        return values.cast(symbol.strip("() \t"), self.visit(operand))

    def mapping(self, tree):
        body, target, array, condition = tree.children
        return self._comprehension(body, target, self.visit(array), condition)

    def filtering(self, tree):
        membership, condition = tree.children
        pattern = membership.children[0] if membership.data == "contains" else membership
        leaves = pattern.children if pattern.data == "tuple" else [pattern]
        if membership.data != "contains" or any(leaf.data != "name" for leaf in leaves):
            raise MacroError("'[x in array when condition]' begins with a name or a tuple of names")
        target = Tree("target", [leaf.children[0] for leaf in leaves])
        return self._comprehension(pattern, target, self.visit(membership.children[1]), condition)

    def _comprehension(self, body, target, array, condition):
        if not isinstance(array, list):
            raise MacroError(f"a comprehension runs over an array, not over a {values.kind(array)}")
        scopes = [self._within(bind(target, element)) for element in array]
        return [s.visit(body) for s in scopes if condition is None or values.truth(s.visit(condition))]
