"""Evaluation of Dynare's macro expressions, parsed by the grammar in `macro.lark`."""

from typing import Any, NamedTuple

from lark import Lark, Tree
from lark.visitors import Interpreter

from estim.dynare.grammars import grammar
from estim.dynare.macro import values
from estim.dynare.macro.values import MacroError

MAX_DEPTH = 100
"""How deep macro functions may call one another."""


class Function(NamedTuple):
    """``@#define f(x) = body``; the body is evaluated when f is called."""

    parameters: tuple[str, ...]
    body: Tree


def macro_grammar() -> Lark:
    return grammar("estim.dynare.macro", ("expression", "define", "loop"), file="macro.lark")


MAX_STEPS = 500_000
"""How much the macros of one file may do: elements that loops and comprehensions go through, calls, and the
elements of arrays that are made."""
_COMPARED = 50
"""Comparisons that cost as much as a step."""


class Budget:
    """What is left of the steps of a file."""

    def __init__(self, steps: int = MAX_STEPS):
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        self.left -= steps
        if self.left < 0:
            raise MacroError(f"the macros of this file take more than {MAX_STEPS} steps")


def evaluate(tree: Tree, variables: dict[str, Any], budget: Budget | None = None) -> Any:
    """The value of an expression tree.

    Args:
        tree: an expression, as the grammar gives it.
        variables: the macro variables and functions by name.
        budget: the steps that are left to the file.

    Raises:
        MacroError: unknown names, wrong types, wrong arithmetic; more steps than are left; a text or an array
            that is too long.
    """
    try:
        return _Evaluator(variables, variables, budget or Budget()).visit(tree)
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
    """``shared`` are the macro variables of the file, which is all that a function sees beside its own arguments;
    ``variables`` what the expression sees: arguments and the variables of comprehensions too."""

    def __init__(self, shared: dict[str, Any], variables: dict[str, Any], budget: Budget, depth: int = 0):
        super().__init__()
        self.shared, self.variables, self.budget, self.depth = shared, variables, budget, depth

    def _within(self, local: dict[str, Any]) -> "_Evaluator":
        return _Evaluator(self.shared, self.variables | local, self.budget, self.depth)

    def visit(self, tree: Tree) -> Any:
        value = super().visit(tree)
        if isinstance(value, list | tuple | str) and tree.data not in ("name", "arguments", "string"):
            self.budget.spend(values.size(value))
        return value

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
        self.budget.spend()
        local = dict(zip(function.parameters, arguments, strict=True))
        return _Evaluator(self.shared, self.shared | local, self.budget, self.depth + 1).visit(function.body)

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
        return self._binary(str(symbol), self.visit(left), self.visit(right))

    def union(self, tree):
        return self._binary("|", *map(self.visit, tree.children))

    def intersection(self, tree):
        return self._binary("&", *map(self.visit, tree.children))

    def _binary(self, symbol, left, right):
        if isinstance(left, list) and isinstance(
            right, list
        ):  # compared element by element, or each with each
            pairs = len(left) * len(right) if symbol in ("-", "|", "&") else len(left)
            self.budget.spend(pairs // _COMPARED)
        return values.binary(symbol, left, right)

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
        element, array = map(self.visit, tree.children)
        if isinstance(array, list):
            self.budget.spend(len(array) // _COMPARED)
        return values.contains(element, array)

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
        kept = []
        for element in array:
            self.budget.spend()
            scope = self._within(bind(target, element))
            if condition is None or values.truth(scope.visit(condition)):
                kept.append(scope.visit(body))
        return kept
