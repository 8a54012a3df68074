"""Dynare's macro processor: `@#` directives and `@{...}`, from files to one expanded text.

Reference manual, "Macro processing language". The result keeps the origin of every line.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lark import Tree
from lark.exceptions import UnexpectedInput

from estim.dynare.macro import values
from estim.dynare.macro.expressions import Budget, Function, bind, evaluate, macro_grammar
from estim.dynare.macro.values import MacroError
from estim.dynare.reading.source import Line, Location, ModFileError, Source, warn

MAX_LINES = 200_000
MAX_CHARACTERS = 20_000_000
MAX_DEPTH = 50

_DIRECTIVE = re.compile(r"^\s*@#\s*([a-z]+)\b(.*)$", re.DOTALL)
_OPENING = {"if", "ifdef", "ifndef", "for"}
_CLOSING = {"endif": {"if", "ifdef", "ifndef"}, "endfor": {"for"}}


def expand(path: Path, defines: dict[str, Any] | None = None) -> Source:
    """The file at `path` with its macros expanded.

    Args:
        path: the `.mod` file; `@#include` looks beside the including file first.
        defines: macro variables set from outside (Dynare's option `-D`).

    Raises:
        ModFileError: a missing file, a directive or a macro expression that is wrong.
    """
    return Source(_Processor(dict(defines or {}), [path.parent]).file(path))


class _Processor:
    """The macro variables so far, and the folders that `@#include` searches."""

    def __init__(self, variables: dict[str, Any], folders: list[Path]):
        self.variables, self.folders = variables, folders
        self.depth = self.nested = self.written = self.characters = 0
        self.budget = Budget()

    def file(self, path: Path) -> list[Line]:
        try:
            text = path.read_bytes().decode("utf-8", errors="replace")
        except OSError as error:
            raise ModFileError(f"{path}: {error.strerror or error}") from None
        lines = [Line(t, str(path), i) for i, t in enumerate(re.split(r"\r\n|\r|\n", text), 1)]
        return list(self.run(_join_continued(lines)))

    def run(self, lines: list[Line]) -> Iterator[Line]:
        position = 0
        while position < len(lines):
            line = lines[position]
            directive = _directive(line)
            if directive is None:
                yield self.write(self.substitute(line))
                position += 1
            elif directive[0] in _OPENING:
                end, parts = _matching(lines, position)
                yield from self.branch(parts) if directive[0] != "for" else self.loop(parts)
                position = end + 1
            else:
                yield from self.command(line, *directive)
                position += 1

    def write(self, line: Line) -> Line:
        self.written += 1
        self.characters += len(line.text)
        if self.written > MAX_LINES:
            raise _error(line, f"the macros expand to more than {MAX_LINES} lines")
        if self.characters > MAX_CHARACTERS:
            raise _error(line, f"the macros expand to more than {MAX_CHARACTERS} characters")
        return line

    def substitute(self, line: Line) -> Line:
        """Replace each ``@{expression}``, except after ``//``."""
        if "@{" not in line.text:
            return line

        def value(match: re.Match) -> str:
            return values.show(self.evaluate(match[1], line, match.start() + 2))

        code, slashes, comment = line.text.partition("//")
        code = re.sub(r"@\{((?:[^}\"]|\"[^\"]*\")*)\}", value, code)
        if "@{" in code:
            raise _error(line, "'@{' is not closed by '}'", line.text.index("@{"))
        return line._replace(text=code + slashes + comment)

    def branch(self, parts: list[tuple[Line, list[Line]]]) -> Iterator[Line]:
        """``@#if`` to ``@#endif``: the body of the first condition that holds."""
        for line, body in parts:
            if self.holds(line):
                yield from self.within(line, body)
                return

    def within(self, line: Line, body: list[Line]) -> Iterator[Line]:
        """The lines of a block, which may hold others."""
        if self.nested == MAX_DEPTH:
            raise _error(line, f"blocks of macros are nested more than {MAX_DEPTH} deep")
        self.nested += 1
        yield from self.run(body)
        self.nested -= 1

    def holds(self, line: Line) -> bool:
        word, argument = _directive(line) or ("", "")
        if word == "else":
            return True
        if word in ("ifdef", "ifndef"):
            return (argument.split("//")[0].strip() in self.variables) == (word == "ifdef")
        try:
            return values.truth(self.evaluate(argument, line))
        except MacroError as error:
            raise _error(line, str(error)) from None

    def loop(self, parts: list[tuple[Line, list[Line]]]) -> Iterator[Line]:
        """``@#for x in array [when condition]`` to ``@#endfor``; x keeps its last value."""
        (line, body), *_ = parts
        target, array, condition = self.parse("loop", (_directive(line) or ("", ""))[1], line).children
        try:
            elements = evaluate(array, self.variables, self.budget)
            if not isinstance(elements, list):
                raise MacroError(f"'@#for' runs over an array, not over a {values.kind(elements)}")
            for element in elements:
                self.budget.spend()
                self.variables |= bind(target, element)
                if condition is None or values.truth(evaluate(condition, self.variables, self.budget)):
                    self.write(line)  # an empty body must not loop for ever unnoticed
                    yield from self.within(line, body)
        except MacroError as error:
            raise _error(line, str(error)) from None

    def command(self, line: Line, word: str, argument: str) -> Iterator[Line]:
        match word:
            case "define":
                self.define(line, argument)
            case "include":
                yield from self.include(line, self.text(word, argument, line))
            case "includepath":
                self.folders.append(Path(self.text(word, argument, line)))
            case "echo":
                warn(f"@#echo: {self.text(word, argument, line)}", Location(line.path, line.number, 1))
            case "error":
                raise _error(line, f"@#error: {self.text(word, argument, line)}")
            case "echomacrovars":
                pass
            case "else" | "elseif" | "endif" | "endfor":
                raise _error(
                    line, f"'@#{word}' without the '@#{'for' if word == 'endfor' else 'if'}' it belongs to"
                )
            case _:
                raise _error(line, f"unknown macro directive '@#{word}'")

    def define(self, line: Line, argument: str) -> None:
        name, parameters, body = self.parse("define", argument, line).children
        if parameters is not None:
            if body is None:
                raise _error(line, f"the macro function {name} has no body")
            self.variables[str(name)] = Function(tuple(map(str, parameters.children)), body)
            return
        try:
            self.variables[str(name)] = 1.0 if body is None else evaluate(body, self.variables, self.budget)
        except MacroError as error:
            raise _error(line, str(error)) from None

    def include(self, line: Line, name: str) -> list[Line]:
        """The lines of another file, looked for beside this one, then along the include path."""
        beside = Path(line.path).parent
        folders = [beside, *self.folders, *(beside / f for f in self.folders)]
        names = [name] if Path(name).suffix else [name, f"{name}.mod"]
        found = next((f / n for f in folders for n in names if (f / n).is_file()), None)
        if found is None:
            raise _error(line, f"@#include: there is no file {name}")
        if self.depth == MAX_DEPTH:
            raise _error(line, f"@#include: files include one another more than {MAX_DEPTH} deep")
        self.depth += 1
        lines = self.file(found)
        self.depth -= 1
        return lines

    def text(self, word: str, argument: str, line: Line) -> str:
        value = self.evaluate(argument, line)
        if not isinstance(value, str):
            raise _error(
                line, f"'@#{word}' needs a string, not the {values.kind(value)} {values.show(value)}"
            )
        return value

    def evaluate(self, text: str, line: Line, offset: int | None = None) -> Any:
        try:
            return evaluate(self.parse("expression", text, line), self.variables, self.budget)
        except MacroError as error:
            raise _error(line, str(error), offset) from None

    def parse(self, start: str, text: str, line: Line) -> Tree:
        try:
            return macro_grammar().parse(text, start=start)
        except UnexpectedInput as error:
            place = max(error.pos_in_stream or 0, 0)
            quoted = text[place : place + 20].split("\n")[0].strip()
            near = f"near '{quoted}'" if quoted else "it ends too soon"
            offset = line.text.find(text.split("\n")[0]) + place
            raise _error(line, f"this is not a macro expression: {near}", offset) from None


def _directive(line: Line) -> tuple[str, str] | None:
    match = _DIRECTIVE.match(line.text)
    if match:
        return match[1], match[2]
    if line.text.lstrip().startswith("@#"):
        raise _error(line, "'@#' is not followed by the name of a directive")
    return None


def _matching(lines: list[Line], start: int) -> tuple[int, list[tuple[Line, list[Line]]]]:
    """Index of the line that closes the directive at `start`, and its (head, body) parts."""
    stack, head, body_start = [start], lines[start], start + 1
    parts: list[tuple[Line, list[Line]]] = []
    for i in range(start + 1, len(lines)):
        word, _ = _directive(lines[i]) or ("", "")
        if word in _OPENING:
            stack.append(i)
        elif word in _CLOSING:
            opened = lines[stack.pop()]
            if (_directive(opened) or ("",))[0] not in _CLOSING[word]:
                raise _error(
                    lines[i], f"'@#{word}' does not close line {opened.number}: {opened.text.strip()}"
                )
            if not stack:
                return i, [*parts, (head, lines[body_start:i])]
        elif (
            word in ("else", "elseif") and len(stack) == 1 and (_directive(lines[start]) or ("",))[0] != "for"
        ):
            parts.append((head, lines[body_start:i]))
            head, body_start = lines[i], i + 1
    opened = lines[stack[-1]]
    word = (_directive(opened) or ("",))[0]
    raise _error(opened, f"'@#{word}' is not closed by '@#{'endfor' if word == 'for' else 'endif'}'")


def _join_continued(lines: list[Line]) -> list[Line]:
    r"""A directive that ends in ``\\`` goes on in the next line."""
    joined: list[Line] = []
    more = False
    for line in lines:
        text = line.text.rstrip()
        continues, more = more, text.endswith("\\\\") and (more or text.lstrip().startswith("@#"))
        text = text[:-2] if more else line.text
        if continues:
            joined[-1] = joined[-1]._replace(text=f"{joined[-1].text} {text}")
        else:
            joined.append(line._replace(text=text))
    return joined


def _error(line: Line, message: str, offset: int | None = None) -> ModFileError:
    column = len(line.text) - len(line.text.lstrip()) if offset is None else offset
    return ModFileError(message, Location(line.path, line.number, column + 1), line.text)
