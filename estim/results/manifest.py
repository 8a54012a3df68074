"""``manifest.csv``: the format of a run directory, and a checksum of every file that the run has written.

A file is listed before it appears under its name, and a line is only ever added: whatever the moment a run is
killed at, a file that is there is the one of its last line or of the one before, and a file without a line was
written by somebody else. A line costs the same however long the list is.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

NAME = "manifest.csv"
FORMAT = 1
"""Of run directories. Another number: another layout, which this version neither reads nor continues."""
_HEADER = f"format,{FORMAT},estim run directory\n"
_GONE = "-"


class ManifestError(ValueError):
    """The list is damaged or of another format; the message names the line."""


class Entry(NamedTuple):
    """What a file held when it was written: SHA-256 in hexadecimal digits, and bytes."""

    sha256: str
    size: int


class Manifest:
    """The list of one directory; it is read again where another process has added to it."""

    def __init__(self, folder: Path):
        self.path = folder / NAME
        self._stamp: tuple[int, int, int] | None = None
        self._entries: dict[str, list[Entry]] = {}
        self._superseded = 0

    def exists(self) -> bool:
        return self.path.exists()

    def names(self) -> list[str]:
        """The files that the directory should hold, in the order in which they were first written."""
        self._read()
        return [name for name, entries in self._entries.items() if entries[-1].sha256 != _GONE]

    def entries(self, name: str) -> list[Entry]:
        """What the file may be: as written last and, for a run killed meanwhile, as written before."""
        self._read()
        return [e for e in self._entries.get(name, [])[-2:] if e.sha256 != _GONE]

    def add(self, name: str, entry: Entry) -> None:
        """Note that a file is about to appear."""
        if not self.exists():
            self._append(_HEADER)
        self._read()
        self._append(f"{entry.sha256},{entry.size},{name}\n")
        self._superseded += name in self._entries
        self._entries.setdefault(name, []).append(entry)
        self._stamp = _stamp(self.path)  # what was added is known: the list is not read again for it

    def drop(self, name: str) -> None:
        """Note that a file is there no more."""
        self.add(name, Entry(_GONE, 0))

    def compact(self) -> None:
        """Leave one line for each file, and no half-written one; only where no other process writes."""
        if not self.exists():
            return
        self._read()
        lines = [f"{self._entries[n][-1].sha256},{self._entries[n][-1].size},{n}\n" for n in self.names()]
        text = (_HEADER + "".join(lines)).encode()
        if self._superseded == 0 and self.path.stat().st_size == len(text):
            return
        temporary = self.path.with_name(f".{NAME}.{os.getpid()}.part")
        try:
            with temporary.open("wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)
        self._stamp = None

    def _append(self, line: str) -> None:
        """A whole line or none: where the disk is full, what was written of it is taken back."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        try:
            end = os.lseek(handle, 0, os.SEEK_END)
            while end and not _ends_a_line(handle, end):  # the rest of a line that a kill cut
                end -= 1
            os.ftruncate(handle, end)
            try:
                if os.write(handle, line.encode()) < len(line.encode()):
                    raise OSError(28, "No space left on device", str(self.path))
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, end)
                raise
        finally:
            os.close(handle)

    def _read(self) -> None:
        stamp = _stamp(self.path)
        if stamp is None:
            self._entries, self._stamp = {}, None
            return
        if stamp == self._stamp:
            return
        *lines, _ = (
            self.path.read_bytes().decode(errors="replace").split("\n")
        )  # the last is empty, or cut by a kill
        if lines and lines[0] + "\n" != _HEADER:
            raise ManifestError(_wrong_header(lines[0]))
        entries: dict[str, list[Entry]] = {}
        for number, line in enumerate(lines[1:], 2):
            sha256, _, rest = line.partition(",")
            size, _, name = rest.partition(",")
            if not (name and size.isdigit() and (sha256 == _GONE or len(sha256) == 64)):
                raise ManifestError(f"line {number} is damaged: put {NAME} back from a copy")
            entries.setdefault(name, []).append(Entry(sha256, int(size)))
        self._superseded = len(lines) - 1 - len(entries)
        self._entries, self._stamp = entries, stamp


def digest(path: Path) -> Entry:
    """What a file holds."""
    with path.open("rb") as file:
        return Entry(hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes with a file, None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _ends_a_line(handle: int, end: int) -> bool:
    os.lseek(handle, end - 1, os.SEEK_SET)
    return os.read(handle, 1) == b"\n"


def _wrong_header(line: str) -> str:
    word, _, rest = line.partition(",")
    number = rest.partition(",")[0]
    if word == "format" and number.isdigit() and int(number) != FORMAT:
        return f"the directory has format {number}, and this version of estim knows format {FORMAT} alone"
    return f"line 1 is damaged: put {NAME} back from a copy"


def flush_folder(folder: Path) -> None:
    """Make a rename durable (POSIX: the folder itself has to reach the disk)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
