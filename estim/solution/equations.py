"""A model's residuals and measurement as functions of a flat list of scalars, its measurement error as a matrix."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from estim.model import Model
from estim.typing import Array


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


def measurement_covariance(model: Model, params) -> Array:
    """Covariance of the measurement errors ``[n_obs, n_obs]``, of whichever form the model gives."""
    n = len(model.observables._fields)
    if model.measurement_error is None:
        return jnp.zeros((n, n))
    error = model.measurement_error(params)
    if isinstance(error, model.observables):
        return jnp.diag(jnp.stack([jnp.asarray(u, float) for u in error]) ** 2)
    return jnp.asarray(error, float)
