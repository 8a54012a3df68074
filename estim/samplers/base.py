"""The contract of every sampler: BlackJAX's pair of functions, plus what was evaluated.

State holds only what the next step needs; Info holds diagnostics; tuning sits in neither.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from estim.evaluations import Evaluations
from estim.typing import Array, Key, Position


class SamplingAlgorithm(NamedTuple):
    """A Markov kernel. ``Info`` has the fields ``acceptance_rate`` and ``evaluations``."""

    init: Callable[[Position], Any]
    step: Callable[[Key, Any], tuple[Any, Any]]


class Draws(NamedTuple):
    """What `estim.sample` returns, as host arrays.

    ``position`` ``[chain, draw, dim]``; ``loglikelihood`` and ``logprior`` ``[chain, draw]``;
    ``stats`` maps ArviZ statistic names to ``[chain, draw]``; ``evaluations`` holds every
    point that the run evaluated after warm-up, rejected ones too (leading axis ``[n]``);
    ``seconds`` maps a phase ("compile", "warmup", "sample") to wall time.
    """

    param_names: tuple[str, ...]
    position: Array
    loglikelihood: Array
    logprior: Array
    stats: dict[str, Array]
    evaluations: Evaluations
    seconds: dict[str, float]
