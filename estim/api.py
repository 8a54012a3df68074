"""The calls people make first: a model by name or in person, parameters in its own units.

Here failure raises, with a message that names the culprit; inside compiled code it is a status.
"""

from typing import Any

import jax
import pandas as pd
import xarray as xr

from estim.datasets import load_data, select_observables
from estim.model import Model
from estim.models import load_model
from estim.posterior import checked_presample, explain, model_loglikelihood, solve_compiled
from estim.solution import responses
from estim.solution.representations import MovingAverage, StateSpace
from estim.status import SolutionError
from estim.typing import ParamValues


def loglikelihood(
    model: Model | str,
    params: ParamValues | None,
    data: pd.DataFrame | str,
    *,
    presample: int = 0,
    **options: Any,
) -> float:
    """Log-likelihood of a model at given parameters, constants included.

    Args:
        model: a `Model` or the name of one in the gallery.
        params: values that override the model's defaults, in its own units.
        data: a frame with the model's observables, or the name of a data set; NaN is missing.
        presample: periods at the start that are filtered but not counted: a whole number from 0
            to less than those of the data.
        options: passed on to `estim.likelihood.kalman.kalman_loglikelihood`.

    Raises:
        ModelError: a parameter is unknown or outside its prior's support.
        DataError: the data lack an observable, or `presample` is out of range.
        SolutionError: the model has no solution or no likelihood there; the message says why.
    """
    model = load_model(model) if isinstance(model, str) else model
    values = _checked(model, params)
    frame = load_data(data) if isinstance(data, str) else data
    observations = select_observables(frame, model.observables._fields, model.name).to_numpy()
    presample = checked_presample(presample, len(observations))
    evaluate = _household_loglikelihood if model.het_blocks else model_loglikelihood
    value, status = evaluate(model, model.params(values), observations, presample=presample, **options)
    if int(status):
        raise SolutionError(int(status), model.name, explain(model, int(status)))
    return float(value)


def solve(model: Model | str, params: ParamValues | None = None) -> StateSpace | MovingAverage:
    """The model's first-order solution at given parameters.

    Raises:
        ModelError: a parameter is unknown or outside its prior's support.
        SolutionError: there is none; the message says why.
    """
    model = load_model(model) if isinstance(model, str) else model
    solution = solve_compiled(model, model.params(_checked(model, params)))
    if int(solution.status):
        raise SolutionError(int(solution.status), model.name)
    return solution


def impulse_responses(
    model: Model | str, params: ParamValues | None = None, *, horizon: int = 40
) -> xr.DataArray:
    """Responses of every variable to a shock of one standard deviation, in deviations from the steady state.

    Returns:
        An array with the dimensions ``horizon``, ``variable`` and ``shock``.

    Raises:
        ModelError: a parameter is unknown or outside its prior's support.
        SolutionError: the model has no solution there; the message says why.
    """
    model = load_model(model) if isinstance(model, str) else model
    return responses.impulse_responses(model, _checked(model, params), horizon)


def _checked(model: Model, params: ParamValues | None) -> ParamValues:
    """The model's parameters as a mapping of floats, once known to be valid."""
    values = model.params(params)._asdict()
    model.check_support(values)
    return {name: float(value) for name, value in values.items()}


_household_loglikelihood = jax.jit(
    model_loglikelihood, static_argnums=0, static_argnames=("presample", "method")
)
