"""A model's residuals and measurement as functions of a flat list of scalars."""

from collections.abc import Callable
from typing import Any

from estim.model import Model


def flat_residuals(model: Model, params) -> Callable[..., list[Any]]:
    """``(*lag, *now, *lead, *shocks) -> residuals``, in the order of the equations."""
    n = len(model.variables._fields)

    def residuals(*x):
        lag, now, lead = (model.variables(*x[k * n : (k + 1) * n]) for k in range(3))
        return list(model.residuals(lag, now, lead, model.shocks(*x[3 * n :]), params).values())

    return residuals


def flat_measurement(model: Model, params) -> Callable[..., list[Any]]:
    """``(*now, *lag) -> observables``."""
    n = len(model.variables._fields)
    return lambda *x: list(model.measurement(model.variables(*x[:n]), model.variables(*x[n:]), params))
