"""Files that hold experiments and models."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from estim.arguments import checked, shown
from estim.dynare import read_mod
from estim.experiment.experiment import Experiment, from_settings
from estim.experiment.settings import ExperimentError, refused
from estim.models import load_model
from estim.specification import Specification
from estim.user_code import NotPythonError, import_file

_LONGEST_FILE = 10_000_000
"""Bytes of a settings.json, which has some thousands."""


@checked
def load_experiment(path: str | Path) -> Experiment:
    """The experiment that a file defines: ``experiment`` of a Python file, or a run's ``settings.json``.

    Raises:
        ExperimentError: no such file, or no experiment in it.
    """
    path = Path(path)
    if not path.is_file():
        raise ExperimentError(f"{path}: no such file")
    if path.suffix == ".json":
        settings, source = _read_settings(path), None
        if settings.get("own_model"):
            source = str(path.with_name("model.py"))
        model = load_experiment(source).model if source else None
        with refused(f"{path}: "):
            return from_settings(settings, model, source)
    experiment = getattr(_import_file(path), "experiment", None)
    if not isinstance(experiment, Experiment):
        raise ExperimentError(f"{path}: defines no `experiment = Experiment(...)`")
    return replace(experiment, source=str(path))


def _read_settings(path: Path) -> dict[str, Any]:
    """The object in a ``settings.json``.

    Raises:
        ExperimentError: it is not JSON or no object; names the file.
    """
    if path.stat().st_size > _LONGEST_FILE:
        raise ExperimentError(f"{path}: {path.stat().st_size} bytes are no settings")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, nested without end
        raise ExperimentError(f"{path}: not JSON ({error})") from None
    if not isinstance(settings, dict):
        raise ExperimentError(f"{path}: holds {shown(settings)} and no settings")
    return settings


@checked
def load_model_and_data(name: str) -> tuple[Any, pd.DataFrame | None]:
    """A model by its name in the gallery, from a Python file with its experiment's data, or from Dynare's with its own.

    Raises:
        ExperimentError: the file defines neither `experiment` nor `model`.
    """
    if name.endswith(".mod"):
        file = read_mod(name)
        return file.model, file.load_data() if file.has_data else None
    if not name.endswith(".py"):
        return load_model(name), None
    module = _import_file(Path(name))
    experiment = getattr(module, "experiment", None)
    if isinstance(experiment, Experiment):
        return experiment.load_model(), replace(experiment, source=name).load_data()
    if isinstance(getattr(module, "model", None), Specification):
        return module.model, None
    raise ExperimentError(f"{name}: defines neither `model = Model(...)` nor `experiment = Experiment(...)`")


def _import_file(path: Path) -> Any:
    """Execute a Python file as a module; its folder is importable meanwhile."""
    if not path.is_file():
        raise ExperimentError(f"{path}: no such file")
    try:
        return import_file(path)
    except NotPythonError as error:
        raise ExperimentError(str(error)) from error
    except SystemExit:
        raise ExperimentError(f"{path}: ends the program where it should define an experiment") from None
