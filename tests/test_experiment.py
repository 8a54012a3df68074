"""Experiment: prints itself, is saved and repeated, and refuses settings that do not exist."""

import json

import pytest

from estim.experiment import (
    Experiment,
    ExperimentError,
    Route,
    SurrogateRoute,
    from_settings,
    load_experiment,
    load_model_and_data,
)

EXPERIMENT = Experiment(model="an_schorfheide_2007", data="us_nk", start="1983Q1", end="2002Q4")

OWN = """
from typing import Any, NamedTuple
from numpyro.distributions import Beta
from estim import Experiment, Model

class Variables(NamedTuple):
    x: Any
class Shocks(NamedTuple):
    e: Any
class Observables(NamedTuple):
    YGR: Any
class Params(NamedTuple):
    rho: Any = Beta(5.0, 5.0)

model = Model(
    name="mine", variables=Variables, shocks=Shocks, observables=Observables,
    steady_state=lambda p: Variables(0.0),
    residuals=lambda lag, now, lead, shocks, p: {"law": now.x - p.rho * lag.x - shocks.e},
    measurement=lambda now, lag, p: Observables(now.x), prior=Params(),
)
"""


def test_its_repr_is_the_python_that_makes_it():
    assert eval(repr(EXPERIMENT)) == EXPERIMENT


def test_settings_pass_through_json():
    settings = json.loads(json.dumps(EXPERIMENT.settings()))
    assert from_settings(settings, settings["model"]) == EXPERIMENT


@pytest.mark.parametrize(
    ("assignment", "read"),
    [
        ("seed=7", lambda e: e.seed == 7),
        ("start=1990Q1", lambda e: e.start == "1990Q1"),
        ("title=2024", lambda e: e.title == "2024"),
        ("data=my folder/my=file.csv", lambda e: e.data == "my folder/my=file.csv"),
        ("routes.nuts.num_samples=20", lambda e: e.routes["nuts"].num_samples == 20),
        (
            "routes.nuts.settings.max_num_doublings=4",
            lambda e: e.routes["nuts"].settings["max_num_doublings"] == 4,
        ),
        ("surrogate.recipe=paper", lambda e: e.surrogate.recipe == "paper"),
        ("surrogate=null", lambda e: e.surrogate is None),
        ("preset=quick", lambda e: e.routes["mpmh"].num_samples < EXPERIMENT.routes["mpmh"].num_samples),
    ],
)
def test_overrides(assignment, read):
    assert read(EXPERIMENT.override([assignment]))
    assert EXPERIMENT.override([]) == EXPERIMENT


def test_overrides_apply_in_order():
    changed = EXPERIMENT.override(["preset=quick", "routes.hmc.num_chains=2", "seed=1", "seed=2"])
    assert (changed.seed, changed.routes["hmc"].num_chains) == (2, 2)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("sead=1", r"--set sead: there is no such setting; here are \['model', 'data', 'start'"),
        (
            "routes.hmc.num_samples=1",
            r"--set routes.hmc: there is no such setting; here are \['rwmh', 'nuts', 'mpmh'\]",
        ),
        ("routes.nuts.samples=1", r"--set routes.nuts.samples: .* here are \['algorithm', 'num_samples'"),
        ("seed.more=1", r"--set seed.more: there is no such setting; here are \[\]"),
        ("own_model=true", r"--set own_model: there is no such setting"),
        ("seed", r"--set seed: write it as key=value"),
        ("seed=many", r"--set: seed must be a whole number of 64 bits, not 'many'"),
        ("routes=3", r"--set: routes must be a mapping, not 3"),
        ("preset=fast", r"preset=fast: there is no such preset; choose one of \['full', 'quick'\]"),
        (
            'surrogate.train_on=["slice"]',
            r"surrogate.train_on: \['slice'\] is not among the routes, which are \['rwmh', 'nuts', 'mpmh'\]",
        ),
    ],
)
def test_wrong_overrides_name_the_key_and_what_there_is(assignment, message):
    with pytest.raises(ExperimentError, match=message):
        EXPERIMENT.override([assignment])


def test_a_route_is_needed():
    with pytest.raises(ExperimentError, match="at least one route"):
        Experiment(model="an_schorfheide_2007", data="us_nk", routes={}, surrogate=None)


def test_a_file_with_the_users_own_model(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(OWN + 'experiment = Experiment(model=model, data="us_nk", end="1999Q4")\n')
    experiment = load_experiment(file)
    assert experiment.load_model().name == "mine"
    assert list(experiment.load_data().columns) == ["YGR"]
    assert experiment.settings()["own_model"] and experiment.source == str(file)
    model, data = load_model_and_data(str(file))
    assert model.name == "mine" and str(data.index[-1]) == "1999Q4"


def test_a_run_directory_is_an_experiment_file_too(tmp_path):
    changed = EXPERIMENT.override(["routes.nuts.settings.max_num_doublings=4", "seed=3"])
    (tmp_path / "settings.json").write_text(json.dumps(changed.settings()))
    assert load_experiment(tmp_path / "settings.json") == changed

    (tmp_path / "model.py").write_text(OWN + 'experiment = Experiment(model=model, data="us_nk")\n')
    own = load_experiment(tmp_path / "model.py").override(["seed=4"])
    (tmp_path / "settings.json").write_text(json.dumps(own.settings()))
    again = load_experiment(tmp_path / "settings.json")
    assert again.seed == 4 and again.load_model().name == "mine" and again.settings() == own.settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"no such file"),
        ("x = 1\n", r"defines no `experiment = Experiment\(\.\.\.\)`"),
        ("experiment = 'us_nk'\n", r"defines no `experiment = Experiment\(\.\.\.\)`"),
    ],
    ids=["missing", "empty", "wrong"],
)
def test_files_without_an_experiment(tmp_path, text, message):
    file = tmp_path / "file.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ExperimentError, match=message):
        load_experiment(file)


def test_a_model_alone_can_be_checked(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(OWN)
    model, data = load_model_and_data(str(file))
    assert model.name == "mine" and data is None
    file.write_text("x = 1\n")
    with pytest.raises(ExperimentError, match="defines neither `model"):
        load_model_and_data(str(file))


def test_an_experiment_may_have_its_own_presets():
    look = {"routes": {"rwmh": Route("rwmh", 5)}, "num_starts": 1}
    mine = Experiment("hansen_1985", "us_nk", presets={"look": look}, surrogate=None)
    short = mine.override(["preset=look", "seed=3"])
    assert dict(short.routes) == look["routes"]
    assert (short.num_starts, short.seed, short.surrogate) == (1, 3, None)
    assert short.presets == mine.presets
    with pytest.raises(
        ExperimentError, match=r"preset=quick: there is no such preset; choose one of \['look'\]"
    ):
        mine.override(["preset=quick"])


def test_presets_are_complete():
    assert isinstance(EXPERIMENT.routes["rwmh"], Route) and isinstance(EXPERIMENT.surrogate, SurrogateRoute)
