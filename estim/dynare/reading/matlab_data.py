"""Series in Matlab's files: scripts that write vectors down, and saved variables.

A script is a program. What is read here are vectors of numbers, and statements that leave them alone; all else is
refused by its line, for what it does to the data would be missed.
"""

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from estim.data.datasets import DataError
from estim.dynare.matlab.errors import MatlabError
from estim.dynare.matlab.functions import FUNCTIONS
from estim.dynare.matlab.interpreter import Interpreter
from estim.dynare.matlab.lexer import parse
from estim.dynare.matlab.values import matrix, text

_NAME = r"[A-Za-z_]\w*"
_VECTOR = re.compile(rf"({_NAME})\s*=\s*\[([^\[\]]*)\]\s*('|\.')?")
_SCALAR = re.compile(rf"({_NAME})\s*=\s*([-+]?[\d.][\w.+-]*|[-+]?(?:NaN|nan|Inf|inf))")
_TEXT = re.compile(rf"({_NAME})\s*=\s*(?:'[^'\n]*'|\"[^\"\n]*\"|\{{[^{{}}]*\}})\s*'?")
_CLEAR = re.compile(r"clear(?:vars)?\b(?P<names>[\w \t]*)")
_IDLE = re.compile(
    r"(?:close|clc|format|more|warning|disp|fprintf|who|whos|figure|plot|save|hold|legend|title"
    r"|grid|xlabel|ylabel|set|print|tic|toc|pause|drawnow)\b[^=]*"
)
_STRING = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_BLANK = re.compile(r"(?:[\s;,]|\.\.\.[^\n]*\n)+")
_COMMENT = re.compile(
    r"^[ \t]*%\{[ \t]*$.*?^[ \t]*%\}[ \t]*$|(?<![\w)\]}.'])'[^'\n]*'|\"[^\"\n]*\"|[%#][^\n]*",
    re.DOTALL | re.MULTILINE,
)
_ENDED = re.compile(r"[ \t]*(?:[;,\n]|\Z)")
_NUMBER = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?|NaN|nan|NA|Inf|inf)")

_STATEMENTS = (_VECTOR, _SCALAR, _TEXT, _CLEAR)

_LOAD = """
import io, sys
import numpy as np
from scipy.io import loadmat
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
except (ImportError, ValueError, OSError):
    pass
try:
    found = loadmat(sys.argv[1])
except Exception as error:
    sys.exit(f"{error}"[:300])
found = {k: np.asarray(v) for k, v in found.items() if not k.startswith("__") and np.asarray(v).dtype.kind in "biufc"}
if sum(v.nbytes for v in found.values()) > 1 << 28:
    sys.exit("more than 256 MiB of numbers")
kept = io.BytesIO()
np.savez(kept, **{f"v_{k}": v for k, v in found.items()})
sys.stdout.buffer.write(kept.getvalue())
"""
_SECONDS = 120


