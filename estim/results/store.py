"""The run directory: everything a run is made of, as JSON, CSV and NumPy arrays; nothing pickled.

    settings.json        the resolved experiment; `estim run settings.json` repeats it
    model.py, modules/   the file that defines the user's own model, where there is one, and what it imports
    data.csv             the data used
    sources.json         where model and data came from
    environment.json     versions, machine, date
    mode.npz             posterior mode and its covariance
    NAME/chunk-00000.npz draws of route NAME in the model's units, of its evaluations those that a surrogate
                         learns from, as unconstrained positions, the sampler's state at the end
    surrogate/...        the network's weights, what was evaluated for it, its chain, the certificate
    report.html
    manifest.csv         the format, and a checksum of every other file

A file appears under its own name only when it is complete, on the disk and listed (written under a
temporary name, flushed, listed, renamed): whatever the moment a run is killed at, what is there is whole.
Nothing in it is executed to read it.
"""

import errno
import io
import json
import os
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from estim.results import advice, manifest
from estim.results.lock import Busy, FolderLock
from estim.results.manifest import Manifest, ManifestError, digest
from estim.stopping import raise_if_abandoned

Array = np.ndarray

_PART = ".part"  # the end of a temporary name


class StoreError(ValueError):
    """A run directory is not what it should be; the message names the file."""


class RunWarning(UserWarning):
    """A run goes on, but not as it did: a file that is made again, a source that has changed since."""


