"""One process at a time in a run directory: a lock that the system takes from a process that has died."""

import errno
import os
import platform
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"
_BUSY = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}


class Busy(OSError):
    """Another process, or another part of this one, holds the lock; the message says who."""


class FolderLock:
    """A lock on a folder, held through an open file that says who holds it; the file goes with the lock."""

    def __init__(self, folder: Path):
        self.path = folder / NAME
        self._handle: int | None = None

    @property
    def held(self) -> bool:
        return self._handle is not None

    def acquire(self) -> None:
        """
        Raises:
            Busy: somebody else holds it.
            OSError: the folder cannot be written to.
        """
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                _lock(handle)
            except OSError as error:
                holder = "" if error.errno not in _BUSY else _read(handle)
                os.close(handle)
                if error.errno not in _BUSY:
                    warnings.warn(f"{self.path.parent}: no lock here ({error.strerror})", stacklevel=3)
                    return
                raise Busy(holder or "another process") from None
            if _same(handle, self.path):
                break
            os.close(handle)  # its holder removed it between the two calls
        text = f"process {os.getpid()} on {platform.node()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S UTC}"
        os.ftruncate(handle, 0)
        os.pwrite(handle, text.encode(), 0) if hasattr(os, "pwrite") else os.write(handle, text.encode())
        self._handle = handle

    def is_in_place(self) -> bool:
        """Whether the file that is held is still the folder's: no, where the folder was removed or renamed."""
        return self._handle is None or _same(self._handle, self.path)

    def release(self) -> None:
        if self._handle is not None:
            handle, self._handle = self._handle, None
            with suppress(OSError):
                if _same(handle, self.path):
                    self.path.unlink()
            os.close(handle)


def _lock(handle: int) -> None:
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt

    os.lseek(handle, 1 << 20, os.SEEK_SET)  # beyond the text, which others may read
    msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    os.lseek(handle, 0, os.SEEK_SET)


def _read(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, 200).decode(errors="replace")


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False
