"""How a run begins, and what has to be as it was for one to go on: files, versions, settings, model and data."""

import hashlib
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from estim.data.datasets import TABLES, DataError, select_sample
from estim.data.reading import tidy
from estim.dynare import read_mod
from estim.dynare.writing.experiment_file import data_file, experiment_data, experiment_source
from estim.experiment import Experiment, ExperimentError, load_experiment
from estim.experiment.experiment import OWN_DATA
from estim.pipeline.changes import data_changes, text_changes
from estim.pipeline.quarter import Beginning
from estim.results.advice import quoted
from estim.results.contents import read_data
from estim.results.describe import describe_environment, describe_model, versions_that_matter
from estim.results.store import RunDirectory, RunWarning, StoreError
from estim.results.verify import require_intact
from estim.specification import Specification
from estim.user_code import executed_files, stands_for

_RESUME = "`estim resume {}` goes on with the copy that the run keeps"


def is_begun(run: RunDirectory) -> bool:
    """Whether the directory holds a run, be it damaged; not where a run was killed before it had begun.

    Raises:
        StoreError: it holds files that are no run's.
    """
    listed = run.listed()
    if "settings.json" in listed:
        return True
    there = [p.name for p in run.path.iterdir() if not p.name.startswith(".")] if run.path.is_dir() else []
    strange = sorted(set(there) - {name.partition("/")[0] for name in listed} - {"manifest.csv"})
    if strange:
        raise StoreError(
            f"{run.path}: there are files in it ({', '.join(strange[:3])}{', ...' if strange[3:] else ''}) but no "
            "run that could go on (settings.json and manifest.csv): choose another --out, or empty it"
        )
    return False


def remove_run(path: Path) -> None:
    """Remove a directory, if it is there, with the run that it holds.

    Raises:
        StoreError: what it holds is no run, or another process is at work in it.
    """
    run = RunDirectory(path)
    if path.exists() and is_begun(run):
        with run.locked():
            shutil.rmtree(path)


def begin(
    run: RunDirectory,
    experiment: Experiment,
    model: Specification,
    data: pd.DataFrame,
    previous: Beginning | None,
) -> None:
    """Write down what the run depends on; the settings come last and say that all is there.

    Warns:
        RunWarning: what the run was begun from is good for.
    """
    files = own_files(experiment)
    for name, content in files.items():
        run.write_bytes(name, content)
    run.write_text(OWN_DATA, as_csv(data))
    run.write_json("sources.json", _sources(experiment, data))
    run.write_json("model.json", describe_model(model))
    environment = describe_environment()
    if previous is not None:
        for name, arrays in previous.files.items():
            run.write_arrays(name, arrays)
        environment |= {"notes": [previous.note]}
        warnings.warn(RunWarning(previous.note), stacklevel=3)
    run.write_json("environment.json", environment)
    run.write_json("timings.json", {})
    run.write_json("settings.json", experiment.settings())


def require_continuable(run: RunDirectory) -> None:
    """All that can be known before anything of the run is executed.

    Raises:
        StoreError: files are damaged, missing or not the run's, or it was made by other versions.
    """
    for name in require_intact(run):
        warnings.warn(RunWarning(f"{run.file(name)} is missing: it is made again"), stacklevel=2)
    there, here = run.read_json("environment.json"), describe_environment()
    made, now = versions_that_matter(there), versions_that_matter(here)
    if other := [name for name in sorted(now | made) if made.get(name) != now.get(name)]:
        differ = ", ".join(f"{name} {made.get(name)} (here {now.get(name)})" for name in other)
        install = " ".join(f"{name}=={made[name]}" for name in other if name in made)
        raise StoreError(
            f"{run.path}: the run was made by {differ}, and draws of two versions are not mixed: `pip install "
            f"{install}`, or begin anew in another directory; `estim report {quoted(run.path)}` shows what is there"
        )
    if there["machine"] != here["machine"]:
        note = f"begun on {there['machine']}, continued on {here['machine']}: the last digits may differ"
        notes = [*there.get("notes", []), note]
        if note not in there.get("notes", []):
            run.write_json("environment.json", there | {"notes": notes})
            warnings.warn(RunWarning(f"{run.path}: {note}"), stacklevel=2)


def require_same(run: RunDirectory, experiment: Experiment, model: Specification) -> None:
    """
    Raises:
        ExperimentError: the directory holds a run of other settings, another model or another file of it.
    """
    there, here = run.read_json("settings.json"), experiment.settings()
    keys = [k for k in here | there if here.get(k) != there.get(k)]
    if keys:
        raise _other(run, "settings", [f"{', '.join(keys)}"])
    files = own_files(experiment)
    for name in sorted({n for n in run.listed() if n == "model.py" or n.startswith("modules/")} | set(files)):
        kept = run.check(name).read_bytes() if name in run.listed() else b""
        if kept != files.get(name, b""):
            what = "model file" if name == "model.py" else "module beside the model"
            raise _other(run, what, [f"{name}: {text_changes(kept, files.get(name, b''))}"])
    described = describe_model(model)
    kept_model = run.read_json("model.json")
    if differ := [key for key in described | kept_model if described.get(key) != kept_model.get(key)]:
        raise _other(run, "model", [f"its {', '.join(differ)}"])


