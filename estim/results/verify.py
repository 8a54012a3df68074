"""Whether a run directory holds what the run has written, all of it and nothing else."""

from estim.results import manifest
from estim.results.advice import LOST_CHUNK, STRANGE, is_input
from estim.results.store import RunDirectory, StoreError


def problems(run: RunDirectory) -> list[str]:
    """One line for each file that is changed, missing or not the run's, by name; empty where all is well.

    Raises:
        StoreError: the directory is not that of a run, or its list of files is damaged or of another format.
    """
    require_run(run)
    return [
        *(f"{name}: changed since it was written" for name in run.changed()),
        *(f"{name}: missing" for name in run.missing()),
        *(f"{name}: not a file of this run" for name in run.strangers()),
    ]


def require_run(run: RunDirectory) -> None:
    """
    Raises:
        StoreError: there is no run in the directory, or it is one without a list of its files.
    """
    listed = run.listed()
    if "settings.json" in listed:
        return
    if not run.has("settings.json"):
        raise StoreError(f"{run.path}: there is no settings.json; is this the directory of a run?")
    raise StoreError(
        f"{run.path}: there is no {manifest.NAME} that lists its files: it was made by a version of estim before "
        "0.2, or copied in part. Copy all of it, or begin anew in another directory"
    )


def require_intact(run: RunDirectory) -> list[str]:
    """Files that are missing and that the run can make again; they are taken off the list.

    Raises:
        StoreError: a file is changed or not the run's, an input is missing, or a chunk before another one.
    """
    require_run(run)
    for name in run.changed():
        run.check(name)
    for name in run.strangers():
        raise StoreError(f"{run.file(name)}: {STRANGE}")
    missing = run.missing()
    for name in missing:
        if is_input(name):
            run.check(name)
    for folder in {name.rpartition("/")[0] for name in missing if "/chunk-" in name}:
        chunks = [n for n in run.listed() if n.startswith(f"{folder}/chunk-")]
        first = min(i for i, name in enumerate(chunks) if name in missing)
        if any(name not in missing for name in chunks[first:]):
            raise StoreError(f"{run.file(chunks[first])}: {LOST_CHUNK}")
    for name in missing:
        run.forget(name)
    return missing
