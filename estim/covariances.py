"""Whether shocks and measurement errors have covariances at given parameters; where not, the entry is named."""

from typing import Any

import numpy as np

from estim.arguments import shown
from estim.specification import Specification
from estim.tracing import ModelError

_TOLERANCE = 1e-10
"""Of asymmetry and of negative roots, relative to the largest entry."""


def check_covariances(model: Specification, params: Any) -> None:
    """
    Args:
        model: the model.
        params: its parameters, as numbers.

    Raises:
        ModelError: a standard deviation is negative or no number, or a covariance or correlation matrix is not
            symmetric or not positive semidefinite, or has no ones on its diagonal where it should.
    """
    if model.shock_correlation is not None:
        where = f"{model.name}: shock_correlation: the correlation matrix"
        correlation = np.asarray(model.shock_correlation(params), float)
        _check_matrix(correlation, where, model.shocks._fields)
        for name, one in zip(model.shocks._fields, np.diag(correlation), strict=True):
            if abs(one - 1.0) > _TOLERANCE:
                raise ModelError(f"{where} has {one:g} and not 1 on its diagonal for '{name}'")
    if model.measurement_error is None:
        return
    error, names = model.measurement_error(params), model.observables._fields
    if isinstance(error, tuple | list):
        for name, value in zip(names, error, strict=True):
            if not float(value) >= 0.0:
                raise ModelError(
                    f"{model.name}: measurement_error: the standard deviation of '{name}' is {float(value):g}"
                )
        return
    _check_matrix(np.asarray(error, float), f"{model.name}: measurement_error: the covariance matrix", names)


def _check_matrix(cov: np.ndarray, where: str, names: tuple[str, ...]) -> None:
    if not np.isfinite(cov).all():
        raise ModelError(f"{where} is not finite: {shown(cov)}")
    size = np.abs(cov).max()
    apart = np.abs(cov - cov.T)
    if apart.max() > _TOLERANCE * size:
        i, j = np.unravel_index(np.argmax(apart), cov.shape)
        raise ModelError(
            f"{where} is not symmetric: "
            f"{cov[i, j]:g} for '{names[i]}' and '{names[j]}', {cov[j, i]:g} the other way round"
        )
    for name, variance in zip(names, np.diag(cov), strict=True):
        if variance < 0:
            raise ModelError(f"{where}: the variance of '{name}' is {variance:g}")
    if np.linalg.eigvalsh(cov)[0] < -_TOLERANCE * size:
        raise ModelError(
            f"{where} {shown(cov.tolist())} is no covariance matrix: it is not positive semidefinite"
        )
