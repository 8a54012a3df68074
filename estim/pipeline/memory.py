"""Whether what a run has to hold at once fits into the memory of the machine."""

import os
from contextlib import suppress
from pathlib import Path

from estim.experiment import Experiment, ExperimentError

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def require_memory(experiment: Experiment, dim: int) -> None:
    """
    Raises:
        ExperimentError: the draws of a route, which a report reads as a whole, are more than there is memory.
    """
    available = memory()
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


def memory() -> int:
    """Bytes that this process may have: the machine's, or fewer where a limit is set."""
    found = [2**62]
    with suppress(ValueError, OSError, AttributeError):
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for file in map(Path, _LIMITS):
        with suppress(ValueError, OSError):
            found.append(int(file.read_text()))
    with suppress(ImportError, ValueError, OSError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        found += [soft] if soft != resource.RLIM_INFINITY else []
    return min(found)
