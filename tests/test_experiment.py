"""Experiment: prints itself, is saved and repeated, and refuses settings that do not exist."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estim.arguments import ArgumentError
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
        ("surrogate.settings.hidden=[32, 32]", lambda e: e.surrogate.settings["hidden"] == (32, 32)),
        (
            "surrogate.settings.density_temperature=null",
            lambda e: e.surrogate.settings["density_temperature"] is None,
        ),
        (
            "routes.mpmh.settings.construction=independent",
            lambda e: e.routes["mpmh"].settings["num_proposals"] == 4,
        ),
        (
            "routes.mpmh.settings.spread=proposals",
            lambda e: e.routes["mpmh"].settings["spread"] == "proposals",
        ),
        ("likelihood.start=diffuse", lambda e: e.likelihood == {"start": "diffuse"}),
        ("start=null", lambda e: e.start is None),
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


WITH_ALL = replace(
    EXPERIMENT,
    routes=dict(EXPERIMENT.routes)
    | {"smc": Route("smc", num_samples=100), "da": Route("delayed_acceptance", num_samples=100)},
)
# The setting, and what the error says of it; none of these can be run.
IMPOSSIBLE = {
    "routes.nuts.num_chains=0": r"routes\.nuts: num_chains must be a whole number from 1 on, not 0",
    "routes.nuts.num_samples=1.5": r"num_samples must be a whole number from 1 on, not 1\.5",
    "routes.nuts.num_samples=1e3": r"num_samples must be a whole number from 1 on, not 1000\.0",
    "routes.nuts.num_samples=true": r"num_samples must be a whole number",
    "routes.nuts.num_samples=NaN": r"num_samples must be a whole number",
    "routes.nuts.num_warmup=-1": r"num_warmup must be a whole number from 0 on",
    "routes.nuts.num_warmup=[10]": r"num_warmup must be a whole number",
    "routes.nuts.algorithm=nutz": r"unknown algorithm 'nutz'; choose one of \['chees'.*did you mean 'nuts'",
    "routes.nuts.algorithm=delayed_acceptance": (
        r"these need each other: (nuts needs surrogate needs nuts|surrogate needs nuts needs surrogate): train the "
        r"surrogate on other routes"
    ),
    "routes.mpmh.algorithm=smc": r"algorithm 'smc' has no setting \['num_proposals'\]; it has \['num_mutations'",
    "routes.nuts.settings.depth=3": r"algorithm 'nuts' has no setting \['depth'\]; it has \['max_num_doublings'",
    "routes.nuts.settings.max_num_doublings=0": r"settings\.max_num_doublings must be a whole number from 1 to 20",
    "routes.nuts.settings.target_acceptance=1": r"settings\.target_acceptance must be a number between 0 and 1",
    "routes.nuts.settings.spread=proposals": r"algorithm 'nuts' has no setting \['spread'\]",
    "routes.mpmh.settings.construction=new": r"construction must be one of \['auxiliary', 'independent'",
    "routes.mpmh.settings.mesh=1": r"algorithm 'mpmh' has no setting \['mesh'\]",
    "routes.smc.num_samples=1": r"routes\.smc: num_samples=1: a population has two particles or more",
    "routes.smc.settings.ess_fraction=1": r"settings\.ess_fraction must be a number between 0 and 1",
    "routes.smc.settings.num_warmup=1": r"algorithm 'smc' has no setting \['num_warmup'\]; it has \['num_mutations'",
    "routes.da.settings.num_inner=0": r"settings\.num_inner must be a whole number from 1 on",
    "routes.da.settings.approximation=nuts": r"approximation='nuts' is no posterior that a run makes; choose one of",
    "surrogate=null": r"routes\.da needs the surrogate \(approximation\), and the experiment has none",
    'surrogate.train_on=["mpmh","da"]': (
        r"these need each other: .*(da needs surrogate|surrogate needs da).*: train the surrogate on other routes"
    ),
    "surrogate.recipe=papr": r"unknown recipe 'papr'.*did you mean 'paper'",
    "surrogate.num_chains=300": r"num_chains must be a whole number that is a multiple of 256, not 300",
    "surrogate.num_chains=0": r"num_chains must be a whole number that is a multiple of 256, not 0",
    "surrogate.thin=0": r"thin must be a whole number from 1 on",
    "surrogate.num_certificate=9999999": r"three fifths of these are draws, of which there are only .* = 102400",
    "surrogate.max_points=50": r"surrogate\.max_points=50: 100 points are kept, where 13 parameters need 140",
    "surrogate.train_on=mpmh": r"train_on must be a list, not 'mpmh'",
    "surrogate.train_on=[]": r"train_on must name a route",
    "surrogate.settings.hidden=[8,0]": r"settings\.hidden\[1\] must be a whole number from 1 on",
    "surrogate.settings.learning_rate=0": r"settings\.learning_rate must be a number above 0",
    "surrogate.settings.drop_fraction=1": r"settings\.drop_fraction must be a number from 0 on below 1",
    "surrogate.settings.layers=3": r"a recipe has no setting \['layers'\]; it has \['gradient_weight'",
    "surrogate=1": r"surrogate must be a mapping, not 1",
    "likelihood.strat=diffuse": r"likelihood has no setting \['strat'\]; .*did you mean 'start'",
    "likelihood.start=flat": r"likelihood\.start must be one of \['stationary', 'diffuse'",
    "likelihood.method=lattice": r"likelihood\.method must be one of \['auto', 'standard'",
    "likelihood.presample=-1": r"likelihood\.presample must be a whole number from 0 on",
    "likelihood.presample=80": r"likelihood\.presample=80 must be less than the 80 periods of the sample",
    "end=autumn": r"end must be a quarter such as 1966Q1 or a whole number or None, not 'autumn'",
    "num_starts=0": r"num_starts must be a whole number from 1 on",
    "seed=0.5": r"seed must be a whole number of 64 bits, not 0\.5",
    "seed=100000000000000000000": r"seed must be a whole number of 64 bits",
    "title=null": r"title must be text, not None",
}


@pytest.mark.parametrize("assignment", IMPOSSIBLE)
def test_what_no_run_can_use_is_refused_at_once(assignment):
    with pytest.raises(ExperimentError, match=IMPOSSIBLE[assignment]):
        WITH_ALL.override([assignment])


def test_a_route_may_need_the_surrogate_and_says_so():
    route = WITH_ALL.routes["da"]
    assert route.needs == {"approximation": "surrogate"} and WITH_ALL.routes["nuts"].needs == {}
    assert from_settings(WITH_ALL.settings()) == WITH_ALL


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": "diffuse", "method": "square_root"}, "start='diffuse' has a filter of its own"),
        ({"start": "diffuse", "method": "chandrasekhar"}, "'chandrasekhar' needs start='stationary'"),
    ],
)
def test_options_of_the_likelihood_that_do_not_go_together(options, words):
    with pytest.raises(ExperimentError, match=words):
        Experiment("an_schorfheide_2007", "us_nk", likelihood=options)


def test_the_likelihood_is_that_of_the_model():
    """A moving average has no start; a state space has no lattice."""
    household = Experiment("krusell_smith_1998", "us_nk", surrogate=None)
    assert household.override(["likelihood.method=cholesky"]).likelihood == {"method": "cholesky"}
    with pytest.raises(ExperimentError, match=r"no setting \['start'\]; it has \['presample', 'method'\]"):
        household.override(["likelihood.start=diffuse"])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Route("rwmh"),
            r"Route\(algorithm, num_samples, .*missing a required argument: 'num_samples'",
        ),
        (lambda: Route("rwmh", 5, num_chain=2), "'num_chain'; did you mean 'num_chains'"),
        (lambda: Route("rwmh", 5, settings=None), "settings must be a mapping, not None"),
        (lambda: SurrogateRoute(settings={"hidden": "64"}), r"settings\.hidden must be a list, not '64'"),
        (
            lambda: Experiment(3, "us_nk"),
            "model must be text or a Model or a Simulation or a DecisionModel, not 3",
        ),
        (lambda: Experiment("hansen_1985", None), "data must be text or a DataFrame, not None"),
        (lambda: Experiment("hansen_1985", "us_nk", routes={"a": "rwmh"}), r"routes\['a'\] must be a Route"),
        (
            lambda: Experiment("hansen_1985", "us_nk", presets={"a": {"sead": 1}}),
            r"presets: 'a' has \['sead'\]",
        ),
        (lambda: Experiment("hansen_1985", "us_nk", likelihood=[1]), "likelihood must be one of"),
    ],
)
def test_settings_in_python_are_checked_as_well(make, words):
    with pytest.raises(ExperimentError, match=words):
        make()


def test_a_model_of_ones_own_is_not_replaced(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(OWN + 'experiment = Experiment(model=model, data="us_nk", surrogate=None)\n')
    with pytest.raises(ExperimentError, match="--set model: the experiment's file has a model of its own"):
        load_experiment(file).override(["model=hansen_1985"])


SAVED = EXPERIMENT.settings()


def without(settings, *path):
    *parents, last = path
    copy = json.loads(json.dumps(settings))
    place = copy
    for key in parents:
        place = place[key]
    del place[last]
    return copy


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", r"settings\.json: not JSON"),
        (b"", r"settings\.json: not JSON"),
        (b"\xff\xfe{}", r"settings\.json: not JSON"),
        (b"[" * 100_000, r"settings\.json: not JSON"),
        (b"[1]", r"settings\.json: holds \[1\] and no settings"),
        (SAVED | {"sead": 1}, r"settings\.json: sead: there is no such setting.*did you mean 'seed'"),
        (without(SAVED, "likelihood"), r"settings\.json: likelihood is missing"),
        (
            without(SAVED, "routes", "nuts", "num_warmup"),
            r"settings\.json: routes\.nuts\.num_warmup is missing",
        ),
        (without(SAVED, "surrogate", "thin"), r"settings\.json: surrogate\.thin is missing"),
        (SAVED | {"routes": [1]}, r"settings\.json: routes must be a mapping"),
        (SAVED | {"routes": {"a": None}}, r"settings\.json: routes\.a must be a mapping"),
        (SAVED | {"model": {"name": "x"}}, r"settings\.json: model must be text or a Model"),
        (SAVED | {"seed": None}, r"settings\.json: seed must be a whole number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_misshapen_settings_file_is_refused_by_file_and_key(tmp_path, content, words):
    file = tmp_path / "settings.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(ExperimentError, match=words):
        load_experiment(file)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
PLACES = [
    *((key,) for key in SAVED),
    *(("routes", "mpmh", key) for key in SAVED["routes"]["mpmh"]),
    *(("surrogate", key) for key in SAVED["surrogate"]),
    *(("surrogate", "settings", key) for key in ("num_members", "hidden", "patience", "new")),
    *(("likelihood", key) for key in ("start", "method", "presample", "new")),
]


@given(place=st.sampled_from(PLACES), value=JSON)
def test_settings_with_one_value_changed_are_accepted_or_refused_in_our_words(place, value):
    settings = json.loads(json.dumps(SAVED))
    *parents, last = place
    inner = settings
    for key in parents:
        inner = inner[key]
    inner[last] = value
    try:
        assert from_settings(settings, "an_schorfheide_2007").settings()
    except ValueError as error:
        assert type(error).__module__.startswith("estim."), type(error)


@given(key=st.sampled_from([".".join(place) for place in PLACES]), text=st.text(max_size=8))
def test_any_text_can_be_set_or_is_refused_in_our_words(key, text):
    try:
        EXPERIMENT.override([f"{key}={text}"])
    except ArgumentError:
        pass
    except ValueError as error:
        assert type(error).__module__.startswith("estim."), type(error)


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
