"""`model_comparison`: the marginal likelihoods of estimated models, and how probable each is."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from estim.analysis.marginal_likelihood import model_probabilities
from estim.dynare.asked import Command
from estim.dynare.drawings import Drawings
from estim.dynare.modfile import ModFile
from estim.model import ModelError
from estim.results.store import RunDirectory

_METHODS = {"laplace": "Laplace", "modifiedharmonicmean": "modified harmonic mean"}


def model_comparison(mod: ModFile, command: Command) -> dict[str, str]:
    """``model_comparison(marginal_density=laplace) first(0.5) second(0.5);``, from the runs of these models: the folder
    of that name beside the file, or in ``runs`` there, as ``estim run`` writes it.

    Raises:
        ModelError: a model has no finished run, or a prior probability is no number from zero on.
    """
    asked = (command.options.get("marginal_density") or "laplace").lower()
    if asked not in _METHODS:
        raise ModelError(
            f"line {command.line}: 'marginal_density' must be one of {', '.join(_METHODS)}, not {asked}"
        )
    if not command.models:
        raise ModelError(f"line {command.line}: 'model_comparison' needs the names of models")
    prior = {name: 1.0 if weight is None else weight for name, weight in command.models.items()}
    if not (sum(prior.values()) > 0 and min(prior.values()) >= 0):
        raise ModelError(
            f"line {command.line}: prior probabilities must be numbers from zero on, not all of them zero"
        )
    prior = {name: weight / sum(prior.values()) for name, weight in prior.items()}
    logs = {name: _log_density(run_of(mod, name, command), asked, command) for name in prior}
    with np.errstate(divide="ignore"):
        posterior = model_probabilities(logs, prior)
    first = next(iter(logs))
    table = pd.DataFrame(
        {
            "prior": prior,
            "log marginal density": logs,
            "Bayes factor": {name: float(np.exp(value - logs[first])) for name, value in logs.items()},
            "posterior probability": posterior,
        }
    ).T
    return {f"MODEL COMPARISON ({_METHODS[asked]})": table.to_string(float_format="{:.6g}".format)}


def run_of(mod: ModFile, name: str, command: Command) -> RunDirectory:
    """The run of a model beside the file; ModelError where there is none."""
    place = mod.path.parent
    for folder in (place / name, place / "runs" / name, place / "runs" / Path(name).name):
        if (run := RunDirectory(folder)).has("mode.npz"):
            return run
    raise ModelError(
        f"line {command.line}: '{name}' has no run yet: estim run {name}.mod --out {place / 'runs' / Path(name).name}"
    )


def _log_density(run: RunDirectory, method: str, command: Command) -> float:
    if method == "laplace":
        return float(run.read_arrays("mode.npz")["log_marginal_likelihood"])
    rows = run.read_json("evidence.json")["rows"] if run.has("evidence.json") else []
    found = [row["value"] for row in rows if row["method"] == "harmonic mean"]
    if not found:
        raise ModelError(
            f"line {command.line}: {run.path} has no harmonic mean; a run has one where it has chains beside a route "
            "of tempered SMC"
        )
    return float(found[0])


def table(mod: ModFile, drawings: Drawings) -> dict[str, Callable[[Command], dict[str, str]]]:
    """The commands of this module: each gives texts by their titles."""
    return {"model_comparison": partial(model_comparison, mod)}
