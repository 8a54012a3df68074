"""Whether what a run has to hold at once fits into the memory of the machine."""

from estim.experiment import Experiment, ExperimentError
from estim.runtime import available_memory


def require_memory(experiment: Experiment, dim: int) -> None:
    """
    Raises:
        ExperimentError: the draws of a route, which a report reads as a whole, are more than there is memory.
    """
    available = available_memory()
    for name, route in experiment.routes.items():
        _require(f"routes.{name}", route.num_samples, route.num_chains, dim, 8, available)
    if (learnt := experiment.surrogate) is not None:
        _require("surrogate", learnt.num_samples, learnt.num_chains, dim, 4, available)


def _require(name: str, num_samples: int, num_chains: int, dim: int, size: int, available: int) -> None:
    needed = num_samples * num_chains * (dim + 3) * size  # parameters, log-likelihood, log-prior, a statistic
    if needed > available:
        raise ExperimentError(
            f"{name}: {num_chains:,} chains of {num_samples:,} draws of {dim} parameters are {needed:,} bytes, and "
            f"this machine has {available:,}: ask for fewer draws or chains"
        )
