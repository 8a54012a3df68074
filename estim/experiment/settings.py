"""What an experiment is made of: routes, the surrogate's, and presets of them. Every range stands in an annotation here
or in that of the algorithm, the recipe or the likelihood that a setting belongs to.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any

from estim.arguments import (
    ArgumentError,
    NonNegative,
    Positive,
    annotations,
    at_least,
    check_fields,
    check_settings,
    did_you_mean,
    multiple_of,
    names_arguments,
    settings_of,
    shown,
)
from estim.samplers.registry import ALGORITHMS, is_population, posteriors_asked_for, route_settings
from estim.samplers.starting_points import require_superchains
from estim.surrogate.dataset import fewest_points
from estim.surrogate.recipe import Recipe, get_recipe
from estim.surrogate.sample import TILE

SURROGATE = "surrogate"
"""The name of what a run learns, beside those of its routes."""


class ExperimentError(ArgumentError):
    """Settings that cannot be run; the message names the key or the file."""


@contextmanager
def refused(where: str = "") -> Iterator[None]:
    """What is refused within, by an error of an experiment that says `where` it stands."""
    try:
        yield
    except ArgumentError as error:
        raise ExperimentError(f"{where}{error}") from None


def build[T](kind: type[T], settings: Any, where: str) -> T:
    """A part of an experiment from its settings, all of them; `where` it stands is in an error."""
    plain = complete(settings, annotations(kind), f"{where}.")
    with refused(f"{where}: "):
        return kind(**plain)


def complete(
    settings: Any, known: Mapping[str, Any], where: str, optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    if not isinstance(settings, Mapping):
        raise ExperimentError(f"{where.rstrip('.') or 'settings'} must be a mapping, not {shown(settings)}")
    if unknown := [key for key in settings if key not in (*known, *optional)]:
        raise ExperimentError(
            f"{where}{unknown[0]}: there is no such setting; here are {list(known)}{did_you_mean(unknown[0], known)}"
        )
    if missing := [key for key in known if key not in settings]:
        raise ExperimentError(f"{where}{missing[0]} is missing")
    return dict(settings)


@names_arguments(ExperimentError)
@dataclass(frozen=True)
class Route:
    """One sampler and how long it runs.

    Attributes:
        algorithm: a name in `estim.samplers.registry.ALGORITHMS`.
        num_samples: draws kept, a chain, after warm-up; of ``smc``, particles of each of `num_chains` runs.
        num_warmup: steps of adaptation a chain, which are not kept; ``smc`` has none.
        thin: draws made for each that is kept: neighbours on a slow chain are alike, and take room on the disk.
        settings: the algorithm's own, see there. What is a posterior there is the name of what the same run makes:
            of ``delayed_acceptance`` ``approximation`` is ``"surrogate"``, and need not be given.
        num_superchains: points that chains begin at, as many neighbours at each: then many short chains are judged by
            nested R-hat. Each chain at its own where it is zero.

    Raises:
        ExperimentError: no algorithm has this name, or a number or one of its settings is out of range.
    """

    algorithm: str
    num_samples: Positive
    num_chains: Positive = 4
    num_warmup: NonNegative = 500
    settings: Mapping[str, Any] = field(default_factory=dict)
    thin: Positive = 1
    num_superchains: NonNegative = 0

    def __post_init__(self) -> None:
        with refused():
            check_fields(self)
            require_superchains(self.num_superchains, self.num_chains)
            known = route_settings(self.algorithm)
            settings = check_settings(known, self.settings, f"algorithm {self.algorithm!r}", "settings")
            if is_population(self.algorithm) and self.num_samples < 2:
                raise ArgumentError("num_samples=1: a population has two particles or more")
            if is_population(self.algorithm) and self.thin > 1:
                raise ArgumentError(f"thin={self.thin}: the particles of a population are no chain")
            if is_population(self.algorithm) and self.num_superchains:
                raise ArgumentError(f"num_superchains={self.num_superchains}: a population has no chains")
            made = {name: SURROGATE for name in posteriors_asked_for(self.algorithm)}
            object.__setattr__(self, "settings", made | settings)

    @property
    def needs(self) -> dict[str, str]:
        """What the route cannot begin without: setting -> the name of what the run makes."""
        return {name: self.settings[name] for name in posteriors_asked_for(self.algorithm)}


@names_arguments(ExperimentError)
@dataclass(frozen=True)
class SurrogateRoute:
    """A network trained on what another route evaluated, and the chains that run on it.

    Attributes:
        train_on: the routes whose evaluations it learns from; where they come with gradients, it
            learns from these too.
        recipe: how it learns, a name in `estim.surrogate.recipe.RECIPES`; "estim" is an ensemble where
            there is refinement, which asks for its variance, and "single" where there is none.
        max_points: at most so many of the evaluations of each, evenly spread over the run.
        num_samples: draws kept, a chain.
        thin: iterations of a chain for each draw that is kept.
        num_refinement: evaluations of the exact posterior, where the network is unsure, on which it is trained
            once more.
        num_rounds: how often, at most, a network whose certificate is refused is taught again by the certificate's
            evaluations.
        num_certificate: evaluations of the exact posterior that the certificate rests on; three fifths of
            them are weighed, and their weights correct the means.
        settings: fields of the recipe that are to be different.

    Raises:
        ExperimentError: no recipe has this name, or a number or a field of the recipe is out of range.
    """

    train_on: tuple[str, ...] = ("mpmh", "nuts")
    recipe: str = "estim"
    max_points: Positive = 40_000
    num_samples: Positive = 200
    num_chains: Annotated[int, multiple_of(TILE)] = 512
    num_warmup: NonNegative = 2_000
    thin: Positive = 80
    num_refinement: NonNegative = 0
    num_rounds: NonNegative = 1
    num_certificate: Annotated[int, at_least(100)] = 4_000
    settings: Mapping[str, Any] = field(default_factory=lambda: {"max_steps": 16_000, "learning_rate": 5e-3})

    def __post_init__(self) -> None:
        with refused():
            check_fields(self)
            settings = check_settings(settings_of(Recipe), self.settings, "a recipe", "settings")
            object.__setattr__(self, "settings", settings)
            get_recipe(self.recipe)
        if not self.train_on:
            raise ExperimentError("train_on must name a route at least")
        if 3 * self.num_certificate // 5 > self.num_samples * self.num_chains:
            raise ExperimentError(
                f"num_certificate={self.num_certificate}: three fifths of these are draws, of which there are only "
                f"num_samples * num_chains = {self.num_samples * self.num_chains}"
            )

    def check_points(self, dim: int) -> None:
        """
        Raises:
            ExperimentError: `max_points` are too few to learn a log-likelihood of `dim` parameters from.
        """
        share = 1.0 - self.settings.get("drop_fraction", get_recipe(self.recipe).drop_fraction)
        kept, needed = int(share * self.max_points * len(self.train_on)), fewest_points(dim)
        if kept < needed:
            raise ExperimentError(
                f"surrogate.max_points={self.max_points}: {kept} points are kept, where {dim} parameters need {needed}"
            )


def check_needs(routes: Mapping[str, Route], surrogate: SurrogateRoute | None) -> None:
    """What routes and surrogate need of each other is there, and can be made in some order.

    Raises:
        ExperimentError: something is needed that the run does not make, or two things need each other.
    """
    needs = {name: tuple(route.needs.values()) for name, route in routes.items()}
    if surrogate is not None:
        needs[SURROGATE] = surrogate.train_on
    for name, route in routes.items():
        for setting, needed in route.needs.items():
            if needed != SURROGATE:
                raise ExperimentError(
                    f"routes.{name}: settings.{setting}={needed!r} is no posterior that a run makes; "
                    f"choose one of {[SURROGATE]}"
                )
            if surrogate is None:
                raise ExperimentError(
                    f"routes.{name} needs the surrogate ({setting}), and the experiment has none: give it one, or "
                    "leave the route out"
                )
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        raise ExperimentError(
            f"these need each other: {' needs '.join(reversed(error.args[1]))}: train the surrogate on other routes"
        ) from None


FULL = {
    "rwmh": Route("rwmh", num_samples=2_500, num_chains=8, num_warmup=2_000, thin=20),
    "nuts": Route("nuts", num_samples=2_000, num_chains=4, num_warmup=200),
    "mpmh": Route(
        "mpmh", num_samples=5_500, num_chains=4, num_warmup=1_000, settings={"num_proposals": 4}, thin=8
    ),
}
DEFAULTS = FULL | {
    name: Route(name, num_samples=2_000)
    for name in ALGORITHMS
    if name not in FULL and not posteriors_asked_for(name)
}
"""A route for each algorithm that needs nothing else to be made, by its name."""
QUICK = {  # HMC teaches with a gradient at every point, and is compiled in half the time of NUTS
    "hmc": Route("hmc", num_samples=800, num_chains=4, num_warmup=100, settings={"num_steps": 4}),
    "mpmh": replace(FULL["mpmh"], num_samples=550, num_warmup=250),
}
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "full": {"first_look": False, "routes": FULL, "surrogate": SurrogateRoute()},
    "quick": {
        "first_look": True,
        "num_starts": 1,
        "routes": QUICK,
        "surrogate": SurrogateRoute(
            train_on=("hmc", "mpmh"),
            max_points=8_000,
            num_samples=150,
            thin=10,
            num_certificate=1_000,
            settings={"max_steps": 5_000, "learning_rate": 5e-3},
        ),
    },
}
"""Fields by name: ``--set preset=quick`` asks for a look, not for results."""