def saved_vectors(path: Path) -> dict[str, np.ndarray]:
    """The numeric variables of a `.mat` file.

    It is read in a process of its own: what is wrong in such a file can end the process that reads it.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-c", _LOAD, str(path.resolve())],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"{path.name} cannot be read within {_SECONDS} seconds") from None
    if child.returncode:
        words = child.stderr.decode(errors="replace").strip().splitlines()
        reason = words[-1] if child.returncode == 1 and words else "the file is broken"
        raise DataError(f"{path.name} cannot be read ({reason}): in Matlab, save it with '-v7'")
    with np.load(io.BytesIO(child.stdout), allow_pickle=False) as found:
        return {name.removeprefix("v_"): found[name] for name in found.files}


def script_vectors(path: Path) -> dict[str, np.ndarray]:
    """The vectors and matrices that a script writes down, or computes.

    Raises:
        DataError: a statement that cannot be run, by its line.
    """
    try:
        return written_vectors(path)
    except DataError as error:
        m = Interpreter({**FUNCTIONS, "load": _load}, path.parent)
        try:
            m.run_script(parse(path.read_text(encoding="utf-8-sig", errors="replace") + "\n"))
        except MatlabError as failed:
            raise DataError(f"{error} ({failed.message}, line {failed.line})") from None
        return {k: v for k, v in m.variables.items() if isinstance(v, np.ndarray) and v.dtype.kind in "bf"}


def _load(m: Interpreter, arguments: list[Any], results: int) -> Any:
    found = {k: matrix(v) for k, v in loaded(m.folder, text(arguments[0])).items()}
    return [found] if results else m.variables.update(found)


def written_vectors(path: Path) -> dict[str, np.ndarray]:
    """The vectors and matrices of numbers that a script writes down.

    Raises:
        DataError: a statement that does something else, by its line.
    """
    text = _without_comments(path.read_text(encoding="utf-8-sig", errors="replace"))
    found: dict[str, np.ndarray] = {}
    position = 0
    while position < len(text):
        if blank := _BLANK.match(text, position):
            position = blank.end()
            continue
        line_end = text.find("\n", position) % (len(text) + 1)
        if _IDLE.fullmatch(_STRING.sub("''", text[position:line_end])):
            position = line_end
            continue
        statement = next((m for p in _STATEMENTS if (m := _whole(p, text, position))), None)
        if statement is None:
            line = text.count("\n", 0, position) + 1
            shown = " ".join(text[position:].split("\n")[0].split())[:60]
            raise DataError(
                f"{path.name}, line {line}: '{shown}' is no vector of numbers, and what else a script does to the "
                "data cannot be followed: save the series as they should be, in a CSV file"
            )
        if statement.re is _VECTOR:
            found[statement[1]] = _matrix(
                statement, f"{path.name}, line {text.count(chr(10), 0, position) + 1}"
            )
        elif statement.re is _CLEAR:
            names = set(statement["names"].split())
            found = {k: v for k, v in found.items() if k not in names} if names - {"all"} else {}
        else:
            found.pop(statement[1], None)
        position = statement.end()
    return found


def _whole(pattern: re.Pattern, text: str, position: int) -> re.Match | None:
    """A match that is followed by the end of its statement."""
    match = pattern.match(text, position)
    return match if match and _ENDED.match(text, match.end()) else None


def _matrix(statement: re.Match, where: str) -> np.ndarray:
    """``[n_rows, n_columns]``: rows end with a semicolon or with their line."""
    body = re.sub(r"\.\.\.[^\n]*\n", " ", statement[2])
    rows = [re.split(r"[\s,]+", row.strip(" \t,")) for row in re.split(r"[;\n]", body) if row.strip(" \t,\r")]
    for word in (word for row in rows for word in row):
        if not _NUMBER.fullmatch(word):
            raise DataError(f"{where}: '{word}' in '{statement[1]}' is not a number")
    if len({len(row) for row in rows}) > 1:
        raise DataError(f"{where}: the rows of '{statement[1]}' differ in length")
    to_float = lambda word: np.nan if word == "NA" else float(word.lower().replace("d", "e"))
    matrix = np.array([[to_float(word) for word in row] for row in rows]).reshape(len(rows), -1)
    return matrix.T if statement[3] else matrix


def _without_comments(text: str) -> str:
    """Comments blanked out, lines kept."""
    text = re.sub(r"\r\n?", "\n", text)
    keep = lambda m: m[0] if m[0][0] in "'\"" else re.sub(r"[^\n]", " ", m[0])
    return _COMMENT.sub(keep, text)


def loaded(folder: Path | None, name: str) -> dict[str, np.ndarray]:
    """What ``load NAME`` gives of a file in `folder`: the variables of a ``.mat`` file, or the matrix of numbers in a text.

    Raises:
        MatlabError: there is no such file, or it cannot be read.
    """
    if folder is None or Path(name).name != name:
        raise MatlabError(f"'{name}' is no file beside the model")
    path = next((p for p in (folder / name, folder / f"{name}.mat") if p.is_file()), None)
    if path is None:
        raise MatlabError(f"there is no file '{name}'")
    try:
        if path.suffix == ".mat":
            return saved_vectors(path)
        return {path.stem: np.genfromtxt(path, delimiter="," if path.suffix == ".csv" else None, ndmin=2)}
    except (DataError, ValueError) as error:
        raise MatlabError(f"'{name}' cannot be read: {error}") from None
