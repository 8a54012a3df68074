"""A run that is killed: whatever the moment, and whatever the stage, it goes on to the same bits.

What a kill leaves is what is on the disk at that moment. So one run is made, and copied at moments drawn at random from
every stage of it, half-written files, lock and all; each copy then goes on by itself. (`experiments/crashes.py` kills
processes, a hundred of them; tests/test_pipeline.py kills one.)
"""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from estim import pipeline
from estim.experiment import Route, SurrogateRoute, load_experiment
from estim.pipeline import resume_run, run_experiment
from estim.results.contents import finished_routes, read_evaluations, read_route
from estim.results.lock import NAME as LOCK
from estim.results.store import RunDirectory
from estim.results.verify import problems

MODEL = """
from household import law
from typing import Any, NamedTuple
from numpyro.distributions import Beta, Gamma
from estim.experiment import Experiment
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
    steady_state=lambda p: Variables(0.0), residuals=law,
    measurement=lambda now, lag, p: Observables(p.mean + now.x), prior=Params(),
)
experiment = Experiment(model=model, data="us_nk", start="1984Q1", end="1989Q4")
"""
HOUSEHOLD = "law = lambda lag, now, lead, shocks, p: {'law': now.x - p.rho * lag.x - p.sigma * shocks.e}\n"
MOMENTS = ("written", "listed", "named")
"""Of a file: its bytes are on the disk; it is listed too; it has its name."""
STAGES = (
    "mode.npz", "rwmh/", "smc/", "surrogate/network", "surrogate/chunk", "delayed_acceptance/", "surrogate/cert",
    "verdict.json",
)  # fmt: skip


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run that nothing disturbed, and copies of it as a kill would have left them: file and moment -> directory."""
    home = tmp_path_factory.mktemp("crashes")
    (home / "household.py").write_text(HOUSEHOLD)
    (home / "ar1.py").write_text(MODEL)
    experiment = replace(
        load_experiment(home / "ar1.py"),
        num_starts=1,
        routes={
            "rwmh": Route("rwmh", num_samples=200, num_chains=4, num_warmup=60, thin=2),
            "smc": Route("smc", num_samples=100, num_chains=3),
            "delayed_acceptance": Route("delayed_acceptance", num_samples=300, num_chains=4, num_warmup=60),
        },
        surrogate=SurrogateRoute(
            train_on=("rwmh", "smc"),
            max_points=700,
            num_samples=20,
            num_warmup=200,
            num_certificate=400,
            settings={"max_steps": 200, "num_members": 1, "hidden": (16,)},
        ),
    )
    copies, rng, publish = {}, np.random.default_rng(7), RunDirectory._publish
    moments = {stage: str(rng.choice(MOMENTS)) for stage in STAGES}
    skipped = {stage: int(rng.integers(0, 2)) if stage.endswith("/") else 0 for stage in STAGES}

    def observed(run, name, temporary, target):
        stage = next((s for s in STAGES if name.startswith(s) and s not in copies), None)
        if stage is not None and skipped[stage] > 0:
            skipped[stage], stage = skipped[stage] - 1, None

        def keep(moment):
            if stage is not None and moments[stage] == moment:
                copies[stage] = home / f"killed-{len(copies)}"
                shutil.copytree(run.path, copies[stage])

        add = run._list.add
        with run._writing:
            keep("written")
            run._list.add = lambda *entry: (add(*entry), keep("listed"))
            try:
                publish(run, name, temporary, target)
            finally:
                run._list.add = add
            keep("named")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunDirectory, "_publish", observed)
        whole = run_experiment(experiment, home / "whole")
    for gone in ("ar1.py", "household.py"):
        (home / gone).unlink()
    return whole, copies


def contents(run):
    """Every number of a run, by name; the lengths of chunks, which depend on the clock, left out."""
    numbers = {}
    for route in finished_routes(run):
        result = read_route(run, route)
        numbers |= {
            f"{route}.{field}": getattr(result, field) for field in ("params", "loglikelihood", "logprior")
        }
        numbers |= {f"{route}.{name}": values for name, values in result.stats.items()}
        numbers[f"{route}.num_evaluations"] = np.asarray(result.num_evaluations)
        if route != "surrogate":
            numbers |= {f"{route}.{key}": rows for key, rows in read_evaluations(run, route).items()}
    for name in run.listed():
        if name.endswith(".npz") and "/chunk-" not in name:
            numbers |= {f"{name}.{key}": rows for key, rows in run.read_arrays(name).items()}
    return numbers


@pytest.mark.filterwarnings("ignore:.*is not there any more. The run goes on with its own copy")
@pytest.mark.parametrize("stage", STAGES)
def test_a_run_that_was_killed_goes_on_to_the_same_bits(killed, stage, monkeypatch):
    whole, copies = killed
    if stage != "verdict.json":  # one report is enough
        monkeypatch.setattr(pipeline, "write_report", lambda run: None)
    copy = copies[stage]
    assert (copy / LOCK).exists(), "as after a kill, which leaves the file of the lock"
    with pytest.warns(UserWarning, match=r"ar1\.py is not there any more.* goes on with its own copy"):
        resumed = resume_run(copy)
    assert problems(resumed) == [] and not list(copy.rglob(".*")), "nothing half-written stays"
    expected, found = contents(whole), contents(resumed)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    for name in ("surrogate/certificate.json", "evidence.json"):
        assert resumed.read_json(name) == whole.read_json(name)


def test_marginal_likelihoods_stand_side_by_side(killed):
    """That of the population beside those of the chains, and within their errors."""
    whole, _ = killed
    evidence = whole.read_json("evidence.json")
    methods = {(row["method"], row["route"]) for row in evidence["rows"]}
    assert methods == {
        ("Laplace", None),
        ("tempered SMC", "smc"),
        ("bridge sampling", "rwmh"),
        ("harmonic mean", "rwmh"),
    }
    assert evidence["agree"] and np.ptp([row["value"] for row in evidence["rows"]]) < 1.0
    page = whole.read_text("report.html")
    assert "The marginal likelihood" in page and "agree within their errors" in page


def test_what_was_learnt_is_what_delayed_acceptance_proposes_by(killed):
    whole, _ = killed
    result = read_route(whole, "delayed_acceptance")
    assert np.mean(result.stats["acceptance_rate_outer"]) > 0.8
    means = [read_route(whole, name).params.mean((0, 1)) for name in ("delayed_acceptance", "smc")]
    np.testing.assert_allclose(*means, atol=0.2)
