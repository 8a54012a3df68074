"""The calls people make first: a model by name or in person, parameters in its own units.

Here failure raises, with a message that names the culprit; inside compiled code it is a status.
"""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from estim.arguments import ArgumentError, Number, Positive, checked
from estim.covariances import check_covariances
from estim.data.datasets import load_data
from estim.decision import DecisionModel
from estim.estimation import EstimationData, likelihood_of
from estim.model import Model
from estim.models import load_model
from estim.paths import responses_of_simulation
from estim.runtime import require_own_runtime
from estim.simulation import Simulation
from estim.solution import responses
from estim.solution.at_rest import solution_error
from estim.solution.table import solver_named
from estim.specification import Specification
from estim.typing import ParamValues


@checked
def loglikelihood(
    model: Model | Simulation | DecisionModel | str,
    params: Any,
    data: Any,
    *,
    solver: Any = None,
    likelihood: Any = None,
    **options: Any,
) -> float:
    """Log-likelihood of a model at given parameters, constants included.

    Args:
        model: a `Model`, a `Simulation`, a `DecisionModel`, or the name of a model in the gallery.
        params: values that override the model's defaults, in its own units: a mapping, or the model's own Params.
        data: a frame with the model's observables, or the name of a data set; NaN is missing.
        solver, likelihood: as in `build_posterior`.
        options: settings of the likelihood, as in ``presample=4``.

    Returns:
        The log-likelihood, with -(n/2) ln 2 pi for the n numbers observed.

    Raises:
        ArgumentError: a setting is not one that the likelihood can take.
        ModelError: a parameter is unknown or outside its prior's support, or the measurement errors have no
            covariance there.
        DataError: the data lack an observable, or are no regular frame of numbers.
        SolutionError: the model has no solution or no likelihood there; the message says why.
    """
    model = load_model(model) if isinstance(model, str) else model
    values = _checked(model, params)
    frame = load_data(data) if isinstance(data, str | Path) else data
    evaluation, read = likelihood_of(model, frame, solver, likelihood, options)
    params = model.params(values)
    check_covariances(model, params)
    value, status = evaluation.at(params, EstimationData(read))
    if int(status):
        raise solution_error(int(status), model, params, evaluation.explain(int(status)))
    return float(value)


@checked
def solve(model: Model | Simulation | DecisionModel | str, params: Any = None, *, solver: Any = None) -> Any:
    """The model's solution at given parameters.

    Args:
        model: a `Model`, a `Simulation`, a `DecisionModel`, or the name of a model in the gallery.
        params: values that override the model's defaults, in its own units: a mapping, or the model's own Params.
        solver: such as ``estim.FirstOrder()``; by default the one that suits the model.

    Returns:
        The representation that the solver gives, with its status OK.

    Raises:
        ModelError: a parameter is unknown or outside its prior's support, or the measurement errors have no
            covariance there.
        SolutionError: there is none; the message says why.
    """
    model = load_model(model) if isinstance(model, str) else model
    given = model.params(_checked(model, params))
    check_covariances(model, given)
    solution = solver_named(model, solver).solve(model, given)
    status = int(np.max(np.asarray(solution.status)))  # of agents who differ, one of each type
    if status:
        raise solution_error(status, model, given)
    return solution


@checked
def impulse_responses(
    model: Model | Simulation | str,
    params: Any = None,
    *,
    horizon: Positive = 40,
    size: Number = 1.0,
    start: Any = None,
) -> xr.DataArray:
    """Responses of every variable to a shock of one standard deviation.

    Of a `Model` in deviations from the steady state. Of a `Simulation` what the shock changes: its path with the shock
    in the first period, less its path without any; the numbers of its state and its observables respond.

    Args:
        model: a `Model`, a `Simulation`, or the name of one in the gallery.
        params: values that override the model's defaults, in its own units.
        horizon: number of periods, that of the shock included.
        size: of the shock, in standard deviations; a negative one is a fall.
        start: of a `Simulation`, the state before the shock; by default its own start.

    Returns:
        An array with the dimensions ``horizon``, ``variable`` and ``shock``.

    Raises:
        ArgumentError: a start is given of a `Model`, which begins at rest.
        ModelError: a parameter is unknown or outside its prior's support.
        SolutionError: the model has no solution there; the message says why.
    """
    model = load_model(model) if isinstance(model, str) else model
    values = _checked(model, params)
    if isinstance(model, Simulation):
        return responses_of_simulation(model, model.params(values), horizon, float(size), start)
    if start is not None:
        raise ArgumentError("impulse_responses: a Model begins at rest; start is for a Simulation")
    return size * responses.impulse_responses(model, values, horizon)


def _checked(model: Specification, params: Any) -> ParamValues:
    """The model's parameters as a mapping of numbers, once known to be valid."""
    require_own_runtime()
    values = model.params(params)._asdict()
    model.check_support(values)
    return {name: value if np.ndim(value) else float(value) for name, value in values.items()}
