"""The values of Matlab's expressions, and what an assignment makes of a variable."""

from collections.abc import Callable
from typing import Any

import numpy as np
from lark import Token, Tree

from estim.dynare.matlab.errors import MatlabError
from estim.dynare.matlab.operators import BINARY, concatenate, span, true
from estim.dynare.matlab.values import (
    ALL,
    Cell,
    Handle,
    Unknown,
    kind,
    matrix,
    put,
    remove,
    shape,
    simple,
    take,
    text,
)


class Evaluator:
    """Expressions in a workspace of ``variables``; a name that is none of them is a function for ``call``."""

    variables: dict[str, Any]
    globals: dict[str, Any]
    declared: set[str]
    local: dict[str, Tree]
    steps: int
    call: Callable[..., list[Any]]
    has_function: Callable[[str], bool]

    def __init__(self):
        self._last: list[tuple[Any, int, int]] = []

    # --- assignments ---

    def set(self, name: str, value: Any) -> None:
        """Set a variable, for all functions where it is declared global."""
        self.variables[name] = value
        if name in self.declared:
            self.globals[name] = value

    def assign(self, target: Tree, value: Any) -> None:
        """``target = value``; None removes elements."""
        steps: list[tuple[str, Any]] = []
        while target.data != "name":
            if target.data not in ("call", "brace", "field", "dynamic_field"):
                raise MatlabError("a value is assigned to what is no variable")
            steps.append((target.data, target.children[-1]))
            target = target.children[0]
        name = str(target.children[0])
        old = self.variables.get(name)
        if isinstance(old, Unknown) and steps:
            old = self.lookup(name)
        self.set(name, self._changed(old, steps[::-1], value))

    def _changed(self, old: Any, steps: list[tuple[str, Any]], value: Any) -> Any:
        """The value with what lies along the steps replaced."""
        if not steps:
            return value
        (way, step), *rest = steps
        if way in ("field", "dynamic_field"):
            name = self._field(step)
            fields = {} if old is None or (isinstance(old, np.ndarray) and not old.size) else old
            if not isinstance(fields, dict):
                raise MatlabError(f"a {kind(old)} has no field '{name}'")
            return {**fields, name: self._changed(fields.get(name), rest, value)}
        indices = self._arguments(step, np.zeros((0, 0)) if old is None else old)
        if way == "brace":
            base = old if isinstance(old, Cell) else Cell(np.empty((0, 0), object))
            inside = rest and all(
                not isinstance(i, slice) and matrix(i).max() <= base.items.size for i in indices
            )
            inner = self._changed(take(base, indices).items.ravel()[0] if inside else None, rest, value)
            return put(base, indices, Cell.row([inner]) if isinstance(inner, Cell) else inner)
        if rest or isinstance(old, dict):
            if rest and (old is None or isinstance(old, dict)):
                return self._changed(take(old or {}, indices), rest, value)
            raise MatlabError("arrays of structs are not known here")
        if value is None:
            return remove(old, indices)
        if isinstance(value, dict | Handle):
            return value if old is None else put(old, indices, value)
        return put(
            Cell(np.empty((0, 0), object)) if isinstance(value, Cell) and old is None else old, indices, value
        )

    # --- expressions ---

    def value(self, node: Tree) -> Any:
        """The one value of an expression."""
        found = self._results(node, 1)
        if not found:
            raise MatlabError("a value was expected, but there is none")
        return found[0]

    def _results(self, node: Tree, count: int) -> list[Any]:
        """Up to `count` results of an expression; more than one only of a call or a list of cells."""
        self.steps += 1
        if node.data in ("name", "call", "brace", "handle"):
            return getattr(self, f"_get_{node.data}")(count, *node.children)
        return [getattr(self, f"_get_{node.data}")(*node.children)]

    def lookup(self, name: str) -> Any:
        """A variable, or None.

        Raises:
            MatlabError: its value is not known, and why.
        """
        found = self.variables.get(name)
        if isinstance(found, Unknown):
            raise MatlabError(found.reason)
        return found

    def _get_name(self, count: int, name: Token) -> list[Any]:
        found = self.lookup(str(name))
        return self.call(str(name), [], count) if found is None else [found]

    def _get_call(self, count: int, function: Tree, arguments: Tree | None = None) -> list[Any]:
        if (name := self._callee(function)) is not None:
            return self.call(name, self._arguments(arguments, None), count)
        found = self.value(function)
        values = self._arguments(arguments, found)
        if isinstance(found, Handle):
            return found.call(values, count)
        return [take(found, values)]

    def _callee(self, node: Tree) -> str | None:
        """The function that is called, if it is one: ``name``, or ``room.name`` of a folder ``+room``."""
        words: list[str] = []
        while node.data == "field":
            words, node = [str(node.children[1]), *words], node.children[0]
        if node.data != "name" or self.lookup(str(node.children[0])) is not None:
            return None
        name = ".".join([str(node.children[0]), *words])
        return name if not words or self.has_function(name) else None

    def _get_brace(self, count: int, target: Tree, arguments: Tree) -> list[Any]:
        found = self.value(target)
        if not isinstance(found, Cell):
            raise MatlabError(f"a {kind(found)} is no cell")
        return list(take(Cell(found.items), self._arguments(arguments, found)))

    def _get_handle(self, count: int, name: Token) -> list[Any]:
        return [Handle(str(name), lambda values, results: self.call(str(name), values, results))]

    def _get_anonymous(self, parameters: Tree, body: Tree) -> Handle:
        names, around, local = [str(n) for n in parameters.children], dict(self.variables), self.local

        def call(values: list[Any], results: int) -> list[Any]:
            kept = self.variables, self.local
            self.variables, self.local = around | dict(zip(names, values, strict=False)), local
            try:
                return self._results(body, max(results, 1))
            finally:
                self.variables, self.local = kept

        return Handle("@", call)

    def _arguments(self, arguments: Tree | None, container: Any) -> list[Any]:
        values: list[Any] = []
        nodes = arguments.children if arguments is not None else []
        for i, node in enumerate(nodes):
            if node.data == "everything":
                values.append(ALL)
                continue
            if container is not None:
                self._last.append((container, i, len(nodes)))
            try:
                values += self._results(node, 1)
            finally:
                if container is not None:
                    self._last.pop()
        return values

    def _get_last(self, *_: Any) -> Any:
        if not self._last:
            raise MatlabError("'end' stands outside of an index")
        container, place, count = self._last[-1]
        rows, columns = shape(container)
        return matrix(float(rows * columns if count == 1 else (rows, columns)[place]))

    def _get_number(self, token: Token) -> Any:
        if token[-1] in "ij":
            return matrix(complex(0.0, float(token[:-1])))
        return matrix(float(token.lower().replace("d", "e")))

    def _get_string(self, token: Token) -> str:
        return str(token)

    def _get_group(self, inner: Tree) -> Any:
        return self.value(inner)

    def _get_field(self, target: Tree, *step: Any) -> Any:
        """``x.name`` or ``x.(text)``."""
        found, name = self.value(target), self._field(step[-1])
        if isinstance(found, dict) and name in found:
            return found[name]
        raise MatlabError(f"there is no field '{name}' known here")

    _get_dynamic_field = _get_field

    def _field(self, step: Any) -> str:
        return text(self.value(step)) if isinstance(step, Tree) else str(step)

    def _get_transpose(self, target: Tree, operator: Token) -> Any:
        found = self.value(target)
        if isinstance(found, Cell):
            return Cell(found.items.T)
        return matrix(found).T if operator == ".'" else matrix(found).conj().T

    def _get_unary(self, operator: Token, operand: Tree) -> Any:
        value = matrix(self.value(operand))
        if operator in "~!":
            return value == 0
        value = value.astype(float) if value.dtype == bool else value
        return -value if operator == "-" else value

    def _get_binary(self, left: Tree, operator: Token, right: Tree) -> Any:
        return simple(BINARY[str(operator)](matrix(self.value(left)), matrix(self.value(right))))

    def _get_either(self, left: Tree, _: Token, right: Tree) -> Any:
        return matrix(true(self.value(left)) or true(self.value(right)))

    def _get_both(self, left: Tree, _: Token, right: Tree) -> Any:
        return matrix(true(self.value(left)) and true(self.value(right)))

    def _get_range(self, *ends: Tree) -> Any:
        return span(*(self.value(e) for e in ends))

    def _get_matrix(self, rows: Tree | None = None) -> Any:
        return concatenate([self._row(row) for row in rows.children] if rows is not None else [])

    def _get_cell(self, rows: Tree | None = None) -> Any:
        listed = [self._row(row) for row in rows.children] if rows is not None else []
        return Cell(
            np.vstack([Cell.row(row).items for row in listed]) if listed else np.empty((0, 0), object)
        )

    def _row(self, row: Tree) -> list[Any]:
        return [value for node in row.children for value in self._results(node, 1)]
