"""Experiment: a model, data, and the routes to its posterior, as settings that print themselves.

An experiment file is Python and ends in ``experiment = Experiment(...)``; a user's own model may
stand in the same file. What a run saved (``settings.json``) is an experiment file too.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from estim.arguments import (
    ArgumentError,
    Condition,
    Positive,
    Seed,
    annotations,
    check,
    check_fields,
    checked,
    did_you_mean,
    names_arguments,
    settings_of,
    shown,
)
from estim.data.datasets import DataError, is_quarter, load_data, select_observables
from estim.dynare import read_mod
from estim.experiment.settings import (
    FULL,
    PRESETS,
    ExperimentError,
    Route,
    SurrogateRoute,
    build,
    complete,
    refused,
)
from estim.likelihood.options import check_options
from estim.model import Model
from estim.models import load_model
from estim.results.names import why_no_names
from estim.samplers.registry import route_settings
from estim.surrogate.recipe import Recipe
from estim.user_code import NotPythonError, import_file

Quarter = Annotated[str, Condition("a quarter such as 1966Q1", is_quarter, says_all=True)]
_LONGEST_FILE = 10_000_000
"""Bytes of a settings.json, which has some thousands."""


_NOT_SETTINGS = ("model", "presets", "source")


@names_arguments(ExperimentError)
@dataclass(frozen=True)
class Experiment:
    """What to estimate, on which data, by which routes. Frozen, printable, repeatable.

    Attributes:
        model: the name of a model in the gallery, or a `Model`.
        data: the name of a shipped data set, or the path of a CSV file.
        start, end: the sample, inclusive ("1966Q1"); all of the data where None.
        routes: samplers of the exact posterior, by name.
        surrogate: the route by a neural network, or None.
        likelihood: options of `build_posterior`, such as ``{"presample": 4}``.
        num_starts: searches for the posterior mode, the first from the model's start, the others from its prior.
        seed: of everything random.
        title: of the report.
        remarks: what the report says beneath the published estimates: where ours differ, and why.
        presets: what ``--set preset=NAME`` replaces, by name: values of some of these fields.
        source: the file that the experiment was read from.

    Raises:
        ExperimentError: a setting is of a wrong kind, out of its range, unknown to whom it is meant for, or
            cannot be saved as JSON. All are looked at here, before anything is computed.
        ModelError: no model of the gallery has this name.
    """

    model: str | Model
    data: str
    start: Quarter | None = None
    end: Quarter | None = None
    routes: Mapping[str, Route] = field(default_factory=lambda: dict(FULL))
    surrogate: SurrogateRoute | None = field(default_factory=SurrogateRoute)
    likelihood: Mapping[str, Any] = field(default_factory=dict)
    num_starts: Positive = 4
    seed: Seed = 0
    title: str = ""
    remarks: str = ""
    presets: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: PRESETS, repr=False, compare=False
    )
    source: str | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        with refused():
            check_fields(self)
            model = self.load_model()
            object.__setattr__(self, "likelihood", check_options(model, self.likelihood))
        if not self.routes:
            raise ExperimentError("an experiment needs at least one route")
        if reason := why_no_names(self.routes):
            raise ExperimentError(reason)
        teachers = self.surrogate.train_on if self.surrogate else ()
        if unknown := [name for name in teachers if name not in self.routes]:
            raise ExperimentError(
                f"surrogate.train_on: {unknown} is not among the routes, which are {list(self.routes)}"
            )
        if self.surrogate:
            self.surrogate.check_points(len(model.estimated))
        for name, preset in self.presets.items():
            if unknown := [key for key in preset if key not in annotations(Experiment)]:
                raise ExperimentError(f"presets: {name!r} has {unknown}, which no experiment has")
        self.settings()

    def load_model(self) -> Model:
        return load_model(self.model) if isinstance(self.model, str) else self.model

    def load_data(self) -> pd.DataFrame:
        """The model's observables over the sample, in the model's order.

        Raises:
            DataError: there are no such data, or a column is missing.
            ExperimentError: an option of the likelihood does not fit them, such as a presample of their length.
        """
        model = self.load_model()
        frame = load_data(self.data, start=self.start, end=self.end)
        selected = select_observables(frame, model.observables._fields, model.name)
        with refused():
            check_options(model, self.likelihood, selected.to_numpy())
        return selected

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
                _assign(settings, key, text)
        with refused("--set: "):
            changed = replace(from_settings(settings, self.model, self.source), presets=self.presets)
        if changed.likelihood:
            with suppress(DataError):  # of data that cannot be read the run says so itself
                changed.load_data()
        return changed

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
    settings: Mapping[str, Any], model: str | Model | None = None, source: str | None = None
) -> Experiment:
    """The experiment whose `Experiment.settings` these are, with `model` where it is the user's own.

    Raises:
        ExperimentError: a key is missing or unknown, or a value is not allowed.
    """
    saved = {name: None for name in annotations(Experiment) if name not in ("presets", "source")}
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


@checked
def load_experiment(path: str | Path) -> Experiment:
    """The experiment that a file defines: ``experiment`` of a Python file, or a run's ``settings.json``.

    Raises:
        ExperimentError: no such file, or no experiment in it.
    """
    path = Path(path)
    if not path.is_file():
        raise ExperimentError(f"{path}: no such file")
    if path.suffix == ".json":
        settings, source = _read_settings(path), None
        if settings.get("own_model"):
            source = str(path.with_name("model.py"))
        model = load_experiment(source).model if source else None
        with refused(f"{path}: "):
            return from_settings(settings, model, source)
    experiment = getattr(_import_file(path), "experiment", None)
    if not isinstance(experiment, Experiment):
        raise ExperimentError(f"{path}: defines no `experiment = Experiment(...)`")
    return replace(experiment, source=str(path))


def _read_settings(path: Path) -> dict[str, Any]:
    """The object in a ``settings.json``.

    Raises:
        ExperimentError: it is not JSON or no object; names the file.
    """
    if path.stat().st_size > _LONGEST_FILE:
        raise ExperimentError(f"{path}: {path.stat().st_size} bytes are no settings")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8, nested without end
        raise ExperimentError(f"{path}: not JSON ({error})") from None
    if not isinstance(settings, dict):
        raise ExperimentError(f"{path}: holds {shown(settings)} and no settings")
    return settings


@checked
def load_model_and_data(name: str) -> tuple[Model, pd.DataFrame | None]:
    """A model by its name in the gallery, from a Python file with the data of its experiment, or from Dynare's.

    Raises:
        ExperimentError: the file defines neither `experiment` nor `model`.
    """
    if name.endswith(".mod"):
        return read_mod(name).model, None
    if not name.endswith(".py"):
        return load_model(name), None
    module = _import_file(Path(name))
    experiment = getattr(module, "experiment", None)
    if isinstance(experiment, Experiment):
        return experiment.load_model(), experiment.load_data()
    if isinstance(getattr(module, "model", None), Model):
        return module.model, None
    raise ExperimentError(f"{name}: defines neither `model = Model(...)` nor `experiment = Experiment(...)`")


def _import_file(path: Path) -> Any:
    """Execute a Python file as a module; its folder is importable meanwhile."""
    if not path.is_file():
        raise ExperimentError(f"{path}: no such file")
    try:
        return import_file(path)
    except NotPythonError as error:
        raise ExperimentError(str(error)) from error
    except SystemExit:
        raise ExperimentError(f"{path}: ends the program where it should define an experiment") from None


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise ExperimentError(f"{shown(value)} cannot be saved as JSON")


def _assign(settings: dict[str, Any], key: str, text: str) -> None:
    """Set ``a.b.c`` in nested settings; only an algorithm's, the recipe's or the likelihood's own may be new."""
    *parents, last = key.split(".")
    place: Any = settings
    for i, part in enumerate(parents):
        if not isinstance(place, dict) or part not in place:
            raise _unknown(".".join(parents[: i + 1]), place)
        place = place[part]
    free = parents[-1:] in (["settings"], ["likelihood"])
    if not isinstance(place, dict) or (last not in place and not free) or key == "own_model":
        raise _unknown(key, place)
    if key == "model" and settings["own_model"]:
        raise ExperimentError("--set model: the experiment's file has a model of its own")
    place[last] = _read_value(text, _annotation(settings, key))


def _annotation(settings: dict[str, Any], key: str) -> Any:
    """The type of the setting called `key`, Any where nothing is known of it."""
    match key.split("."):
        case [name]:
            return annotations(Experiment)[name]
        case ["routes", _, name]:
            return annotations(Route)[name]
        case ["surrogate", name]:
            return annotations(SurrogateRoute)[name]
        case ["routes", route, "settings", name]:
            with suppress(ArgumentError):
                return route_settings(settings["routes"][route]["algorithm"]).get(name, Any)
        case ["surrogate", "settings", name]:
            return settings_of(Recipe).get(name, Any)
    return Any


def _read_value(text: str, annotation: Any) -> Any:
    """A text as it stands where a text is wanted, else what it is as JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if value is None or annotation is Any:
        return value
    with suppress(ArgumentError):
        return check(text, annotation, "")
    return value


def _unknown(key: str, place: Any) -> ExperimentError:
    known = [k for k in place if k != "own_model"] if isinstance(place, dict) else []
    hint = did_you_mean(key.rpartition(".")[2], known)
    return ExperimentError(f"--set {key}: there is no such setting; here are {known}{hint}")
