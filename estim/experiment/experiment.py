"""Experiment: a model, data, and the routes to its posterior, as settings that print themselves.

An experiment file is Python and ends in ``experiment = Experiment(...)``; a user's own model may
stand in the same file. What a run saved (``settings.json``) is an experiment file too.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from estim.arguments import (
    ArgumentError,
    Condition,
    Positive,
    Seed,
    annotations,
    check_fields,
    did_you_mean,
    names_arguments,
    settings_of,
    shown,
)
from estim.data.datasets import TABLES, DataError, load_data, select_observables, select_sample
from estim.data.reading import is_quarter, tidy
from estim.decision import DecisionModel
from estim.display import table
from estim.estimation import build_posterior, model_likelihood
from estim.experiment.overrides import assign
from estim.experiment.settings import (
    DEFAULTS,
    FULL,
    PRESETS,
    ExperimentError,
    Route,
    SurrogateRoute,
    build,
    check_needs,
    complete,
    refused,
)
from estim.likelihood.table import LIKELIHOODS, likelihood_for
from estim.model import Model
from estim.models import load_model
from estim.posterior import Posterior
from estim.results.names import why_no_names
from estim.samplers.registry import route_settings
from estim.simulation import Simulation
from estim.solution.table import SOLVERS, solver_named
from estim.surrogate.recipe import Recipe

Quarter = Annotated[str, Condition("a quarter such as 1966Q1", is_quarter, says_all=True)]
_NOT_SETTINGS = ("model", "presets", "source", "frame")
OWN_DATA = "data.csv"
"""What an experiment's data are called where they have no other name than that of the run's copy."""


@names_arguments(ExperimentError)
@dataclass(frozen=True)
class Experiment:
    """What to estimate, on which data, by which routes. Frozen, printable, repeatable.

    Attributes:
        model: the name of a model in the gallery, or a `Model`, `Simulation` or `DecisionModel`.
        data: the name of a shipped data set, the path of a CSV, Excel or Parquet file, counted from the file of
            the experiment, or a DataFrame with dates as its index or its column ``date`` (without dates, periods are
            numbered). A run keeps its own copy.
        start, end: the sample, inclusive ("1966Q1", or 12 in data without dates); all of the data where None.
        routes: samplers of the exact posterior, by name.
        surrogate: the route by a neural network, or None.
        solver: how the model is solved, such as ``estim.FirstOrder()``, its name or its settings with their
            ``"name"``; by default the one that suits the model.
        likelihood: how the solution is compared with the data: settings such as ``{"presample": 4}``, or
            ``estim.Kalman(presample=4)``, or a name.
        num_starts: searches for the posterior mode, the first from the model's start, the others from its prior.
        seed: of everything random.
        first_look: whether the draws are few, so that the report calls itself a first look.
        title: of the report.
        remarks: what the report says beneath the published estimates: where ours differ, and why.
        presets: what ``--set preset=NAME`` replaces, by name: values of some of these fields.
        source: the file that the experiment was read from.
        frame: the data that were given as a DataFrame, whose name is then "data.csv".

    Raises:
        ExperimentError: a setting is of a wrong kind, out of its range, unknown to whom it is meant for, or
            cannot be saved as JSON. All are looked at here, before anything is computed.
        ModelError: no model of the gallery has this name.
    """

    model: str | Model | Simulation | DecisionModel
    data: str | pd.DataFrame
    start: Quarter | int | None = None
    end: Quarter | int | None = None
    solver: Any = None
    routes: Mapping[str, Route] = field(default_factory=lambda: dict(FULL))
    surrogate: SurrogateRoute | None = field(default_factory=SurrogateRoute)
    likelihood: Any = field(default_factory=dict)
    num_starts: Positive = 4
    seed: Seed = 0
    first_look: bool = False
    title: str = ""
    remarks: str = ""
    presets: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: PRESETS, repr=False, compare=False
    )
    source: str | None = field(default=None, repr=False, compare=False)
    frame: pd.DataFrame | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        with refused():
            check_fields(self)
            if isinstance(self.data, pd.DataFrame):
                object.__setattr__(self, "frame", tidy(self.data))
                object.__setattr__(self, "data", OWN_DATA)
            model = self.load_model()
            solver = solver_named(model, self.solver)
            row = likelihood_for(solver.gives, self.likelihood, spec=model)
            object.__setattr__(self, "solver", _by_name(SOLVERS, solver) if self.solver is not None else None)
            object.__setattr__(self, "likelihood", _as_settings(self.likelihood, row))
        if not self.routes:
            raise ExperimentError("an experiment needs at least one route")
        if reason := why_no_names(self.routes):
            raise ExperimentError(reason)
        trained_on = self.surrogate.train_on if self.surrogate else ()
        if unknown := [name for name in trained_on if name not in self.routes]:
            raise ExperimentError(
                f"surrogate.train_on: {unknown} is not among the routes, which are {list(self.routes)}"
            )
        check_needs(self.routes, self.surrogate)
        if self.surrogate:
            self.surrogate.check_points(len(model.estimated))
        for name, preset in self.presets.items():
            if unknown := [key for key in preset if key not in annotations(Experiment)]:
                raise ExperimentError(f"presets: {name!r} has {unknown}, which no experiment has")
        self.settings()

    def _repr_html_(self) -> str:
        settings = self.settings()
        facts = [(name, json.dumps(value)) for name, value in settings.items() if value not in (None, "", {})]
        return table(self.title or f"Experiment on {settings['model']}", facts)

    def load_model(self) -> Any:
        return load_model(self.model) if isinstance(self.model, str) else self.model

    def load_data(self) -> pd.DataFrame:
        """The model's observables over the sample, in the model's order.

        Raises:
            DataError: there are no such data, or a column is missing.
            ExperimentError: an option of the likelihood does not fit them, such as a presample of their length.
        """
        model = self.load_model()
        if self.has_frame:
            frame = select_sample(self.frame, self.start, self.end, "the data")
        else:
            frame = load_data(self._data_file(), start=self.start, end=self.end)
        selected = select_observables(frame, model.observables._fields, model.name)
        with refused():
            model_likelihood(
                model, selected.to_numpy(), solver_named(model, self.solver), likelihood=self.likelihood
            )
        return selected

    @property
    def has_frame(self) -> bool:
        """Whether the data are a frame, and not to be read from a file."""
        return self.frame is not None and self.data == OWN_DATA

    def _data_file(self) -> str:
        """The data's name or path; one that is relative counts from the experiment's own file, where it is there."""
        name = str(self.data)
        beside = Path(self.source).parent / name if self.source else Path(name)
        return str(beside) if Path(name).suffix.lower() in TABLES and beside.is_file() else name

    def posterior(self, model: Any, data: pd.DataFrame) -> Posterior:
        """The posterior of the model given the data, as the experiment solves and compares them."""
        return build_posterior(
            model, data, solver=solver_named(model, self.solver), likelihood=self.likelihood
        )

    def settings(self) -> dict[str, Any]:
        """Everything but the code of a user's own model, as JSON knows it."""
        plain = {name: getattr(self, name) for name in annotations(Experiment) if name not in _NOT_SETTINGS}
        settings = json.loads(json.dumps(plain, default=_plain))
        name = self.model if isinstance(self.model, str) else self.model.name
        return {"model": name, "own_model": not isinstance(self.model, str)} | settings

    def override(self, assignments: list[str]) -> "Experiment":
        """The experiment with ``"key=value"`` applied in order; dots reach inside, values are JSON or text.

        ``preset=quick`` replaces all that the preset of this name has.

        Raises:
            ExperimentError: an unknown key, a value of the wrong kind or out of its range, or no "=".
        """
        settings = self.settings()
        for assignment in assignments:
            key, equals, text = assignment.partition("=")
            if not equals:
                raise ExperimentError(f"--set {assignment}: write it as key=value")
            if key == "preset":
                settings |= self._preset(text)
            else:
                assign(settings, key, text, _annotation(settings, key))
        with refused("--set: "):
            changed = from_settings(settings, self.model, self.source)
            changed = replace(changed, presets=self.presets, frame=self.frame)
        if changed.likelihood:
            with suppress(DataError):  # of data that cannot be read the run says so itself
                changed.load_data()
        return changed

    def with_routes(self, names: Sequence[str]) -> "Experiment":
        """The experiment with these routes alone; the name of an algorithm is a route with default settings.

        A surrogate is taught by those of its teachers that are left, and left out where none is.

        Raises:
            ExperimentError: a name is neither that of a route nor of an algorithm.
        """
        known = DEFAULTS | dict(self.routes)
        if unknown := [name for name in names if name not in known]:
            raise ExperimentError(
                f"routes: there is no {unknown[0]!r}; choose from {list(known)}{did_you_mean(unknown[0], known)}"
            )
        routes = {name: known[name] for name in names}
        surrogate = self.surrogate
        if surrogate is not None:
            teachers = tuple(name for name in surrogate.train_on if name in routes)
            surrogate = replace(surrogate, train_on=teachers) if teachers else None
        return replace(self, routes=routes, surrogate=surrogate)

    def _preset(self, name: str) -> dict[str, Any]:
        if name not in self.presets:
            raise ExperimentError(
                f"preset={name}: there is no such preset; choose one of {list(self.presets)}"
                f"{did_you_mean(name, self.presets)}"
            )
        chosen = self.presets[name]
        settings = replace(self, **chosen).settings()
        return {key: settings[key] for key in chosen}


