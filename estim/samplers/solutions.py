"""The model solved at many positions, all in one compiled program."""

from typing import Any

import numpy as np

from estim.devices import map_positions
from estim.posterior import Posterior
from estim.typing import Position


def solutions(posterior: Posterior, positions: np.ndarray) -> Any:
    """The model solved at ``positions`` ``[n, dim]``: a representation whose leaves have leading axis ``[n]``."""
    return map_positions(_solution, posterior, positions, sequential=posterior.sequential)


def _solution(posterior: Posterior, position: Position) -> Any:
    return posterior.likelihood.solution(position, posterior.data)
