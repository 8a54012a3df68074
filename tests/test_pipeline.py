"""The pipeline: four routes that agree, a directory that repeats the run, and a kill that changes nothing."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import estim
from estim.analysis import one_step_ahead
from estim.experiment import Experiment, ExperimentError, Route, SurrogateRoute, load_experiment
from estim.pipeline import run_experiment
from estim.pipeline.evidence import judged
from estim.pipeline.parts import run_parts
from estim.results.analysis import thin
from estim.results.contents import finished_routes, read_evaluations, read_route
from estim.results.datatree import read_datatree
from estim.results.implications import Analysis, implications
from estim.results.store import RunDirectory
from estim.status import SolutionError, Status

MODEL = """
from typing import Any, NamedTuple
from numpyro.distributions import Beta, Gamma
from estim.experiment import Experiment, Route
from estim.model import Model

class Variables(NamedTuple):
    x: Any
class Shocks(NamedTuple):
    e: Any
class Observables(NamedTuple):
    YGR: Any
class Params(NamedTuple):
    rho: Any = Beta(5.0, 5.0)
    sigma: Any = Gamma(4.0, 4.0)
    mean: Any = 0.5

model = Model(
    name="ar1", variables=Variables, shocks=Shocks, observables=Observables,
    steady_state=lambda p: Variables(0.0),
    residuals=lambda lag, now, lead, shocks, p: {"law": now.x - p.rho * lag.x - p.sigma * shocks.e},
    measurement=lambda now, lag, p: Observables(p.mean + now.x), prior=Params(),
)
experiment = Experiment(
    model=model, data="us_nk", start="1984Q1", end="1989Q4", surrogate=None,
    routes={"rwmh": Route("rwmh", num_samples=1250, num_chains=4, num_warmup=40, thin=2)},
)
"""

KILL = """
import os, signal, sys
from estim.experiment import load_experiment
from estim.pipeline import run_experiment

def progress(what, done, total, remark):
    if what == "rwmh: sampling":
        os.kill(os.getpid(), signal.SIGKILL)

