"""A user's own Python file, executed as a module, and copies of all that was executed.

A run keeps these copies, so that it can go on wherever the originals are: the file itself as ``model.py``, and the
modules that it imports from its own folder as ``modules/NAME.py``.
"""

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

MAIN, BESIDE = "model.py", "modules"
_MAX_REMEMBERED = 64


class NotPythonError(ValueError):
    """A file is not Python; the message names it."""


_executed: dict[Path, dict[str, bytes]] = {}


def import_file(path: Path) -> ModuleType:
    """Execute a Python file as a module; its folder, and ``modules`` within it, are importable meanwhile.

    A module beside it is imported anew, whatever else of its name has been imported before.

    Raises:
        NotPythonError: not a Python file.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None:
        raise NotPythonError(f"{path}: not a Python file")
    module, content = importlib.util.module_from_spec(spec), path.read_bytes()
    folders = [path.parent.resolve() / BESIDE, path.parent.resolve()]
    with _importable(folders) as imported:
        exec(compile(content, str(path), "exec", dont_inherit=True), module.__dict__)
    _remember(path, {MAIN: content} | {f"{BESIDE}/{name}": text for name, text in imported.items()})
    return module


def stands_for(path: Path, content: str) -> None:
    """Note that what was read from `path` is, as Python, `content`."""
    _remember(path, {MAIN: content.encode()})


def executed_files(path: Path) -> dict[str, bytes]:
    """What was executed of the file and of the modules beside it, under the names that a run gives them."""
    known = _executed.get(path.resolve())
    return known if known is not None else {MAIN: path.read_bytes()}


def _remember(path: Path, files: dict[str, bytes]) -> None:
    _executed.pop(path.resolve(), None)
    _executed[path.resolve()] = files
    while len(_executed) > _MAX_REMEMBERED:
        del _executed[next(iter(_executed))]


@contextmanager
def _importable(folders: list[Path]) -> Iterator[Mapping[str, bytes]]:
    """`folders` first on the path; the mapping given holds, at the end, what was imported from them."""
    hidden = {name: module for name, module in sys.modules.items() if _is_beside(name, folders)}
    for name in hidden:
        del sys.modules[name]
    before, writes, imported = set(sys.modules), sys.dont_write_bytecode, dict[str, bytes]()
    sys.path[:0] = map(str, folders)
    sys.dont_write_bytecode = True
    try:
        yield imported
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if (
                name.partition(".")[0] != "estim"
                and file
                and (place := _place(Path(file).resolve(), folders))
            ):
                imported[place] = Path(file).read_bytes()
    finally:
        sys.dont_write_bytecode = writes
        for folder in map(str, folders):
            sys.path.remove(folder)
        sys.modules.update(hidden)


def _is_beside(name: str, folders: list[Path]) -> bool:
    """Whether an imported module's name is that of a file or package in one of `folders`."""
    top = name.partition(".")[0]
    if top == "estim" or top in sys.stdlib_module_names:
        return False
    return any((f / f"{top}.py").is_file() or (f / top / "__init__.py").is_file() for f in folders)


def _place(file: Path, folders: list[Path]) -> str | None:
    """The path of a source file relative to the folder that it was imported from; None for what is installed."""
    for folder in folders:
        if file.suffix == ".py" and file.is_relative_to(folder):
            place = file.relative_to(folder)
            return None if {"site-packages", "dist-packages"} & set(place.parts) else place.as_posix()
    return None
