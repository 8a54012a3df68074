"""The table of algorithms that `sample` knows: a new one is a new row."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from estim.arguments import ArgumentError, check_settings, did_you_mean, settings_of
from estim.posterior import Posterior
from estim.samplers.adaptation import StepLaw
from estim.samplers.base import SamplingAlgorithm
from estim.samplers.chees import build_chees
from estim.samplers.delayed_acceptance import build_delayed_acceptance
from estim.samplers.fast_moves import with_fast_moves
from estim.samplers.hmc import build_hmc
from estim.samplers.multiple_proposal import build_multiple_proposal, default_num_proposals
from estim.samplers.nuts import build_nuts
from estim.samplers.population import sample_populations
from estim.samplers.pseudo_marginal import build_pseudo_marginal
from estim.samplers.random_walk import build_random_walk
from estim.samplers.smc import FIRST_STEP, TARGET_ACCEPTANCE, build_smc

Spread = Literal["chains", "proposals"]
"""What is divided among the devices."""


class Algorithm(NamedTuple):
    """A row: how the kernel is built, its first step size by dimension, and what warm-up aims for.

    ``build`` is ``(posterior, tuning, **settings) -> SamplingAlgorithm``; ``first_step_size`` suits a
    Gaussian whose covariance is known; ``target_acceptance`` takes the settings; ``law`` is that of the acceptance
    rate by step size, in `estim.samplers.adaptation`. A kernel that ``uses_gradient`` moves in coordinates that
    bend. Steps of ``unequal`` length are better taken one chain after another where a device is a core. A kernel of
    populations has a ``drive`` of its own, ``(posterior, rng_key, *, num_samples, num_chains, state, progress,
    **settings)``, which gives states and chunks as `estim.samplers.run.sample_chunks` does: there ``num_samples`` are
    particles, and there is no warm-up.
    """

    build: Callable[..., SamplingAlgorithm]
    first_step_size: Callable[[int], float]
    target_acceptance: Callable[..., float]
    law: StepLaw
    uses_gradient: bool = False
    unequal: bool = False
    drive: Callable[..., Iterator[tuple[Any, Any]]] | None = None

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
    "pseudo_marginal": Algorithm(build_pseudo_marginal, _by_root(2.38), lambda **_: 0.2, "random_walk"),
    "hmc": Algorithm(build_hmc, _by_fourth_root, lambda **_: 0.8, "hamiltonian", uses_gradient=True),
    "chees": Algorithm(build_chees, _by_fourth_root, lambda **_: 0.8, "hamiltonian", uses_gradient=True),
    "delayed_acceptance": Algorithm(
        build_delayed_acceptance, _by_root(2.38), lambda **_: 0.25, "random_walk"
    ),
    "nuts": Algorithm(
        build_nuts, _by_fourth_root, _nuts_target, "hamiltonian", uses_gradient=True, unequal=True
    ),
    "smc": Algorithm(
        build_smc,
        _by_root(FIRST_STEP),
        lambda **_: TARGET_ACCEPTANCE,
        "random_walk",
        drive=sample_populations,
    ),
}


def algorithm_named(name: str, settings: Mapping[str, Any]) -> Algorithm:
    """The row called `name`, which understands all of `settings`.

    Raises:
        ArgumentError: there is no such row, it has no such setting, or a value is out of its range; lists those
            that exist.
    """
    if name not in ALGORITHMS:
        known = sorted(ALGORITHMS)
        raise ArgumentError(f"unknown algorithm {name!r}; choose one of {known}{did_you_mean(name, known)}")
    algorithm = ALGORITHMS[name]
    check_settings(settings_of(algorithm.build), settings, name)
    return algorithm


def require_gradient(name: str, posterior: Posterior) -> None:
    """
    Raises:
        ArgumentError: the algorithm moves by gradients, and those of the posterior are not the log-likelihood's.
    """
    if ALGORITHMS[name].uses_gradient and posterior.gradient != "exact":
        known = sorted(n for n, row in ALGORITHMS.items() if not row.uses_gradient)
        raise ArgumentError(
            f"{name!r} moves by gradients, and the likelihood's is {posterior.gradient}: choose one of {known}, or a "
            "surrogate"
        )


def route_settings(name: str) -> dict[str, Any]:
    """The settings of the algorithm called `name` in a route of an experiment, with their annotations.

    Where it asks for a posterior, a route gives the name of what the same run makes.

    Raises:
        ArgumentError: there is no such algorithm.
    """
    known = settings_of(algorithm_named(name, {}).build)
    known |= dict.fromkeys(posteriors_asked_for(name), str)
    return known | {"spread": Spread} if known.pop("mesh", None) else known


def is_population(name: str) -> bool:
    """Whether the algorithm called `name` moves populations: what are draws of a chain elsewhere are particles."""
    return algorithm_named(name, {}).drive is not None


def posteriors_asked_for(name: str) -> tuple[str, ...]:
    """The settings of the algorithm called `name` that are a `Posterior`."""
    known = settings_of(algorithm_named(name, {}).build)
    return tuple(setting for setting, annotation in known.items() if annotation is Posterior)