def from_settings(
    settings: Mapping[str, Any],
    model: str | Model | Simulation | DecisionModel | None = None,
    source: str | None = None,
) -> Experiment:
    """The experiment whose `Experiment.settings` these are, with `model` where it is the user's own.

    Raises:
        ExperimentError: a key is missing or unknown, or a value is not allowed.
    """
    saved = {name: None for name in annotations(Experiment) if name not in ("presets", "source", "frame")}
    plain = complete(settings, saved, "", optional=("own_model",))
    own = plain.pop("own_model", False)
    if not isinstance(plain["routes"], Mapping):
        raise ExperimentError(f"routes must be a mapping, not {shown(plain['routes'])}")
    routes = {name: build(Route, route, f"routes.{name}") for name, route in plain["routes"].items()}
    surrogate = plain["surrogate"]
    built = {
        "model": model if own else plain["model"],
        "routes": routes,
        "surrogate": None if surrogate is None else build(SurrogateRoute, surrogate, "surrogate"),
    }
    return Experiment(**plain | built, source=source)


def _as_settings(likelihood: Any, row: Any) -> dict[str, Any]:
    """The settings that were given, as they were understood."""
    if not isinstance(likelihood, Mapping):
        return _by_name(LIKELIHOODS, row)
    return {key: value if key == "name" else getattr(row, key) for key, value in likelihood.items()}


def _by_name(table: Mapping[str, type], row: Any) -> dict[str, Any]:
    """A row of a table as its name and its settings."""
    name = next(name for name, kind in table.items() if isinstance(row, kind))
    return {"name": name} | {field.name: getattr(row, field.name) for field in fields(row)}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise ExperimentError(f"{shown(value)} cannot be saved as JSON")


def _annotation(settings: dict[str, Any], key: str) -> Any:
    """The type of the setting called `key`, Any where nothing is known of it."""
    match key.split("."):
        case [name]:
            return annotations(Experiment).get(name, Any)
        case ["routes", _, name]:
            return annotations(Route).get(name, Any)
        case ["surrogate", name]:
            return annotations(SurrogateRoute).get(name, Any)
        case ["routes", route, "settings", name]:
            with suppress(ArgumentError):
                return route_settings(settings["routes"][route]["algorithm"]).get(name, Any)
        case ["surrogate", "settings", name]:
            return settings_of(Recipe).get(name, Any)
    return Any
