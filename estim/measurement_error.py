"""Whether a model's measurement errors have a covariance at given parameters; where not, the entry is named."""

from typing import Any

import numpy as np

from estim.arguments import shown
from estim.model import Model, ModelError

_TOLERANCE = 1e-10
"""Of asymmetry and of negative roots, relative to the largest entry."""


def check_measurement_error(model: Model, params: Any) -> None:
    """
    Args:
        model: the model.
        params: its parameters, as numbers.

    Raises:
        ModelError: a standard deviation is negative or no number, or a covariance matrix is not symmetric or not
            positive semidefinite.
    """
    if model.measurement_error is None:
        return
    error, names = model.measurement_error(params), model.observables._fields
    if isinstance(error, model.observables):
        for name, value in zip(names, error, strict=True):
            if not float(value) >= 0.0:
                raise ModelError(
                    f"{model.name}: measurement_error: the standard deviation of '{name}' is {float(value):g}"
                )
        return
    cov = np.asarray(error, float)
    if not np.isfinite(cov).all():
        raise ModelError(
            f"{model.name}: measurement_error: the covariance matrix is not finite: {shown(cov)}"
        )
    size = np.abs(cov).max()
    apart = np.abs(cov - cov.T)
    if apart.max() > _TOLERANCE * size:
        i, j = np.unravel_index(np.argmax(apart), cov.shape)
        raise ModelError(
            f"{model.name}: measurement_error: the covariance matrix is not symmetric: "
            f"{cov[i, j]:g} for '{names[i]}' and '{names[j]}', {cov[j, i]:g} the other way round"
        )
    for name, variance in zip(names, np.diag(cov), strict=True):
        if variance < 0:
            raise ModelError(f"{model.name}: measurement_error: the variance of '{name}' is {variance:g}")
    if np.linalg.eigvalsh(cov)[0] < -_TOLERANCE * size:
        raise ModelError(
            f"{model.name}: measurement_error: {shown(cov.tolist())} is no covariance matrix: "
            "it is not positive semidefinite"
        )