run_experiment(load_experiment(sys.argv[1]), sys.argv[2], progress)
"""


@pytest.fixture
def no_report(monkeypatch):
    """For runs whose draws alone are looked at."""
    monkeypatch.setattr("estim.pipeline.write_report", lambda run: None)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    file = tmp_path_factory.mktemp("model") / "ar1.py"
    file.write_text(MODEL)
    return load_experiment(file)


@pytest.fixture(scope="module")
def four_routes(experiment, tmp_path_factory):
    """All four routes to a posterior of two parameters, quickly, and what was told on the way."""
    told = []
    routes = {
        "rwmh": Route("rwmh", num_samples=2_000, num_chains=4, num_warmup=200, thin=3),
        "nuts": Route("nuts", num_samples=600, num_chains=4, num_warmup=100),
        "mpmh": Route("mpmh", num_samples=2000, num_chains=4, num_warmup=100, settings={"num_proposals": 4}),
    }
    surrogate = SurrogateRoute(
        max_points=2000,
        num_samples=100,
        num_warmup=400,
        thin=20,  # as in refinement, whose program it then is
        num_refinement=200,
        num_certificate=1000,
        settings={"max_steps": 1000, "num_members": 1},
    )
    experiment = replace(experiment, routes=routes, surrogate=surrogate)
    run = run_experiment(
        experiment, tmp_path_factory.mktemp("four") / "run", lambda *told_now: told.append(told_now)
    )
    return run, told


def test_the_routes_agree(four_routes):
    run, _ = four_routes
    assert finished_routes(run) == ["rwmh", "nuts", "mpmh", "surrogate"]
    verdict = run.read_json("verdict.json")
    together = "Random-walk MH, NUTS, multi-proposal MH and the surrogate have converged and agree"
    assert verdict["headline"].startswith(f"{together}: use the draws of ")


def test_what_the_model_says_of_the_data_and_of_the_future(four_routes):
    run, _ = four_routes
    assert run.read_json("implications.json") == {"left_out": {}}
    loaded = estim.load_run(run.path)
    n, y = len(loaded.data), loaded.data["YGR"]
    picked = thin(read_route(run, "rwmh").params.reshape(-1, 2), 200).astype(float)
    solution = estim.solve(loaded.model, dict(zip(("rho", "sigma"), picked.mean(axis=0), strict=True)))
    expected = one_step_ahead(solution, loaded.data.to_numpy())
    found = run.read_arrays("one_step_ahead.npz")
    np.testing.assert_allclose(found["mean"], expected.mean, atol=0.01)  # at the mean of positions
    assert found["sd"].shape == (n, 1)
    history, forecast = run.read_arrays("history.npz"), run.read_arrays("forecast.npz")
    np.testing.assert_allclose(history["variables"][2, :, 0], y - 0.5, atol=1e-9)  # observed without error
    assert history["shocks"].shape == (5, n, 1) and forecast["bands"].shape == (5, 12, 1)
    assert forecast["periods"][0] == "1990Q1" and (np.diff(forecast["bands"], axis=0) >= 0).all()
    checks = run.read_arrays("predictive_checks.npz")
    np.testing.assert_allclose(checks["data"][:2, 0], [y.mean(), y.std(ddof=0)])
    assert checks["prior"].shape == checks["posterior"].shape == (200, 3, 1)
    assert run.read_arrays("identification.npz")["rank"] == 2
    page = run.read_text("report.html")
    for words in (
        "Does the model fit?",
        "What comes next",
        "Predictive checks",
        "locally identified",
        "<math",
    ):
        assert words in page


def test_what_has_no_rule_or_no_answer_is_left_out_by_name(monkeypatch):
    def refuse(given):
        raise SolutionError(int(Status.NOT_FINITE), "no answer")

    table = {"one": Analysis(refuse, (float,)), "two": Analysis(lambda given: {"x": 1.0}, (float, int))}
    monkeypatch.setattr("estim.results.implications.ANALYSES", table)
    said = [dict(implications(SimpleNamespace(at_mean=value))) for value in (0.5, 1)]
    assert "no answer" in said[0]["one"] and said[0]["two"] == said[1]["two"] == {"x": 1.0}
    assert said[1]["one"] == "there is no rule for a int"


def test_draws_are_parameters_within_their_support(four_routes):
    run, _ = four_routes
    for route in finished_routes(run):
        tree = read_datatree(run, route)
        assert set(tree["posterior"].data_vars) == {"rho", "sigma"}
        assert set(tree["prior"].data_vars) == {"rho", "sigma"}
        assert float(tree["posterior"]["rho"].min()) > 0 and float(tree["posterior"]["rho"].max()) < 1
        assert {"lp", "acceptance_rate"} <= set(tree["sample_stats"].data_vars)
        assert tree["observed_data"]["YGR"].sizes == {"date": 24}


def test_of_the_evaluated_points_those_are_kept_that_something_learns_from(four_routes):
    run, _ = four_routes
    assert read_evaluations(run, "rwmh") == {}
    assert 2000 <= len(read_evaluations(run, "mpmh")["position"]) <= 2000 + 4 * 2000 * 4 / 16
    assert read_route(run, "rwmh").params.shape[1] == 2_000  # one in three
    assert read_route(run, "rwmh").num_evaluations == 4 * (6_000 + 200)
    assert read_route(run, "surrogate").num_evaluations == 0


def test_progress_is_told_to_the_end(four_routes):
    _, told = four_routes
    last = {what: (done, total) for what, done, total, _ in told}
    expected = {"posterior mode", "rwmh: warm-up", "rwmh: sampling", "mpmh: sampling", "surrogate: sampling"}
    assert expected <= set(last)
    assert all(done == total for what, (done, total) in last.items() if what != "surrogate: training")


def test_nothing_is_pickled_and_the_report_asks_for_nothing(four_routes):
    run, _ = four_routes
    suffixes = {p.suffix for p in run.path.rglob("*") if p.is_file()}
    assert suffixes <= {".json", ".csv", ".npz", ".py", ".html"}
    for file in run.path.rglob("*.npz"):
        run.read_arrays(str(file.relative_to(run.path)))  # allow_pickle=False
    page = run.read_text("report.html")
    assert (
        "src=" not in page
        and "@import" not in page
        and "http://" not in page.replace("http://www.w3.org", "")
    )


def test_a_finished_run_is_repeated_from_what_it_saved(four_routes, tmp_path, no_report):
    run, _ = four_routes
    saved = load_experiment(run.file("settings.json"))
    only = replace(saved, routes={"rwmh": saved.routes["rwmh"]}, surrogate=None)
    again = run_experiment(only, tmp_path / "again")
    np.testing.assert_array_equal(read_route(again, "rwmh").params, read_route(run, "rwmh").params)


def test_order_and_threads_of_the_parts_change_nothing(
    four_routes, experiment, tmp_path, monkeypatch, no_report
):
    run, _ = four_routes
    backwards = lambda parts, **_: run_parts(parts[::-1], num_threads=3, num_exclusive=2)
    monkeypatch.setattr("estim.pipeline.run_parts", backwards)
    saved = load_experiment(run.file("settings.json"))
    again = run_experiment(replace(saved, model=experiment.model), tmp_path / "again")
    for route in finished_routes(run):
        np.testing.assert_array_equal(read_route(again, route).params, read_route(run, route).params)
    for name in ("mode.npz", "prior.npz", "slices.npz", "impulse_responses.npz", "surrogate/network.npz"):
        first, second = run.read_arrays(name), again.read_arrays(name)
        assert first.keys() == second.keys()
        for key, values in first.items():
            np.testing.assert_array_equal(second[key], values, err_msg=f"{name}: {key}")
    assert again.read_json("surrogate/certificate.json") == run.read_json("surrogate/certificate.json")


def test_running_again_only_writes_the_report(four_routes):
    run, _ = four_routes
    before = {p: p.stat().st_mtime_ns for p in run.path.rglob("chunk-*.npz")}
    told = []
    run_experiment(
        load_experiment(run.file("settings.json")), run.path, lambda *told_now: told.append(told_now)
    )
    assert told == [] and before == {p: p.stat().st_mtime_ns for p in run.path.rglob("chunk-*.npz")}


@pytest.mark.filterwarnings("ignore:.*is missing. it is made again")
def test_what_the_surrogate_lost_is_made_again_bit_for_bit(four_routes, no_report):
    run, _ = four_routes
    names = ("surrogate/network.npz", "surrogate/check.npz")
    before, certificate = (
        [run.read_arrays(name) for name in names],
        run.read_json("surrogate/certificate.json"),
    )
    for name in (*names, "surrogate/certificate.json"):
        run.file(name).unlink()
    run_experiment(load_experiment(run.file("settings.json")), run.path)
    for name, arrays in zip(names, before, strict=True):
        again = run.read_arrays(name)
        assert again.keys() == arrays.keys()
        for key, values in arrays.items():
            np.testing.assert_array_equal(again[key], values)
    assert run.read_json("surrogate/certificate.json") == certificate
    counts = {k: int(v) for k, v in before[0].items() if k.startswith("counts/")}
    assert counts["counts/evaluations"] == 2 * 2000 + 200  # of two routes, thinned, and of the refinement


def test_a_killed_run_continues_to_the_same_draws_bit_for_bit(experiment, tmp_path, no_report):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.run([sys.executable, "-c", KILL, experiment.source, str(killed)], env=os.environ)
    assert process.returncode == -signal.SIGKILL
    held = read_route(RunDirectory(killed), "rwmh").params.shape[1]
    assert 0 < held < 1250, "the run was to be killed on its way"

    resumed = run_experiment(load_experiment(killed / "settings.json"), killed)
    uninterrupted = run_experiment(experiment, whole)
    for field in ("params", "loglikelihood", "logprior"):
        values = [getattr(read_route(run, "rwmh"), field) for run in (resumed, uninterrupted)]
        np.testing.assert_array_equal(*values)


def test_ctrl_c_keeps_the_finished_draws(experiment, tmp_path):
    def interrupt(what, done, total, remark):
        if what == "rwmh: sampling":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(experiment, tmp_path / "run", interrupt)
    assert read_route(RunDirectory(tmp_path / "run"), "rwmh").params.shape[1] > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e, _: replace(e, seed=1), "holds a run with other settings"),
        (lambda e, file: replace(e, source=str(file)), "holds a run with other model file"),
    ],
    ids=["settings", "model"],
)
def test_a_directory_holds_one_run(experiment, tmp_path, change, message):
    other = tmp_path / "other.py"
    other.write_text(MODEL + "\n# changed\n")

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(experiment, tmp_path / "run", stop)
    with pytest.raises(ExperimentError, match=message):
        run_experiment(change(experiment, other), tmp_path / "run")


def test_the_founding_paper_s_quick_preset_runs_to_its_report(experiment, tmp_path):
    """Its own settings, on a model that compiles in seconds: what is not tested here is the HANK model itself."""
    smaller = ["routes.hmc.num_samples=8"]
    training = ["surrogate.settings.num_members=1", "surrogate.settings.max_steps=200"]
    full = load_experiment(Path(__file__).parents[1] / "experiments" / "kase_rigato_rottner_2024.py")
    quick = full.override(["preset=quick", *smaller, *training])
    run = run_experiment(replace(quick, model=experiment.model, source=experiment.source), tmp_path / "run")
    assert full.surrogate.num_refinement > 0 and full.routes["hmc"].num_samples > 10 * 8
    assert full.num_starts > quick.num_starts == 1
    assert finished_routes(run) == ["hmc", "surrogate"]
    assert list(run.read_arrays("impulse_responses.npz")) == [
        "surrogate",
        "hmc",
    ]  # who only taught comes last
    assert "Corrected by 240 importance weights" in run.read_text("report.html")  # three fifths of 400


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        (["routes.rwmh.algorithm=rwm"], "unknown algorithm 'rwm'"),
        (["routes.rwmh.settings.num_steps=3"], "algorithm 'rwmh' has no setting"),
        (["routes.rwmh.algorithm=smc", "routes.rwmh.num_samples=1"], "two particles or more"),
        (["routes.rwmh.algorithm=delayed_acceptance"], "rwmh needs the surrogate"),
        (["likelihood.presample=24"], "presample=24 must be less than the 24 periods"),
        (["likelihood.start=flat"], r"likelihood\.start must be one of"),
        (["solver=magic"], "magic"),
        (["data=nowhere"], "nowhere"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_what_cannot_be_run_is_refused_before_anything_is_written(experiment, tmp_path, assignments, words):
    """And so in the same directory the corrected experiment can be run."""
    with pytest.raises(ValueError, match=words):
        run_experiment(experiment.override(assignments), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("presample", [24, 30])
def test_a_likelihood_that_does_not_fit_the_data_is_refused_before_anything_is_written(
    experiment, tmp_path, presample
):
    with pytest.raises(ExperimentError, match="presample"):
        run_experiment(replace(experiment, likelihood={"presample": presample}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("values", "errors", "agree"),
    [
        ((-10.0, -10.2), (0.1, 0.05), True),
        ((-10.0, -13.0), (0.1, 0.05), False),
        ((-10.0, -13.0), (None, 0.05), True),  # one run alone has no error
    ],
)
def test_marginal_likelihoods_are_judged_by_their_errors(values, errors, agree):
    row = {"method": "tempered SMC", "route": "smc", "value": values[0], "error": errors[0], "runs": 4}
    other = {
        "method": "bridge sampling",
        "route": "rwmh",
        "value": values[1],
        "error": errors[1],
        "runs": None,
    }
    laplace = {"method": "Laplace", "route": None, "value": 0.0, "error": None, "runs": None}
    found = judged([laplace, row, other])
    assert found["agree"] == agree and len(found["apart"]) == (not agree)
    if not agree:
        assert found["apart"][0]["methods"] == ["tempered SMC (smc)", "bridge sampling (rwmh)"]
        assert found["apart"][0]["gap"] == pytest.approx(3.0)


def test_unknown_names_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="no_such_model"):
        run_experiment(Experiment(model="no_such_model", data="us_nk"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
