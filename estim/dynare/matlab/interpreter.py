"""Running Matlab code on values of its own: no files but those of one folder, no shell, a bound on steps."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from lark import Token, Tree

from estim.dynare.matlab.errors import MatlabError
from estim.dynare.matlab.evaluation import Evaluator
from estim.dynare.matlab.lexer import parse
from estim.dynare.matlab.operators import BINARY, true
from estim.dynare.matlab.values import Cell, matrix

MAX_STEPS = 3_000_000
"""Statements, operations and calls of all code of a file."""

MAX_CALLS = 100
"""Functions may not call one another deeper."""

type Builtin = Callable[["Interpreter", list[Any], int], Any]
"""``(interpreter, arguments, number of results) -> a result, or a list of them``; those not asked for are left out."""


def told(function: Callable[[Any], Any]) -> Builtin:
    """What a function says of its one argument."""
    return lambda m, arguments, _: matrix(function(arguments[0]))


class _Leave(Exception):
    """``break``, ``continue`` or ``return``."""

    def __init__(self, word: str):
        self.word = word


class Interpreter(Evaluator):
    """A workspace and what runs in it.

    Attributes:
        variables: the workspace, by name.
        functions: what is known beside the functions of the folder.
        folder: where functions, scripts and saved values are looked for; None for nowhere.
        printed: what the code wrote.
        scripts: how many files and texts that are run stand around the statement.
        other: runs a statement of another language, its text and its place in the program's.
        give_up: what becomes of a statement outside of functions that fails; where None, it raises.
    """

    def __init__(self, functions: dict[str, Builtin], folder: Path | None = None):
        super().__init__()
        self.variables: dict[str, Any] = {}
        self.globals: dict[str, Any] = {}
        self.functions, self.folder = functions, folder
        self.printed: list[str] = []
        self.declared: set[str] = set()
        self.other: Callable[[str, int], None] | None = None
        self.give_up: Callable[[Tree, MatlabError], None] | None = None
        self._files: dict[str, Tree | None] = {}
        self.local: dict[str, Tree] = {}
        self.steps = self._depth = self.scripts = 0

    # --- programs, functions, files ---

    def run(self, program: Tree) -> bool:
        """Run the statements of a program, which may define functions for itself; whether ``return`` ended it."""
        self.local |= _functions(program)
        for statement in program.children:
            if isinstance(statement, Tree) and statement.data != "function":
                try:
                    self.execute(statement)
                except _Leave as leave:
                    if leave.word == "return":
                        return True
                    raise MatlabError(f"'{leave.word}' stands outside of a loop") from None
        return False

    def call(self, name: str, arguments: list[Any], results: int = 1) -> list[Any]:
        """Call a function by its name.

        Raises:
            MatlabError: there is none, or it fails.
        """
        if name in self.local:
            return self.call_written(self.local[name], arguments, results)
        if program := self._file(name):
            return self._call_file(name, program, arguments, results)
        if name not in self.functions:
            raise MatlabError(f"'{name}' is no function or variable known here")
        found = self.functions[name](self, arguments, results)
        return found[: max(results, 1)] if isinstance(found, list) else [] if found is None else [found]

    def has_function(self, name: str) -> bool:
        return name in self.local or name in self.functions or self._file(name) is not None

    def _file(self, name: str) -> Tree | None:
        """The program in ``NAME.m``; that of ``room.NAME`` is in the folder ``+room``."""
        if name not in self._files:
            *rooms, last = name.split(".")
            path = self.folder.joinpath(*(f"+{room}" for room in rooms), f"{last}.m") if self.folder else None
            known = path is not None and path.is_file()
            text = path.read_text(encoding="utf-8", errors="replace") if path and known else None
            self._files[name] = None if text is None else parse(text)
        return self._files[name]

    def _call_file(self, name: str, program: Tree, arguments: list[Any], results: int) -> list[Any]:
        if not (functions := _functions(program)):
            self.run_script(program)
            return []
        kept, self.local = self.local, functions
        try:
            return self.call_written(next(iter(functions.values())), arguments, results)
        except MatlabError as error:
            raise MatlabError(f"{name}.m, line {error.line}: {error.message}") from None
        finally:
            self.local = kept

    def run_script(self, program: Tree) -> None:
        """Run what stands in a file or a text of its own."""
        self.scripts += 1
        try:
            self.run(program)
        finally:
            self.scripts -= 1

    def call_written(self, function: Tree, arguments: list[Any], results: int) -> list[Any]:
        """Call a function that is written in Matlab."""
        parts = {c.data: c for c in function.children if isinstance(c, Tree)}
        outputs = [str(n) for n in parts["outputs"].children if _is_name(n)] if "outputs" in parts else []
        names = [str(n) for n in parts["parameters"].children] if "parameters" in parts else []
        own: dict[str, Any] = dict(zip(names, arguments, strict=False))
        if names and names[-1] == "varargin":
            own["varargin"] = Cell.row(arguments[len(names) - 1 :])
        elif len(arguments) > len(names):
            raise MatlabError(f"'{_name(function)}' has too many arguments")
        own |= {"nargin": matrix(float(len(arguments))), "nargout": matrix(float(results))}
        if self._depth == MAX_CALLS:
            raise MatlabError(f"functions call one another more than {MAX_CALLS} deep")
        kept = self.variables, self.declared
        self.variables, self.declared = own, set()
        self._depth += 1
        try:
            self.execute(parts["block"])
        except _Leave as leave:
            if leave.word != "return":
                raise MatlabError(f"'{leave.word}' stands outside of a loop") from None
        finally:
            self._keep_globals()
            found, self._depth = self.variables, self._depth - 1
            self.variables, self.declared = kept
        return [found[n] for n in outputs[: max(results, 1)] if n in found]

    def _keep_globals(self) -> None:
        for name in self.declared & set(self.variables):
            self.globals[name] = self.variables[name]

    # --- statements ---

    def execute(self, node: Tree) -> None:
        """Run one statement or block; what is wrong has the line of the innermost statement."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise MatlabError(f"the code takes more than {MAX_STEPS} steps", _line(node))
        try:
            with np.errstate(all="ignore"):
                getattr(self, f"_do_{node.data}")(*[c for c in node.children if not _keyword(c)])
        except MatlabError as error:
            self._failed(node, error)
        except RecursionError:
            raise MatlabError("an expression is nested too deeply", _line(node)) from None
        except (ValueError, TypeError, ArithmeticError, IndexError, KeyError, AttributeError) as error:
            if type(error).__module__.startswith("estim"):
                raise  # of the language around
            self._failed(node, MatlabError(f"{type(error).__name__}: {error}"))

    def _failed(self, node: Tree, error: MatlabError) -> None:
        if self.give_up is None or self._depth or self.steps > MAX_STEPS:
            error.line = error.line or _line(node)
            raise error
        error.line = _line(node)
        self.give_up(node, error)

    def _do_block(self, *statements: Tree) -> None:
        for statement in statements:
            self.execute(statement)

    def _do_evaluate(self, expression: Tree) -> None:
        found = self._results(expression, 0)
        if found:
            self.variables["ans"] = found[0]

    def _do_assign(self, target: Tree, expression: Tree) -> None:
        value = self.value(expression)
        if expression.data == "matrix" and not expression.children and target.data == "call":
            self.assign(target, None)
        else:
            self.assign(target, value)

    def _do_update(self, target: Tree, operator: Token, expression: Tree) -> None:
        self.assign(target, BINARY[operator[0]](self.value(target), self.value(expression)))

    def _do_assign_several(self, *parts: Any) -> None:
        *targets, expression = [p for p in parts if isinstance(p, Tree)]
        values = self._results(expression, len(targets))
        if len(values) < sum(t.data != "ignored" for t in targets):
            raise MatlabError("a function gives fewer results than are asked for")
        for target, value in zip(targets, values, strict=False):
            if target.data != "ignored":
                self.assign(target, value)

    def _do_command(self, words: Token) -> None:
        name, *rest = words.replace("'", " ").split()
        if name in self.variables:
            raise MatlabError(f"'{words}' is neither a command nor an operation")
        self.call(name, list(rest), 0)

    def _do_dynare(self, statement: Token) -> None:
        if self.other is None:
            raise MatlabError("a statement of Dynare's stands within a function")
        self.other(str(statement), statement.start_pos or 0)

    def _do_globals(self, *names: Token) -> None:
        for name in map(str, names):
            self.declared.add(name)
            if name not in self.variables:
                known = self.globals.get(name)
                self.variables[name] = np.zeros((0, 0)) if known is None else known

    def _do_break_(self) -> None:
        raise _Leave("break")

    def _do_continue_(self) -> None:
        raise _Leave("continue")

    def _do_return_(self) -> None:
        raise _Leave("return")

    def _do_if_(self, *parts: Tree) -> None:
        for part in parts:
            if part.data == "block" or true(self.value(part.children[0])):
                return self.execute(part if part.data == "block" else part.children[1])

    def _do_while_(self, branch: Tree) -> None:
        condition, body = branch.children
        while true(self.value(condition)):
            if not self._once(body):
                return

    def _do_for_(self, name: Token, values: Tree, body: Tree) -> None:
        array = self.value(values)
        items = array.items if isinstance(array, Cell) else matrix(array)
        for column in items.T if items.size else []:
            value = column.reshape(-1, 1)
            self.set(str(name), Cell(value) if isinstance(array, Cell) else value)
            if not self._once(body):
                return

    def _once(self, body: Tree) -> bool:
        """One pass of a loop; False where it ends the loop."""
        try:
            self.execute(body)
        except _Leave as leave:
            if leave.word == "return":
                raise
            return leave.word == "continue"
        return True

    def _do_switch(self, expression: Tree, *parts: Tree) -> None:
        value = self.value(expression)
        for part in parts:
            if part.data == "block":
                return self.execute(part)
            label, body = part.children[-1].children
            found = self.value(label)
            if any(_same(value, option) for option in (found if isinstance(found, Cell) else [found])):
                return self.execute(body)

    def _do_try_(self, body: Tree, *handler: Any) -> None:
        kept, self.give_up = self.give_up, None
        try:
            self.execute(body)
        except MatlabError as error:
            self.give_up = kept
            if handler and isinstance(handler[0], Token):
                self.variables[str(handler[0])] = {"message": error.message, "identifier": "", "stack": {}}
            if handler:
                self.execute(handler[-1])
        finally:
            self.give_up = kept


def _same(value: Any, option: Any) -> bool:
    """Does a case of ``switch`` hold?"""
    if isinstance(value, str) or isinstance(option, str):
        return isinstance(value, str) and isinstance(option, str) and value == option
    return bool(matrix(value).size and (matrix(value) == matrix(option)).all())


def _keyword(child: Any) -> bool:
    return isinstance(child, Token) and child.type not in ("NAME", "UPDATE", "COMMAND", "DYNARE")


def _is_name(child: Any) -> bool:
    return isinstance(child, Token) and child.type == "NAME"


def _functions(program: Tree) -> dict[str, Tree]:
    """Those that a program defines, by name."""
    found = (f for f in program.children if isinstance(f, Tree) and f.data == "function")
    return {str(_name(f)): f for f in found}


def _name(function: Tree) -> str:
    return next(c for c in function.children if isinstance(c, Token) and c.type == "NAME")


def _line(node: Tree) -> int | None:
    return getattr(node.meta, "line", None)
