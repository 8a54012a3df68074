"""What the user of a run directory is told to do where a file is not as it should be, or cannot be written."""

import errno
import shlex
from pathlib import Path

INPUTS = ("settings.json", "model.py", "model.json", "data.csv", "sources.json", "environment.json")
"""What a run depends on; all else can be made again from it, and from the modules of the user's own model."""

STRANGE = "the run did not write this file, and will neither read nor execute it: remove it"
LOST_CHUNK = (
    "this chunk of draws is missing: put it back from a copy, or remove the later chunks beside it: "
    "`estim resume` then makes the same draws again"
)


LEFT_OUT = "is missing, and its draws are left out: `estim resume` makes the same draws again"


def quoted(path: str | Path) -> str:
    """A path as a shell reads it."""
    return shlex.quote(str(path))


def is_input(name: str) -> bool:
    return name in INPUTS or name.startswith("modules/")


def damaged(name: str, run: Path) -> str:
    """For a file that is missing, or not as the run wrote it."""
    if is_input(name):
        mend = "put it back from a copy, or begin anew in another directory"
    elif "/chunk-" in name:
        mend = (
            "put it back from a copy, or remove it and the later chunks beside it: "
            f"`estim resume {quoted(run)}` makes the same draws again"
        )
    else:
        mend = f"remove it, and `estim resume {quoted(run)}` makes it again"
    return f"not as the run wrote it: {mend}; `estim verify {quoted(run)}` looks at all files"


def remedy(error: OSError, run: Path) -> str:
    """For an error of the operating system, met while a file of the run was read or written."""
    resume = f"`estim resume {quoted(run)}` goes on"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full. Nothing that was finished is lost: make room, and {resume}"
    if error.errno == errno.EFBIG:
        return f"a file may not be that large here (see `ulimit -f`). Raise the limit, and {resume}"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        reason = (error.strerror or "no permission").lower()
        return f"{reason}. Make {run} writable, or copy it to a place that is; then {resume}"
    if error.errno == errno.ENOENT:
        return (
            f"{run} was removed or renamed meanwhile. Where it was renamed, `estim resume` with its new name goes on "
            "from the last finished file"
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{run} is no directory, or lies below a file; choose another --out"
    return f"{error.strerror or error}. When that is mended, {resume}"
