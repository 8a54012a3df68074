"""Experiment: a model, data, and the routes to its posterior, as settings that print themselves.

An experiment file is Python and ends in ``experiment = Experiment(...)``; a user's own model may
stand in the same file. What a run saved (``settings.json``) is an experiment file too.
"""

import importlib.util
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from estim.datasets import load_data, select_observables
from estim.dynare import read_mod
from estim.model import Model
from estim.models import load_model


class ExperimentError(ValueError):
    """Settings that cannot be run; the message names the key or the file."""


@dataclass(frozen=True)
class Route:
    """One sampler and how long it runs; ``settings`` are the algorithm's own."""

    algorithm: str
    num_samples: int
    num_chains: int = 4
    num_warmup: int = 500
    settings: Mapping[str, Any] = field(default_factory=dict)


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
        num_certificate: evaluations of the exact posterior that the certificate rests on; three fifths of
            them are weighed, and their weights correct the means.
        settings: fields of the recipe that are to be different.
    """

    train_on: tuple[str, ...] = ("mpmh", "nuts")
    recipe: str = "estim"
    max_points: int = 40_000
    num_samples: int = 1_600
    num_chains: int = 512
    num_warmup: int = 2_000
    thin: int = 10
    num_refinement: int = 0
    num_certificate: int = 4_000
    settings: Mapping[str, Any] = field(default_factory=lambda: {"max_steps": 16_000, "learning_rate": 5e-3})

    def __post_init__(self) -> None:
        object.__setattr__(self, "train_on", tuple(self.train_on))


FULL = {
    "rwmh": Route("rwmh", num_samples=50_000, num_chains=8, num_warmup=2_000),
    "nuts": Route("nuts", num_samples=2_000, num_chains=4, num_warmup=200),
    "mpmh": Route("mpmh", num_samples=44_000, num_chains=4, num_warmup=1_000, settings={"num_proposals": 4}),
}
QUICK = {  # HMC teaches with a gradient at every point, and is compiled in half the time of NUTS
    "hmc": Route("hmc", num_samples=500, num_chains=4, num_warmup=100, settings={"num_steps": 4}),
    "mpmh": replace(FULL["mpmh"], num_samples=4_400, num_warmup=250),
}
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "full": {"routes": FULL, "surrogate": SurrogateRoute()},
    "quick": {
        "num_starts": 1,
        "routes": QUICK,
        "surrogate": SurrogateRoute(
            train_on=("hmc", "mpmh"),
            max_points=8_000,
            num_samples=150,
            num_certificate=1_000,
            settings={"max_steps": 5_000, "learning_rate": 5e-3},
        ),
    },
}
"""Fields by name: ``--set preset=quick`` asks for a look, not for results."""


_NOT_SETTINGS = ("model", "presets", "source")


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
    """

    model: str | Model
    data: str
    start: str | None = None
    end: str | None = None
    routes: Mapping[str, Route] = field(default_factory=lambda: dict(FULL))
    surrogate: SurrogateRoute | None = SurrogateRoute()
    likelihood: Mapping[str, Any] = field(default_factory=dict)
    num_starts: int = 4
    seed: int = 0
    title: str = ""
    remarks: str = ""
    presets: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: PRESETS, repr=False, compare=False
    )
    source: str | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.routes:
            raise ExperimentError("an experiment needs at least one route")
        teachers = self.surrogate.train_on if self.surrogate else ()
        if unknown := [name for name in teachers if name not in self.routes]:
            raise ExperimentError(
                f"surrogate.train_on: {unknown} is not among the routes, which are {list(self.routes)}"
            )

    def load_model(self) -> Model:
        return load_model(self.model) if isinstance(self.model, str) else self.model

    def load_data(self) -> pd.DataFrame:
        """The model's observables over the sample, in the model's order.

        Raises:
            DataError: there are no such data, or a column is missing.
        """
        model = self.load_model()
        frame = load_data(self.data, start=self.start, end=self.end)
        return select_observables(frame, model.observables._fields, model.name)

    def settings(self) -> dict[str, Any]:
        """Everything but the code of a user's own model, as JSON knows it."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NOT_SETTINGS}
        settings = json.loads(json.dumps(plain, default=_plain))
        name = self.model if isinstance(self.model, str) else self.model.name
        return {"model": name, "own_model": not isinstance(self.model, str)} | settings

    def override(self, assignments: list[str]) -> "Experiment":
        """The experiment with ``"key=value"`` applied in order; dots reach inside, values are JSON or text.

        ``preset=quick`` replaces all that the preset of this name has.

        Raises:
            ExperimentError: an unknown key, a value of the wrong kind, or no "=".
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
        return replace(from_settings(settings, self.model, self.source), presets=self.presets)

    def _preset(self, name: str) -> dict[str, Any]:
        if name not in self.presets:
            raise ExperimentError(
                f"preset={name}: there is no such preset; choose one of {list(self.presets)}"
            )
        chosen = self.presets[name]
        settings = replace(self, **chosen).settings()
        return {key: settings[key] for key in chosen}