class RunDirectory:
    """Reads and writes the files of one run."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._list = Manifest(self.path)
        self._owner = FolderLock(self.path)
        self._writing = RLock()  # of the list and of timings.json: stages may run side by side
        self._next: dict[str, int] = {}  # chunk of a folder, while the directory is held
        self._intact: dict[str, tuple[int, int, int]] = {}

    def file(self, name: str) -> Path:
        return self.path / name

    def has(self, name: str) -> bool:
        return self.file(name).exists()

    @contextmanager
    def locked(self, create: bool = False) -> Iterator[None]:
        """Nobody else's while it lasts: another process, and another `RunDirectory`, is refused by name.

        What a killed process has left of half-written files is removed first.

        Args:
            create: make the directory where there is none.

        Raises:
            StoreError: it is another's, or cannot be written to.
        """
        if self._owner.held:
            yield
            return
        if not create and not self.path.is_dir():
            raise StoreError(f"{self.path}: there is no such directory")
        with self._explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                self._owner.acquire()
            except Busy as busy:
                raise StoreError(
                    f"{self.path}: {busy} is at work in this directory: wait until it has ended, or stop it"
                ) from None
        try:
            self._next.clear()
            self._settle()
            yield
        finally:
            self._owner.release()

    def listed(self) -> list[str]:
        """The files that the run has written, in the order in which they came.

        Raises:
            StoreError: the list is damaged, or of another format.
        """
        try:
            return self._list.names()
        except ManifestError as error:
            raise StoreError(f"{self.file(manifest.NAME)}: {error}") from error

    def write_text(self, name: str, text: str) -> None:
        self.write_bytes(name, text.encode())

    def write_bytes(self, name: str, content: bytes) -> None:
        self._write(name, lambda temporary: temporary.write_bytes(content))

    def read_text(self, name: str) -> str:
        """
        Raises:
            StoreError: there is no such file, or it is not as it was written.
        """
        with self._explained(self.file(name), "read"):
            try:
                return self.check(name).read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise StoreError(f"{self.file(name)}: not text in UTF-8: {error}") from error

    def write_json(self, name: str, value: Any) -> None:
        self.write_text(name, json.dumps(value, indent=2, allow_nan=False) + "\n")

    def read_json(self, name: str) -> Any:
        try:
            return json.loads(self.read_text(name))
        except (json.JSONDecodeError, RecursionError) as error:
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
            StoreError: there is no such file, or it is not as it was written.
        """
        path = self.check(name)
        try:
            with zipfile.ZipFile(path) as archive:
                return {
                    key: np.lib.format.read_array(io.BytesIO(archive.read(f"{key}.npy")), allow_pickle=False)
                    for key in (n.removesuffix(".npy") for n in archive.namelist())
                    if key.startswith(prefix)
                }
        except Exception as error:  # a damaged archive: whatever zipfile, zlib or NumPy stumble over
            if isinstance(error, MemoryError):
                raise
            raise StoreError(f"{path}: {advice.damaged(name, self.path)} ({error})") from error

    def chunks(self, folder: str) -> list[str]:
        """Names of the chunks in `folder`, in order.

        Raises:
            StoreError: one is missing before another, or one is there that the run has not written.

        Warns:
            RunWarning: the last ones are missing.
        """
        listed = [n for n in self.listed() if n.startswith(f"{folder}/chunk-")]
        there = [f"{folder}/{p.name}" for p in self.file(folder).glob("chunk-*.npz")]
        if strange := sorted(set(there) - set(listed)) if self._list.exists() else []:
            raise StoreError(f"{self.file(strange[0])}: {advice.STRANGE}")
        there = sorted(there, key=_chunk_number)
        for name in (n for n in listed if n not in there and not self._is_pending(n)):
            if there and _chunk_number(name) < _chunk_number(there[-1]):
                raise StoreError(f"{self.file(name)}: {advice.LOST_CHUNK}")
            warnings.warn(RunWarning(f"{self.file(name)} {advice.LEFT_OUT}"), stacklevel=2)
        return there

    def append_chunk(self, folder: str, arrays: Mapping[str, Any]) -> None:
        number = self._next.get(folder) if self._owner.held else None  # known where nobody else writes
        if number is None:
            there = self.chunks(folder)
            number = _chunk_number(there[-1]) + 1 if there else 0
        self.write_arrays(f"{folder}/chunk-{number:05d}.npz", arrays)
        self._next[folder] = number + 1

    def read_chunks(self, folder: str, prefix: str = "") -> list[dict[str, Array]]:
        return [self.read_arrays(name, prefix) for name in self.chunks(folder)]

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note in ``timings.json`` how many seconds a stage took."""
        begun = time.perf_counter()
        yield
        self.note_time(stage, time.perf_counter() - begun)

    def note_time(self, stage: str, seconds: float) -> None:
        with self._writing:
            known = self.read_json("timings.json") if self.has("timings.json") else {}
            self.write_json("timings.json", known | {stage: seconds})

    def check(self, name: str) -> Path:
        """The path of a file that is as it was written; it is read once for that.

        Raises:
            StoreError: it is missing, changed, or not the run's.
        """
        path = self.file(name)
        if not path.is_file():
            known = name in self.listed()
            raise StoreError(
                f"{self.path}: {name} is missing: {advice.damaged(name, self.path)}"
                if known
                else f"{self.path}: there is no {name}; is this the directory of a run?"
            )
        with self._explained(path, "read"):
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if self._list.exists() and self._intact.get(name) != stamp:
                if name not in self.listed():
                    raise StoreError(f"{path}: {advice.STRANGE}")
                with self._writing:
                    right = digest(path) in self._list.entries(name)
                if not right:
                    raise StoreError(f"{path}: {advice.damaged(name, self.path)}")
                self._intact[name] = stamp
        return path

    def missing(self) -> list[str]:
        """Files that the run has written and that are not there any more."""
        return [name for name in self.listed() if not self.has(name) and not self._is_pending(name)]

    def changed(self) -> list[str]:
        """Files that are not what the run has written; every one is read."""
        changed = []
        for name in self.listed():
            if not self.has(name):
                continue
            with self._explained(self.file(name), "read"):
                found = self.file(name).stat()
                if digest(self.file(name)) in self._list.entries(name):
                    self._intact[name] = (found.st_mtime_ns, found.st_size, found.st_ino)
                else:
                    changed.append(name)
        return changed

    def strangers(self) -> list[str]:
        """Files that the run has not written and that could be taken for its own, or be imported."""
        known, found = set(self.listed()), []
        for path in sorted(self.path.rglob("*")):
            name = path.relative_to(self.path).as_posix()
            readable = path.suffix in _READ and (path.is_symlink() or path.is_file())
            if name not in known and name != manifest.NAME and not path.name.endswith(_PART):
                found += [name] if readable or (path.is_symlink() and path.is_dir()) else []
        return found

    def forget(self, *names: str) -> None:
        """Take files off the list, and away where they are there: they are to be made again."""
        for name in names:
            with self._writing, self._explained(self.file(name)):
                self.file(name).unlink(missing_ok=True)
                self._list.drop(name)
                self._next.pop(name.rpartition("/")[0], None)

    def _write(self, name: str, write: Callable[[Path], Any]) -> None:
        raise_if_abandoned()
        target = self.file(name)
        temporary = target.with_name(f".{target.name}.{os.getpid()}{_PART}")
        with self._explained(target):
            if not self._owner.held:
                self.path.mkdir(parents=True, exist_ok=True)
            elif not self._owner.is_in_place():
                raise FileNotFoundError(errno.ENOENT, "gone", str(self.path))
            for folder in reversed(target.relative_to(self.path).parents[:-1]):
                (self.path / folder).mkdir(exist_ok=True)
            try:
                write(temporary)
                with temporary.open("rb") as stream:
                    os.fsync(stream.fileno())
                self._publish(name, temporary, target)
                manifest.flush_folder(target.parent)
            finally:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)

    def _publish(self, name: str, temporary: Path, target: Path) -> None:
        """List the file, then give it its name."""
        with self._writing:
            before = self._list.entries(name)
            self._list.add(name, digest(temporary))
            try:
                temporary.replace(target)
            except BaseException:
                with suppress(OSError):
                    self._list.add(name, before[-1]) if before else self._list.drop(name)
                raise

    def _settle(self) -> None:
        """Remove what killed processes left; the files that they had only listed are made again without a word."""
        with self._explained(self.path):
            listed = set(self.listed())
            for left in list(self.path.rglob(f".*{_PART}")):
                name = (left.parent / left.name[1:].rsplit(".", 2)[0]).relative_to(self.path).as_posix()
                left.unlink(missing_ok=True)
                if name in listed and not self.has(name):
                    self._list.drop(name)
            for name in listed:  # the list ends with what a file is, not with what it was about to be
                written = self._list.entries(name)
                if len(written) == 2 and self.has(name) and digest(self.file(name)) == written[0]:
                    self._list.add(name, written[0])
            self._list.compact()

    def _is_pending(self, name: str) -> bool:
        """Whether a file is listed and on the disk, but does not have its name yet."""
        path = self.file(name)
        return any(path.parent.glob(f".{path.name}.*{_PART}"))

    @contextmanager
    def _explained(self, path: Path, what: str = "written") -> Iterator[None]:
        """An error of the operating system as a `StoreError` that says what to do."""
        try:
            yield
        except OSError as error:
            raise StoreError(f"{path}: cannot be {what}: {advice.remedy(error, self.path)}") from error


_READ = {".npz", ".json", ".csv", ".py", ".pyc", ".so", ".pyd", ".zip", ".pth"}


def _chunk_number(name: str) -> int:
    digits = name.rpartition("chunk-")[2].removesuffix(".npz")
    return int(digits) if digits.isdigit() else -1
