"""A cockpit for a model by its name, in a file, or as a run estimated it."""

from pathlib import Path
from typing import Any

from estim.cockpit.moves import Cockpit, Estimated
from estim.experiment.files import load_model_and_data
from estim.model import Model
from estim.pipeline.run import load_run
from estim.results.store import RunDirectory
from estim.surrogate.fit import surrogate_from_arrays
from estim.user_code import import_file


def open_cockpit(name: str, horizon: int = 40, num_draws: int = 200) -> Cockpit:
    """The cockpit of a model of the gallery, of a Python or Dynare file, or of a run.

    A Python file may define ``objectives``, a function of the paths by name that gives numbers by name, each of which
    is to be kept small.

    Args:
        name: the model's, or the path of a file or of a run directory.
        horizon: number of periods.
        num_draws: of a run, for bands.
    """
    if not Path(name).is_dir():
        model, _ = load_model_and_data(name)
        return Cockpit(model, horizon, _objectives(name))
    run = load_run(name)
    model = run.model
    n = len(run.param_names)
    drawn = run._params(run.route)[..., :n]  # shocks may stand behind them
    responses = (
        run.impulse_responses(horizon, num_draws=num_draws).values if isinstance(model, Model) else None
    )
    estimated = Estimated(run.posterior, drawn.reshape(-1, n).astype(float), responses, _learnt(name, run))
    return Cockpit(model, horizon, None, estimated)


def _learnt(name: str, run: Any) -> Any:
    """The posterior of the run's surrogate, or None."""
    directory = RunDirectory(name)
    if not directory.has("surrogate/network.npz"):
        return None
    return surrogate_from_arrays(run.posterior, directory.read_arrays("surrogate/network.npz")).posterior


def _objectives(name: str) -> Any:
    return getattr(import_file(Path(name)), "objectives", None) if name.endswith(".py") else None