def same_data(run: RunDirectory, experiment: Experiment, data: pd.DataFrame | None) -> None:
    """
    Raises:
        ExperimentError: what the experiment's data are now is not what the run has.

    Warns:
        RunWarning: they cannot be read any more.
    """
    try:
        now = experiment.load_data() if data is None else tidy(data)
    except DataError as error:
        warnings.warn(RunWarning(f"{error}: the run goes on with its own copy of the data"), stacklevel=2)
        return
    if changes := data_changes(read_data(run), now):
        raise _other(run, "data", [changes])


def say_what_changed(run: RunDirectory, experiment: Experiment) -> None:
    """Warn where the files that the run was begun from are not what they were; the run keeps copies."""
    sources: dict[str, Any] = run.read_json("sources.json")
    for name, (path, sha256) in sources.items():
        if not Path(path).is_file():
            said = "is not there any more"
        elif _sha256(Path(path)) != sha256:
            said = "changed since the run began: " + _how(run, experiment, name, Path(path))
        else:
            continue
        warnings.warn(RunWarning(f"{path} {said}. The run goes on with its own copy, {name}"), stacklevel=2)


def _how(run: RunDirectory, experiment: Experiment, name: str, path: Path) -> str:
    if path.suffix not in (".py", *TABLES) or experiment.data == OWN_DATA:
        return "its bytes are others"
    if name != OWN_DATA:
        return text_changes(run.check(name).read_bytes(), path.read_bytes())
    try:
        now = Experiment(experiment.model, str(path), experiment.start, experiment.end).load_data()
    except ValueError as error:
        return f"now {error}"
    return data_changes(read_data(run), now) or "but not in what the run uses"


def saved_experiment(settings: Path) -> Experiment:
    """The experiment of a run's ``settings.json``; data that have no other name are those of the run's copy.

    Raises:
        ExperimentError: it cannot be read, or the model was made in a program and not in a file.
    """
    try:
        experiment = load_experiment(settings)
    except ExperimentError:
        if not settings.with_name("model.py").exists() and settings.exists():
            own = '"own_model": true' in settings.read_text(encoding="utf-8", errors="replace")
            if own:
                raise ExperimentError(
                    f"{settings}: the run's model was made in a program, of which the run has no copy: call "
                    "run_experiment from that program again, and it goes on"
                ) from None
        raise
    except FileNotFoundError as error:
        raise ExperimentError(
            f"{settings.with_name('model.py')} reads {error.filename}, of which the run has no copy: put it back; of a "
            "file that is named in Experiment(data=...) a run keeps its own"
        ) from None
    if experiment.data == OWN_DATA and settings.with_name(OWN_DATA).is_file():
        return replace(experiment, frame=read_data(RunDirectory(settings.parent)))
    return experiment


def load_any_experiment(
    file: Path, assignments: list[str], data: str | None = None
) -> tuple[Experiment, pd.DataFrame | None]:
    """What ``estim run FILE --data DATA --set ...`` asks for: the experiment, and the data of a Dynare file.

    Args:
        file: an experiment (.py), a Dynare file (.mod) or the settings.json of a run.
        assignments: for `Experiment.override`.
        data: for a Dynare file, see `experiment_data`.
    """
    if file.suffix == ".json":
        return saved_experiment(file).override(assignments), None
    if file.suffix != ".mod":
        return load_experiment(file).override(assignments), None
    mod = read_mod(file)
    stands_for(file, experiment_source(mod, OWN_DATA))
    experiment = Experiment(mod.model, OWN_DATA, likelihood=mod.likelihood_options, source=str(file))
    experiment = experiment.override(assignments)
    if experiment.data != OWN_DATA:
        return experiment, None
    frame = select_sample(experiment_data(mod, data), experiment.start, experiment.end, "the data")
    frame.attrs["file"] = data_file(mod, data)
    return experiment, frame


def own_files(experiment: Experiment) -> dict[str, bytes]:
    """The user's own model and the modules beside it, by the names that a run gives them."""
    if isinstance(experiment.model, str) or not experiment.source:
        return {}
    return executed_files(Path(experiment.source))


def as_csv(data: pd.DataFrame) -> str:
    """All digits, so that the copy is the data bit for bit."""
    return data.to_csv(float_format="%.17g")


def _sources(experiment: Experiment, data: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Where the copies come from, and the checksum of what was there: name of the copy -> path, SHA-256."""
    places: dict[str, Path] = {}
    if files := own_files(experiment):
        source = Path(str(experiment.source)).resolve()
        places = {name: source.parent / name.removeprefix("modules/") for name in files} | {
            "model.py": source
        }
    if (
        file := data.attrs.get("file") or (None if experiment.data == OWN_DATA else experiment.data)
    ) is not None:
        beside = Path(experiment.source or ".").parent / file
        places[OWN_DATA] = (beside if beside.is_file() else Path(file)).resolve()
    return {name: (str(path), _sha256(path)) for name, path in places.items() if path.is_file()}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _other(run: RunDirectory, what: str, changes: list[str]) -> ExperimentError:
    return ExperimentError(
        f"{run.path} holds a run with other {what} ({'; '.join(changes)}): give another --out, or remove it; "
        + _RESUME.format(quoted(run.path))
    )
