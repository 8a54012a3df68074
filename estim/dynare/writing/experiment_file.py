"""An experiment from a `.mod` file: what `estim run paper.mod --data FILE` runs."""

from pathlib import Path

import pandas as pd

from estim.data.datasets import load_data
from estim.dynare.data import find_table
from estim.dynare.modfile import ModFile
from estim.periods import numbered


def experiment_source(mod: ModFile, data: str) -> str:
    """The converted model as a Python file, with an experiment on it.

    Args:
        mod: the file as `read_mod` returns it.
        data: what the experiment is to read, a name or a path.
    """
    source = mod.source.replace(
        "\nfrom estim.model import Model\n",
        "\nfrom estim import Experiment\nfrom estim.model import Model\n",
        1,
    )
    experiment = f"Experiment(model=model, data={data!r}, likelihood={mod.likelihood_options!r})"
    return f"{source}\nexperiment = {experiment}\n"


def experiment_data(mod: ModFile, data: str | None = None) -> pd.DataFrame:
    """The observables by quarter; data without dates by the number of their row in the file, from 1.

    Args:
        data: a file, the name of a shipped data set, or None for the file's own `datafile`.

    Raises:
        DataError: as `ModFile.load_data`.
    """
    frame = mod.load_data(load_data(data) if data and data_file(mod, data) is None else data)
    if not isinstance(frame.index, pd.PeriodIndex):
        frame.index = numbered(len(frame), int(frame.index[0]) + 1)
    return frame


def data_file(mod: ModFile, data: str | None = None) -> Path | None:
    """The file that `experiment_data` reads; None for a shipped data set."""
    if data is None:
        return find_table(mod.path.parent, mod.estimation)
    return Path(data) if Path(data).exists() or Path(data).suffix else None


def write_experiment(mod: ModFile, folder: Path, data: str | None = None) -> Path:
    """Write ``NAME.py``, the converted model with an experiment on it, and its data, ``NAME.csv``.

    Args:
        mod: the file as `read_mod` returns it.
        folder: where to write.
        data: see `experiment_data`.

    Returns:
        The path of the experiment file.

    Raises:
        DataError: as `ModFile.load_data`.
    """
    frame = experiment_data(mod, data)
    folder.mkdir(parents=True, exist_ok=True)
    series, target = folder / f"{mod.model.name}.csv", folder / f"{mod.model.name}.py"
    frame.to_csv(series)
    target.write_text(experiment_source(mod, str(series.resolve())), encoding="utf-8")
    return target
