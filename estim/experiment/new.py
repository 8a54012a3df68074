"""``estim new``: an experiment file to begin with, a model of the gallery with data and all."""

from importlib import import_module
from inspect import getsource
from pathlib import Path

from estim.data.datasets import list_data, load_data
from estim.experiment.settings import ExperimentError
from estim.models import load_model

_EXPERIMENT = """
experiment = estim.Experiment(
    model=model,
    data="{data}",{remark}
)
"""


def write_experiment(path: Path, model: str) -> None:
    """Write the source of a gallery model, with an experiment on shipped data of its observables.

    Args:
        path: the file, which must not exist.
        model: a name in the gallery.

    Raises:
        ExperimentError: there is such a file, or it is no Python file.
        ModelError: there is no such model.
    """
    if path.suffix != ".py":
        raise ExperimentError(f"{path}: name it .py, it is to hold Python")
    if path.exists():
        raise ExperimentError(f"{path}: there is such a file already; choose another name")
    observables = load_model(model).observables._fields
    source = getsource(import_module(f"estim.models.{model}"))
    before, first_import, after = source.partition("\nfrom estim.")
    # Of the same observables and no others: a "Y" among others is in other units.
    fitting = [name for name in list_data() if set(observables) == set(load_data(name).columns)]
    remark = "" if fitting else f"  # a CSV file, its columns date, {', '.join(observables)}"
    experiment = _EXPERIMENT.format(data=fitting[0] if fitting else "my_data.csv", remark=remark)
    path.write_text(f"{before}\nimport estim{first_import}{after}{experiment}", encoding="utf-8")
