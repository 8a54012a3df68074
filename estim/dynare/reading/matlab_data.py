"""Series in Matlab's files: scripts, which are run, and saved variables."""

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
from estim.dynare.matlab.interpreter import Interpreter
from estim.dynare.matlab.lexer import parse
from estim.dynare.matlab.values import matrix, text
from estim.dynare.matlab_functions.table import FUNCTIONS
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.syntax import Number, Statement

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
def flat(name, value, depth):
    value = np.asarray(value)
    if value.dtype.kind in "biufcU":
        yield name, value
    elif depth and value.dtype.names and value.size == 1:
        for field in value.dtype.names:
            yield from flat(f"{name}.{field}", value.flat[0][field], depth - 1)
    elif depth and value.dtype.kind == "O":
        for k, entry in enumerate(value.flat, 1):
            yield from flat(f"{name}.{k}", entry, depth - 1)
depth = int(sys.argv[2])
found = dict(x for k, v in found.items() if not k.startswith("__") for x in flat(k, v, depth))
found = {k: v for k, v in found.items() if depth or v.dtype.kind != "U"}
if sum(v.nbytes for v in found.values()) > 1 << 28:
    sys.exit("more than 256 MiB of numbers")
kept = io.BytesIO()
np.savez(kept, **{f"v_{k}": v for k, v in found.items()})
sys.stdout.buffer.write(kept.getvalue())
"""
_SECONDS = 120


def saved_vectors(path: Path) -> dict[str, np.ndarray]:
    """The numeric variables of a `.mat` file; raises as `saved_tree`."""
    return saved_tree(path, 0)


def saved_tree(path: Path, depth: int) -> dict[str, np.ndarray]:
    """The numbers and words of a `.mat` file, those in structs and cells too: ``oo_.dr.ghx``, ``M_.endo_names.1``.

    Args:
        path: the file.
        depth: how far into structs and cells; 0 for the numeric variables alone.

    It is read in a process of its own: what is wrong in such a file can end the process that reads it.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-c", _LOAD, str(path.resolve()), str(depth)],
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
    m = Interpreter({**FUNCTIONS, "load": _load}, path.parent)
    try:
        m.run_script(parse(path.read_text(encoding="utf-8-sig", errors="replace") + "\n"))
    except MatlabError as error:
        raise DataError(
            f"{path.name}, line {error.line}: {error.message}; save the series as they should be, in a CSV file"
        ) from None
    return {k: v for k, v in m.variables.items() if isinstance(v, np.ndarray) and v.dtype.kind in "bfc"}


def _load(m: Interpreter, arguments: list[Any], results: int) -> Any:
    found = {k: matrix(v) for k, v in loaded(m.folder, text(arguments[0])).items()}
    return [found] if results else m.variables.update(found)


def loaded(folder: Path | None, name: str) -> dict[str, np.ndarray]:
    """What ``load NAME`` gives of a file in `folder`: variables of a ``.mat`` file, or the matrix in a text.

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


def load_params(c: Contents, s: Statement) -> None:
    """``load_params_and_steady_state('FILE');``: lines of a name and its value, beside the model."""
    found = re.match(r"\w+\s*\(\s*['\"]?([\w.-]+)['\"]?\s*\)", c.source.text[s.at :])
    path = Path(c.source.locate(s.at).path).parent / (found[1] if found else "")
    if not path.is_file():
        raise c.source.error(f"there is no file {found[1] if found else 'named'}", s.at)
    for name, value in (line.split() for line in path.read_text().splitlines() if len(line.split()) == 2):
        if c.role(name) is not None:
            into = c.values if name in c.parameters else c.initial
            into[name] = c.evaluate(Number(float(value)))
