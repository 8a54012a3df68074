"""The run directory: everything a run is made of, as JSON, CSV and NumPy arrays; nothing pickled.

    settings.json        the resolved experiment; `estim run settings.json` repeats it
    model.py             the file that defines the user's own model, where there is one
    data.csv             the data used
    environment.json     versions, machine, date
    mode.npz             posterior mode and its covariance
    NAME/chunk-00000.npz draws of route NAME in the model's units, every point that it evaluated as an
                         unconstrained position, the sampler's state at the end
    surrogate/...        the network's weights, its chain, the certificate
    report.html

A file appears under its own name only when it is complete and on the disk (written under a
temporary name, flushed, renamed): whatever the moment a run is killed at, what is there is whole.
"""

import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

Array = np.ndarray


class StoreError(ValueError):
    """A run directory is not what it should be; the message names the file."""


class RunDirectory:
    """Reads and writes the files of one run."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._lock = Lock()  # of timings.json: stages may run side by side

    def file(self, name: str) -> Path:
        return self.path / name

    def has(self, name: str) -> bool:
        return self.file(name).exists()

    def write_text(self, name: str, text: str) -> None:
        self._write(name, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    def read_text(self, name: str) -> str:
        """
        Raises:
            StoreError: there is no such file.
        """
        if not self.has(name):
            raise StoreError(f"{self.path}: there is no {name}; is this the directory of a run?")
        return self.file(name).read_text(encoding="utf-8")

    def write_json(self, name: str, value: Any) -> None:
        self.write_text(name, json.dumps(value, indent=2, allow_nan=False) + "\n")

    def read_json(self, name: str) -> Any:
        try:
            return json.loads(self.read_text(name))
        except json.JSONDecodeError as error:
            raise StoreError(f"{self.file(name)}: not JSON: {error}") from error

    def write_arrays(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Write named arrays as ``.npz``; an array of Python objects is refused.

        Compressed, but quickly: draws repeat themselves where a proposal was rejected, and little else does.
        """
        plain = {key: np.asarray(value) for key, value in arrays.items()}
        if objects := sorted(key for key, value in plain.items() if value.dtype.hasobject):
            raise StoreError(f"{self.file(name)}: {objects} would have to be pickled; store numbers or text")

        def write(temporary: Path) -> None:
            with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for key, value in plain.items():
                    with archive.open(f"{key}.npy", "w", force_zip64=True) as stream:
                        np.lib.format.write_array(stream, value, allow_pickle=False)

        self._write(name, write)

    def read_arrays(self, name: str, prefix: str = "") -> dict[str, Array]:
        """The arrays of a file whose names begin with `prefix`.

        Raises:
            StoreError: there is no such file.
        """
        if not self.has(name):
            raise StoreError(f"{self.path}: there is no {name}; is this the directory of a run?")
        with np.load(self.file(name), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files if key.startswith(prefix)}

    def chunks(self, folder: str) -> list[str]:
        """Names of the chunks in `folder`, in order."""
        return sorted(f"{folder}/{p.name}" for p in self.file(folder).glob("chunk-?????.npz"))

    def append_chunk(self, folder: str, arrays: Mapping[str, Any]) -> None:
        self.write_arrays(f"{folder}/chunk-{len(self.chunks(folder)):05d}.npz", arrays)

    def read_chunks(self, folder: str, prefix: str = "") -> list[dict[str, Array]]:
        return [self.read_arrays(name, prefix) for name in self.chunks(folder)]

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note in ``timings.json`` how many seconds a stage took."""
        begun = time.perf_counter()
        yield
        seconds = time.perf_counter() - begun
        with self._lock:
            self.write_json("timings.json", self.read_json("timings.json") | {stage: seconds})

    def _write(self, name: str, write: Callable[[Path], Any]) -> None:
        target = self.file(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            write(temporary)
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.replace(target)
            _flush_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


def flatten(tree: Any, prefix: str) -> dict[str, Array]:
    """A nested NamedTuple or dict of arrays as flat names, joined by dots; None is left out."""
    if tree is None:
        return {}
    items = tree._asdict() if hasattr(tree, "_asdict") else tree
    if not isinstance(items, Mapping):
        return {prefix: np.asarray(tree)}
    return {k: v for key, value in items.items() for k, v in flatten(value, f"{prefix}.{key}").items()}


def _flush_folder(folder: Path) -> None:
    """Make a rename durable (POSIX: the folder itself has to reach the disk)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