def from_settings(settings: Mapping[str, Any], model: str | Model, source: str | None = None) -> Experiment:
    """The experiment whose `Experiment.settings` these are, with `model` where it is the user's own."""
    plain = {k: v for k, v in settings.items() if k != "own_model"}
    own = settings.get("own_model", False)
    surrogate = settings["surrogate"]
    return Experiment(
        **plain
        | {
            "model": model if own else settings["model"],
            "routes": {name: Route(**route) for name, route in settings["routes"].items()},
            "surrogate": SurrogateRoute(**surrogate) if surrogate else None,
        },
        source=source,
    )


def load_experiment(path: str | Path) -> Experiment:
    """The experiment that a file defines: ``experiment`` of a Python file, or a run's ``settings.json``.

    Raises:
        ExperimentError: no such file, or no experiment in it.
    """
    path = Path(path)
    if not path.is_file():
        raise ExperimentError(f"{path}: no such file")
    if path.suffix == ".json":
        settings = json.loads(path.read_text(encoding="utf-8"))
        if not settings.get("own_model"):
            return from_settings(settings, settings["model"])
        source = path.with_name("model.py")
        return from_settings(settings, load_experiment(source).model, str(source))
    experiment = getattr(_import_file(path), "experiment", None)
    if not isinstance(experiment, Experiment):
        raise ExperimentError(f"{path}: defines no `experiment = Experiment(...)`")
    return replace(experiment, source=str(path))


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
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ExperimentError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise ExperimentError(f"{value!r} cannot be saved as JSON")


def _assign(settings: dict[str, Any], key: str, text: str) -> None:
    """Set ``a.b.c`` in nested settings; only an algorithm's or the likelihood's own settings may be new."""
    *parents, last = key.split(".")
    place: Any = settings
    for i, part in enumerate(parents):
        if not isinstance(place, dict) or part not in place:
            raise _unknown(".".join(parents[: i + 1]), place)
        place = place[part]
    if (
        not isinstance(place, dict)
        or (last not in place and parents[-1:] not in (["settings"], ["likelihood"]))
        or key == "own_model"
    ):
        raise _unknown(key, place)
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    old = place.get(last)
    if isinstance(old, str) and not isinstance(value, str):
        value = text
    switched_off = key == "surrogate" and value is None
    number = isinstance(old, int | float) and isinstance(value, int | float)
    listed = isinstance(old, list) and isinstance(value, list)
    if isinstance(old, int | float | list | dict) and not (switched_off or number or listed):
        raise ExperimentError(f"--set {key}={text}: {key} is {json.dumps(old)}; give a value of that kind")
    place[last] = value


def _unknown(key: str, place: Any) -> ExperimentError:
    known = [k for k in place if k != "own_model"] if isinstance(place, dict) else []
    return ExperimentError(f"--set {key}: there is no such setting; here are {known}")
