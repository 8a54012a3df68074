"""A specification in words: what `estim show` prints."""

from collections.abc import Iterator
from dataclasses import fields
from inspect import getsource, isfunction
from textwrap import dedent
from typing import Any

import numpy as np
import pandas as pd

from estim.model import Model
from estim.results.describe import describe_prior
from estim.solution.at_rest import levels
from estim.solution.responses import impulse_responses
from estim.solution.table import default_solver
from estim.specification import Specification

_DIGITS = 4


def presentation(spec: Specification) -> Iterator[tuple[str, str]]:
    """Titles and texts: names, the author's functions, prior, calibrated values; of a `Model` its rest and responses.

    Raises:
        SolutionError: a model has no solution at its default parameters; what comes before has been given.
    """
    yield spec.name, spec.reference or "no reference"
    parts = {field.name: getattr(spec, field.name) for field in fields(spec)}  # type: ignore[arg-type]
    for name, value in parts.items():
        if isinstance(value, type) and hasattr(value, "_fields"):
            yield f"{len(value._fields)} {name}", ", ".join(value._fields) or "none"
    for name, value in parts.items():
        if isfunction(value):
            yield name, _source(value)
    if isinstance(spec, Model):
        yield (
            "equations in TeX",
            "\n".join(f"{name}: {text}" for name, text in spec.equations_in_tex().items()),
        )
        if words := [f"{name}: {text}" for name, (text, _) in spec.labels.items() if text]:
            yield "labels", "\n".join(words)
    yield from _parameters(spec)
    if isinstance(spec, Model):
        yield from _at_rest_and_after(spec)


def _parameters(spec: Specification) -> Iterator[tuple[str, str]]:
    if spec.estimated:
        rows = [{"name": n} | describe_prior(getattr(spec.prior, n)) for n in spec.estimated]
        yield "prior", _table(pd.DataFrame(rows).set_index("name"))
    defaults = spec.params()._asdict()
    calibrated = [f"{n} = {_value(x)}" for n, x in defaults.items() if n not in spec.estimated]
    if calibrated:
        yield "calibrated", "\n".join(calibrated)


def _at_rest_and_after(model: Model) -> Iterator[tuple[str, str]]:
    if default_solver(model).states_rest:
        yield "at rest", levels(model, model.params())
    responses = impulse_responses(model, model.defaults, 1).isel(horizon=0)
    yield "responses on impact, to one standard deviation", _table(responses.to_pandas())


def _value(x: Any) -> str:
    return f"{float(x):g}" if np.ndim(x) == 0 else f"numbers of shape {np.shape(x)}"


def _source(function: Any) -> str:
    try:
        return dedent(getsource(function)).strip()
    except OSError:
        return "its source is not to be had"


def _table(frame: pd.DataFrame) -> str:
    return frame.to_string(float_format=lambda value: f"{value:.{_DIGITS}g}", na_rep="–")
