"""A cockpit for a model by its name, in a file, or as a run estimated it."""

from pathlib import Path
from typing import Any

from estim.arguments import Positive, checked
from estim.cockpit.moves import Cockpit, Estimated
from estim.experiment.files import load_model_and_data
from estim.model import Model
from estim.pipeline.run import load_run
from estim.results.store import RunDirectory
from estim.simulation import Simulation
from estim.surrogate.fit import surrogate_from_arrays
from estim.user_code import import_file


@checked
def open_cockpit(
    model: str | Path | Model | Simulation, horizon: Positive = 40, num_draws: Positive = 200
) -> Cockpit:
    """The cockpit of a model, as an object, of the gallery, or of a Python or Dynare file; or that of a run.

    A Python file may define ``objectives``, a function of the paths by name that gives numbers by name, each of which
    is to be kept small.

    Args:
        model: a `Model` or a `Simulation`, a model's name, or the path of a file or of a run directory.
        horizon: number of periods.
        num_draws: of a run, for bands.

    Returns:
        The cockpit, without its page. ``levers`` are the parameters and shocks that move, each with its group, name and
        range; ``move`` takes values by ``"group:name"`` and says what is known at once, ``exact`` what is true, and
        ``settle`` adds the gradient of each objective by each lever, for a tenth of the lever's range.

    Raises:
        ExperimentError: there is no such file, or no model in it.
        ModelError: the gallery has no such model.
        ArgumentError: an argument is of a wrong kind, or the model is a dynamic program.
        StoreError: the run is damaged.
    """
    if isinstance(model, (Model, Simulation)):
        return Cockpit(model, horizon)
    name = str(model)
    if not Path(name).is_dir():
        return Cockpit(load_model_and_data(name)[0], horizon, _objectives(name))
    run = load_run(name)
    n = len(run.param_names)
    drawn = run._params(run.route)[..., :n]  # shocks may stand behind them
    responses = (
        run.impulse_responses(horizon, num_draws=num_draws).values if isinstance(run.model, Model) else None
    )
    estimated = Estimated(run.posterior, drawn.reshape(-1, n).astype(float), responses, _learnt(name, run))
    return Cockpit(run.model, horizon, None, estimated)


def _learnt(name: str, run: Any) -> Any:
    """The posterior of the run's surrogate, or None."""
    directory = RunDirectory(name)
    if not directory.has("surrogate/network.npz"):
        return None
    return surrogate_from_arrays(run.posterior, directory.read_arrays("surrogate/network.npz")).posterior


def _objectives(name: str) -> Any:
    return getattr(import_file(Path(name)), "objectives", None) if name.endswith(".py") else None
