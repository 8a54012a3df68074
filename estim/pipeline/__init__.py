"""The pipeline: an experiment becomes a run directory with a report in it.

    model, data ─▶ posterior ─▶ mode ─▶ routes ─▶ draws ──────────────────────────┐
                                          │ every evaluated point                 ├─▶ report
                                          └─▶ surrogate ─▶ draws ─▶ certificate, ─┤
                                                     │           correction       │
                                                     └─▶ routes that need it ─────┘

Each part looks first whether the directory holds its result: to run an experiment and to resume
it is the same call. A part's random numbers depend on the seed and on its own name alone.
"""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import jax
import pandas as pd

from estim.arguments import checked
from estim.data.reading import tidy
from estim.experiment import Experiment, from_settings
from estim.pipeline.beginning import (
    begin,
    is_begun,
    require_continuable,
    require_same,
    same_data,
    saved_experiment,
    say_what_changed,
)
from estim.pipeline.graph import parts_of
from estim.pipeline.memory import require_memory
from estim.pipeline.parts import run_parts
from estim.pipeline.quarter import begin_from, from_old_mode
from estim.pipeline.stages import is_finished, require_same_density
from estim.posterior import Posterior
from estim.progress import Progress, silent
from estim.results.contents import read_data
from estim.results.report import write_report
from estim.results.store import RunDirectory, StoreError
from estim.results.verify import require_run
from estim.specification import Specification


@checked
def run_experiment(
    experiment: Experiment,
    out: str | Path,
    progress: Progress = silent,
    *,
    data: pd.DataFrame | None = None,
    previous: str | Path | None = None,
) -> RunDirectory:
    """Run an experiment, or go on with it, in the directory `out`, and write its report.

    Ctrl-C (KeyboardInterrupt) passes through; what was finished before stays in `out`, and the
    next call goes on from there to the same draws, bit for bit, with the copies of model and data that `out` holds.

    Args:
        experiment: what to run.
        out: a directory that does not exist yet, is empty, or holds this very run.
        progress: told what is being done.
        data: the observables, where they are not to be read from ``experiment.data``.
        previous: the directory of a run of the same model on other data, such as those of last quarter: its draws are
            weighed by the new data, and stand for the new posterior where the tail of the weights allows it; else the
            routes run again, from its mode. A run that has begun goes on with what it was begun from.

    Returns:
        The run directory.

    Raises:
        ExperimentError: `out` holds a different experiment, or a setting is unknown.
        StoreError: another process is at work in `out`; it is damaged, no run's, or made by other versions; it
            cannot be written to.
        DataError, ModelError, SolutionError, SamplerError: as their messages say.

    Warns:
        RunWarning: a file of `out` is missing and made again; the data cannot be read any more.
    """
    model, run = experiment.load_model(), RunDirectory(out)
    require_memory(experiment, len(model.estimated))
    fresh = not is_begun(run)
    posterior, seconds, beginning = None, time.perf_counter(), None
    if previous is not None and not fresh:
        experiment = from_settings(run.read_json("settings.json"), experiment.model, experiment.source)
    if fresh:  # whatever is wrong with the experiment is found before anything is written
        data = experiment.load_data() if data is None else tidy(data)
        posterior = experiment.posterior(model, data)
        if previous is not None:
            beginning = begin_from(previous, experiment, model, posterior)
            experiment = beginning.experiment
        seconds = time.perf_counter() - seconds
    with run.locked(create=True):
        if fresh and data is not None and not is_begun(run):
            begin(run, experiment, model, data, beginning)
            run.note_time("setting up", seconds)
        else:
            require_continuable(run)
            require_same(run, experiment, model)
            same_data(run, experiment, data)
            posterior = None
        _complete(run, experiment, model, posterior, progress)
    return run


def resume_run(out: str | Path, progress: Progress = silent) -> RunDirectory:
    """Go on with the run in the directory `out`, from what it holds alone.

    Its files are looked at first, each by its checksum. Then, where the model is the user's own, ``model.py`` in
    `out` is executed, with what it imports from ``modules``: nothing else in the directory is.

    Args:
        out: the directory.
        progress: told what is being done.

    Returns:
        The run directory.

    Raises:
        StoreError, ExperimentError: as `run_experiment`.

    Warns:
        RunWarning: a file is missing and made again; the files that the run was begun from have changed since.
    """
    run = RunDirectory(out)
    require_run(run)
    with run.locked():
        require_continuable(run)
        experiment = saved_experiment(run.file("settings.json"))
        model = experiment.load_model()
        require_same(run, experiment, model)
        say_what_changed(run, experiment)
        _complete(run, experiment, model, None, progress)
    return run


def _complete(
    run: RunDirectory,
    experiment: Experiment,
    model: Specification,
    posterior: Posterior | None,
    progress: Progress,
) -> None:
    """All that is not there yet; the report anew.

    Args:
        posterior: where the run has just begun; else it is made of the run's own data, and has to be what it was.
    """
    data = read_data(run)
    with _clocked(run):
        if posterior is None:
            with run.timed("setting up"):
                posterior = experiment.posterior(model, data)
            if not is_finished(run, experiment):
                require_same_density(run, posterior)
        posterior = from_old_mode(posterior, run)
        devices = len(jax.local_devices())
        parts = parts_of(run, experiment, model, posterior, data, progress)
        run_parts(parts, num_threads=devices + 1, num_exclusive=devices)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    run.write_json("environment.json", run.read_json("environment.json") | {"peak_memory_mib": round(peak)})
    with run.timed("report"):
        write_report(run)


@contextmanager
def _clocked(run: RunDirectory) -> Iterator[None]:
    """Add the wall time of what is done within to that of earlier calls, whatever ends it."""
    begun = time.perf_counter()

    def note() -> None:
        environment = run.read_json("environment.json")
        seconds = environment.get("seconds", 0.0) + time.perf_counter() - begun
        run.write_json("environment.json", environment | {"seconds": seconds})

    try:
        yield
    except BaseException:
        with suppress(StoreError):  # the first error says it all
            note()
        raise
    note()
