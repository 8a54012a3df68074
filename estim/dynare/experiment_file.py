"""An experiment file from a `.mod` file: what `estim run paper.mod --data FILE` runs."""

from pathlib import Path

import pandas as pd

from estim.datasets import load_data
from estim.dynare.modfile import ModFile

_FIRST_QUARTER = "1900Q1"


def write_experiment(mod: ModFile, folder: Path, data: str | None = None) -> Path:
    """Write ``NAME.py``, the converted model with an experiment on it, and its data, ``NAME.csv``.

    Args:
        mod: the file as `read_mod` returns it.
        folder: where to write.
        data: a file, the name of a shipped data set, or None for the file's own `datafile`. Data
            without dates are counted in quarters from 1900Q1.

    Returns:
        The path of the experiment file.

    Raises:
        DataError: as `ModFile.load_data`.
    """
    named = data is not None and not Path(data).exists() and not Path(data).suffix
    frame = mod.load_data(load_data(data) if named and data else data)
    if not isinstance(frame.index, pd.PeriodIndex):
        frame.index = pd.period_range(_FIRST_QUARTER, periods=len(frame), freq="Q")
    folder.mkdir(parents=True, exist_ok=True)
    series, target = folder / f"{mod.model.name}.csv", folder / f"{mod.model.name}.py"
    frame.to_csv(series, index_label="date")
    source = mod.source.replace(
        "\nfrom estim.model import Model\n",
        "\nfrom estim.experiment import Experiment\nfrom estim.model import Model\n",
        1,
    )
    experiment = (
        f"Experiment(model=model, data={str(series.resolve())!r}, likelihood={mod.likelihood_options!r})"
    )
    target.write_text(f"{source}\nexperiment = {experiment}\n", encoding="utf-8")
    return target
