"""The log-posterior at chosen positions, and rows picked evenly."""

from typing import Any

import numpy as np

from estim.posterior import Posterior
from estim.samplers.mode import Laplace
from estim.surrogate.evaluate import evaluate_posterior


def slice_positions(laplace: Laplace, num_points: int = 41, reach: float = 3.0) -> np.ndarray:
    """Points along each parameter, the others at the mode, ``[dim, num_points, dim]``.

    They reach `reach` conditional standard deviations to both sides.
    """
    width = reach / np.sqrt(np.diag(np.linalg.inv(laplace.covariance)))
    offsets = np.linspace(-1, 1, num_points)
    return laplace.mode + offsets[None, :, None] * np.diag(width)[:, None, :]


def logdensities(posterior: Posterior, positions: np.ndarray) -> np.ndarray:
    """The log-posterior ``[...]`` at ``positions`` ``[..., dim]``."""
    evaluated = evaluate_posterior(posterior, positions.reshape(-1, positions.shape[-1]))
    return np.asarray(evaluated.logdensity).reshape(positions.shape[:-1])


def thin(rows: Any, num: int) -> Any:
    """At most `num` rows, evenly spaced."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, num).astype(int))]
