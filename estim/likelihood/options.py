"""The options of a model's likelihood, checked where they are handed in: by themselves, together, on the data."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from estim.arguments import ArgumentError, check_settings, settings_of
from estim.likelihood.moving_average.toeplitz import toeplitz_loglikelihood
from estim.likelihood.state_space.kalman import kalman_loglikelihood
from estim.model import Model

_NEED_COMPLETE_DATA = ("chandrasekhar", "lattice")


def likelihood_of(model: Model) -> Callable[..., Any]:
    """The function whose keyword arguments the options are: of a moving average, or of a state space."""
    return toeplitz_loglikelihood if model.het_blocks else kalman_loglikelihood


def check_options(
    model: Model, options: Mapping[str, Any], observations: np.ndarray | None = None
) -> dict[str, Any]:
    """The options, if the likelihood of `model` has them and can use them together, and on the observations.

    Args:
        model: the model.
        options: such as ``{"presample": 4, "start": "diffuse"}``.
        observations: ``[n_periods, n_obs]``, or None where they are not known yet.

    Raises:
        ArgumentError: an unknown option, a value out of its range, or two that do not go together.
    """
    options = check_settings(settings_of(likelihood_of(model)), options, "likelihood")
    method, start = options.get("method", "auto"), options.get("start", "stationary")
    stationary = isinstance(start, str) and start == "stationary"
    if method == "chandrasekhar" and not stationary:
        raise ArgumentError("likelihood.method='chandrasekhar' needs start='stationary'")
    if isinstance(start, str) and start == "diffuse" and method not in ("auto", "standard"):
        raise ArgumentError(
            f"likelihood.method={method!r}: start='diffuse' has a filter of its own, method 'auto' or 'standard'"
        )
    if observations is None:
        return options
    if (presample := options.get("presample", 0)) >= len(observations):
        raise ArgumentError(
            f"likelihood.presample={presample} must be less than the {len(observations)} periods of the sample"
        )
    if method in _NEED_COMPLETE_DATA and np.isnan(observations).any():
        raise ArgumentError(f"likelihood.method={method!r} needs data without gaps; 'auto' takes any")
    return options
