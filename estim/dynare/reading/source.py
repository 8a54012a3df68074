"""Where a character of a `.mod` file comes from, and the errors and warnings that point at it.

The macro processor expands a file into one text whose lines come from several files; a
position in that text is an offset, and `Source.locate` turns it into file, line and column.
"""

import warnings
from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple


class Line(NamedTuple):
    """One line of the expanded text and where it was written (``number`` counts from 1)."""

    text: str
    path: str
    number: int


class Location(NamedTuple):
    """A place in a file; ``line`` and ``column`` count from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class ModFileError(ValueError):
    """A `.mod` file could not be read; the message gives file, line, column and the line itself."""

    def __init__(self, message: str, location: Location | None = None, line: str = ""):
        self.message, self.location = message, location
        super().__init__(f"{location}: {message}{_pointer(location, line)}" if location else message)


class UnsupportedError(ModFileError):
    """The file asks for something that estim does not do; the message names it."""


class Halted(ModFileError):
    """Code that sets the model cannot be run: what stands above it is still good."""


class ModFileWarning(UserWarning):
    """Part of a `.mod` file was skipped; the message quotes it."""


def warn(message: str, location: Location) -> None:
    """A `ModFileWarning` that Python shows as one of the file, with the line itself."""
    warnings.warn_explicit(f"{location}: {message}", ModFileWarning, location.path, location.line)


class Source:
    """An expanded `.mod` file: its text, and the origin of every line of it."""

    def __init__(self, lines: list[Line]):
        self.lines = lines
        self.text = "".join(line.text + "\n" for line in lines)
        self._starts = [0, *accumulate(len(line.text) + 1 for line in lines)]

    def locate(self, offset: int) -> Location:
        line = self._line(offset)
        return Location(line.path, line.number, offset - self._starts[self._index(offset)] + 1)

    def error(self, message: str, offset: int, kind: type[ModFileError] = ModFileError) -> ModFileError:
        return kind(message, self.locate(offset), self._line(offset).text)

    def unsupported(self, what: str, offset: int) -> UnsupportedError:
        message = f"{what} is not supported by estim"
        return UnsupportedError(message, self.locate(offset), self._line(offset).text)

    def _index(self, offset: int) -> int:
        return min(bisect_right(self._starts, offset) - 1, len(self.lines) - 1)

    def _line(self, offset: int) -> Line:
        return self.lines[self._index(offset)] if self.lines else Line("", "", 1)


def _pointer(location: Location, line: str) -> str:
    """The line itself with a caret below the column, cut to a window of a long line."""
    if not line.strip():
        return ""
    start = max(0, location.column - 60)
    shown = line[start : start + 100].replace("\t", " ")
    return f"\n    {shown}\n    {' ' * (location.column - 1 - start)}^"
