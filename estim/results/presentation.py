"""A model in words: what `estim show` prints."""

from collections.abc import Iterator
from inspect import getsource
from textwrap import dedent

import pandas as pd

from estim.model import Model
from estim.results.describe import describe_model
from estim.solution.at_rest import levels
from estim.solution.responses import impulse_responses
from estim.solution.table import default_solver

_DIGITS = 4


def presentation(model: Model) -> Iterator[tuple[str, str]]:
    """Titles and texts: names, equations, prior, calibrated values, the steady state, responses on impact.

    Raises:
        SolutionError: the model has no solution at its default parameters; what comes before has been given.
    """
    described = describe_model(model)
    yield model.name, model.reference or "no reference"
    for what in ("variables", "shocks", "observables"):
        yield f"{len(described[what])} {what}", ", ".join(described[what]) or "none"
    yield "equations", _source(model.residuals)
    if model.measurement is not None:
        yield "measurement", _source(model.measurement)
    if described["prior"]:
        yield "prior", _table(pd.DataFrame(described["prior"]).set_index("name"))
    if described["calibrated"]:
        yield (
            "calibrated",
            "\n".join(f"{name} = {value:g}" for name, value in described["calibrated"].items()),
        )
    if default_solver(model).states_rest:
        yield "steady state", levels(model, model.params())
    responses = impulse_responses(model, model.defaults, 1).isel(horizon=0)
    yield "responses on impact, to one standard deviation", _table(responses.to_pandas())


def _source(function: object) -> str:
    try:
        return dedent(getsource(function)).strip()  # type: ignore[arg-type]
    except (OSError, TypeError):
        return "its source is not to be had"


def _table(frame: pd.DataFrame) -> str:
    return frame.to_string(float_format=lambda value: f"{value:.{_DIGITS}g}", na_rep="–")
