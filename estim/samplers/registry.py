"""The table of algorithms that `sample` knows: a new one is a new row."""

import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from estim.samplers.adaptation import StepLaw
from estim.samplers.base import Draws, SamplingAlgorithm
from estim.samplers.chees import build_chees
from estim.samplers.delayed_acceptance import build_delayed_acceptance
from estim.samplers.fast_moves import with_fast_moves
from estim.samplers.hmc import build_hmc
from estim.samplers.multiple_proposal import build_multiple_proposal, default_num_proposals
from estim.samplers.nuts import build_nuts
from estim.samplers.random_walk import build_random_walk
from estim.samplers.smc import sample_smc


class Algorithm(NamedTuple):
    """A row: how the kernel is built, its first step size by dimension, and what warm-up aims for.

    ``build`` is ``(posterior, tuning, **settings) -> SamplingAlgorithm``; ``first_step_size`` suits a
    Gaussian whose covariance is known; ``target_acceptance`` takes the settings; ``law`` is that of the acceptance
    rate by step size, in `estim.samplers.adaptation`. A kernel that moves by ``slopes`` does so in coordinates that
    bend. Steps of ``unequal`` length are better taken one chain after another where a device is a core.
    """

    build: Callable[..., SamplingAlgorithm]
    first_step_size: Callable[[int], float]
    target_acceptance: Callable[..., float]
    law: StepLaw
    slopes: bool = False
    unequal: bool = False

    @property
    def settings(self) -> tuple[str, ...]:
        parameters = inspect.signature(self.build).parameters.values()
        return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def _move_rate(num_proposals: int | None = None, **_: Any) -> float:
    """The share of moves at which N proposals jump farthest, measured on Gaussians of 4 to 36 dimensions."""
    return min(0.17 + 0.11 * math.log(num_proposals or default_num_proposals()), 0.75)


def _nuts_target(target_acceptance: float = 0.8, **_: Any) -> float:
    return target_acceptance


def _by_root(scale: float) -> Callable[[int], float]:
    return lambda dim: scale / dim**0.5


def _by_fourth_root(dim: int) -> float:
    return 1.2 / dim**0.25


ALGORITHMS: dict[str, Algorithm] = {
    "rwmh": Algorithm(with_fast_moves(build_random_walk), _by_root(2.38), lambda **_: 0.25, "random_walk"),
    "mpmh": Algorithm(with_fast_moves(build_multiple_proposal), _by_root(2.2), _move_rate, "candidates"),
    "hmc": Algorithm(build_hmc, _by_fourth_root, lambda **_: 0.8, "hamiltonian", slopes=True),
    "chees": Algorithm(build_chees, _by_fourth_root, lambda **_: 0.8, "hamiltonian", slopes=True),
    "delayed_acceptance": Algorithm(
        build_delayed_acceptance, _by_root(2.38), lambda **_: 0.25, "random_walk"
    ),
    "nuts": Algorithm(build_nuts, _by_fourth_root, _nuts_target, "hamiltonian", slopes=True, unequal=True),
}


POPULATIONS: dict[str, Callable[..., Draws]] = {"smc": sample_smc}
"""Algorithms that are not chains: ``(posterior, rng_key, *, num_samples, num_chains, **settings) -> Draws``."""


def algorithm_named(name: str, settings: dict[str, Any]) -> Algorithm:
    """The row called `name`, which understands all of `settings`.

    Raises:
        ValueError: there is no such row, or it has no such setting; lists those that exist.
    """
    if name not in ALGORITHMS:
        raise ValueError(f"unknown algorithm {name!r}; choose one of {sorted([*ALGORITHMS, *POPULATIONS])}")
    algorithm = ALGORITHMS[name]
    if unknown := sorted(set(settings) - set(algorithm.settings)):
        raise ValueError(f"{name} has no setting {unknown}; it has {list(algorithm.settings)}")
    return algorithm
