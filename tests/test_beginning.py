"""What a run begins with and what must be as it was for it to go on; nothing is estimated here."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estim import pipeline
from estim.experiment import Experiment, ExperimentError, Route, load_experiment
from estim.pipeline import resume_run, run_experiment
from estim.pipeline.beginning import load_any_experiment
from estim.pipeline.changes import data_changes, text_changes
from estim.results import describe
from estim.results.contents import read_data
from estim.results.manifest import digest
from estim.results.store import RunDirectory, StoreError
from estim.results.verify import problems

MINE = """
from typing import Any, NamedTuple
from numpyro.distributions import Beta
from estim import Experiment, Model
from beside import law

class Variables(NamedTuple):
    x: Any
class Shocks(NamedTuple):
    e: Any
class Observables(NamedTuple):
    dy: Any
class Params(NamedTuple):
    rho: Any = Beta(5.0, 5.0)

model = Model(
    name="mine", variables=Variables, shocks=Shocks, observables=Observables,
    steady_state=lambda p: Variables(0.0), residuals=law,
    measurement=lambda now, lag, p: Observables(now.x), prior=Params(),
)
experiment = Experiment(model=model, data="series.csv", surrogate=None)
"""
BESIDE = "law = lambda lag, now, lead, shocks, p: {'law': now.x - p.rho * lag.x - shocks.e}\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with data and a model of the user's own; stages are not gone through."""
    monkeypatch.setattr(pipeline, "_complete", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    quarters = pd.period_range("1990Q1", periods=40, freq="Q", name="date")
    pd.DataFrame({"dy": np.random.default_rng(0).normal(size=40) / 3}, quarters).to_csv("series.csv")
    Path("mine.py").write_text(MINE)
    Path("beside.py").write_text(BESIDE)
    return tmp_path


def gallery(**changes):
    route = {"rwmh": Route("rwmh", num_samples=20)}
    return Experiment(
        **{"model": "hansen_1985", "data": "series.csv", "routes": route, "surrogate": None} | changes
    )


def forge(run, name, content):
    """Write a file of a run as another process of estim would have."""
    file = run.file(name)
    file.write_text(content)
    run._list.add(name, digest(file))


def test_the_copy_of_the_data_is_the_data_to_the_last_bit(home):
    run = run_experiment(gallery(), "run")
    pd.testing.assert_frame_equal(read_data(run), gallery().load_data(), check_exact=True)
    assert problems(run) == []


def test_a_run_goes_on_without_the_files_that_it_was_begun_from(home):
    run = run_experiment(load_experiment("mine.py"), "run")
    assert {"model.py", "modules/beside.py", "data.csv"} <= set(run.listed())
    shutil.move(run.path, home / "elsewhere")
    for name in ("mine.py", "beside.py", "series.csv"):
        (home / name).unlink()
    with pytest.warns(UserWarning) as told:
        resumed = resume_run("elsewhere")
    said = " ".join(str(w.message) for w in told)
    assert all(f"{home / n} is not there any more" in said for n in ("mine.py", "beside.py", "series.csv"))
    assert problems(resumed) == []


@pytest.mark.parametrize(
    ("name", "change", "how"),
    [
        (
            "mine.py",
            lambda text: text.replace("5.0, 5.0", "2.0, 5.0"),
            "1 line, first line 14, which was 'rho: Any = Beta",
        ),
        (
            "beside.py",
            lambda text: "# new\n" + text,
            "1 line, first line 1, which was nothing and is '# new'",
        ),
        ("series.csv", lambda text: text + "2000Q1,0.5\n", "1 period new, 2000Q1"),
        (
            "series.csv",
            lambda text: text.replace("1990Q1,", "1990Q1,1"),
            "1 other number, first dy in 1990Q1, which was",
        ),
        ("series.csv", lambda text: text.rsplit("\n", 2)[0] + "\n", "1 period gone, 1999Q4"),
        ("series.csv", lambda text: text.replace("dy", "dz"), "now mine observes dy, which the data lack"),
    ],
    ids=["model", "module", "a quarter more", "another number", "a quarter less", "no column"],
)
def test_where_a_source_changed_resume_says_how_and_run_refuses(home, name, change, how):
    run_experiment(load_experiment("mine.py"), "run")
    Path(name).write_text(change(Path(name).read_text()))
    with pytest.warns(
        UserWarning, match=f"{name} changed since the run began: {how}.*goes on with its own copy"
    ):
        resume_run("run")
    if how.startswith("now"):
        with pytest.warns(UserWarning, match="the run goes on with its own copy of the data"):
            run_experiment(load_experiment("mine.py"), "run")
        return
    with pytest.raises(
        ExperimentError, match=r"holds a run with other .*`estim resume run` goes on with the copy"
    ):
        run_experiment(load_experiment("mine.py"), "run")


def test_two_experiments_of_one_name_do_not_share_a_directory(home):
    run_experiment(gallery(), "run")
    for other, what in ((gallery(seed=1), "settings .seed"), (gallery(end="1998Q4"), "settings .end")):
        with pytest.raises(ExperimentError, match=f"holds a run with other {what}"):
            run_experiment(other, "run")


@pytest.mark.parametrize("package", ["estim", "jax", "numpy"])
def test_draws_of_two_versions_are_not_mixed(home, package, monkeypatch):
    run_experiment(gallery(), "run")
    version = describe.version
    monkeypatch.setattr(describe, "version", lambda name: "99.9" if name == package else version(name))
    had = version(package)
    made = rf"the run was made by {package} {had} \(here 99\.9\).*pip install {package}=={had}"
    for go_on in (lambda: resume_run("run"), lambda: run_experiment(gallery(), "run")):
        with pytest.raises(StoreError, match=made):
            go_on()


def test_another_machine_is_written_down(home, monkeypatch):
    run = run_experiment(gallery(), "run")
    environment = run.read_json("environment.json")
    forge(run, "environment.json", json.dumps(environment | {"machine": "a Cray"}))
    with pytest.warns(UserWarning, match="begun on a Cray, continued on"):
        resume_run("run")
    assert RunDirectory("run").read_json("environment.json")["notes"][0].startswith("begun on a Cray")


def test_a_model_of_the_gallery_that_changed_is_noticed(home):
    run = run_experiment(gallery(), "run")
    model = run.read_json("model.json")
    forge(run, "model.json", json.dumps(model | {"calibrated": {}}))
    with pytest.raises(ExperimentError, match=r"holds a run with other model \(its calibrated\)"):
        run_experiment(gallery(), "run")


def test_a_directory_of_somebody_else_is_left_alone(home):
    (home / "project").mkdir()
    (home / "project" / "data.csv").write_text("mine")
    with pytest.raises(StoreError, match=r"there are files in it \(data\.csv\) but no run that could go on"):
        run_experiment(gallery(), "project")
    assert [p.name for p in (home / "project").iterdir()] == ["data.csv"]


def test_a_run_without_its_settings_is_not_adopted(home):
    run_experiment(gallery(), "run")
    Path("run/settings.json").unlink()
    with pytest.raises(StoreError, match=r"settings\.json is missing: not as the run wrote it: put it back"):
        run_experiment(gallery(seed=9), "run")


def test_a_run_that_was_killed_before_it_had_begun_begins_anew(home):
    run = run_experiment(gallery(), "run")
    run.file("settings.json").unlink()
    lines = run.file("manifest.csv").read_text().splitlines(keepends=True)
    run.file("manifest.csv").write_text("".join(line for line in lines if "settings.json" not in line))
    assert problems(run_experiment(gallery(seed=9), "run")) == []
    assert RunDirectory("run").read_json("settings.json")["seed"] == 9


def test_a_model_made_in_a_program_goes_on_from_there(home):
    experiment = replace(load_experiment("mine.py"), source=None)
    run_experiment(experiment, "run")
    run_experiment(experiment, "run")
    with pytest.raises(ExperimentError, match="was made in a program, of which the run has no copy"):
        resume_run("run")


def test_nothing_planted_is_executed_on_resume(home):
    run_experiment(load_experiment("mine.py"), "run")
    for name in ("run/beside.py", "run/modules/numpyro.py", "run/modules/beside/__init__.py"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("raise SystemExit('executed')\n")
        with pytest.raises(
            StoreError, match="the run did not write this file, and will neither read nor execute it"
        ):
            resume_run("run")
        Path(name).unlink()


def test_settings_json_repeats_a_run_with_its_own_data_where_these_have_no_other_name(home):
    experiment, _ = load_any_experiment(Path("mine.py"), ["data=data.csv"])
    run_experiment(experiment, "run", data=load_experiment("mine.py").load_data())
    again, _ = load_any_experiment(Path("run/settings.json"), ["seed=3"])
    assert again.data == "data.csv" and len(again.load_data()) == 40 and again.seed == 3


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a\\b", "/etc/x", "../x", "mode.npz", "a b", "a\0b", "ä", "-x", "_x", "x" * 65, "surrogate",
     "modules", "NUL", "com1", "a\n", 3, None],
)  # fmt: skip
def test_a_route_s_name_is_a_name(name):
    with pytest.raises(ExperimentError, match=r"a route cannot be called|the name .* must be text"):
        gallery(routes={name: Route("rwmh", num_samples=5)})


def test_names_that_differ_in_case_alone_would_share_a_folder():
    with pytest.raises(ExperimentError, match="routes 'nuts' and 'NUTS' would share a folder"):
        gallery(routes={name: Route("rwmh", num_samples=5) for name in ("nuts", "NUTS")})


def test_more_draws_than_there_is_memory_are_refused_before_anything_is_written(home):
    with pytest.raises(
        ExperimentError, match=r"routes\.rwmh: 4 chains of 1,000,000,000,000 draws of .* bytes, and this"
    ):
        run_experiment(gallery(routes={"rwmh": Route("rwmh", num_samples=10**12)}), "run")
    assert not Path("run").exists()


def test_changes_in_words():
    assert text_changes(b"a\nb\n", b"a\nb\n") == ""
    assert text_changes(b"a\nb\n", b"a\r\nb\r\n") == "in its line ends alone"
    assert text_changes(b"a\nb\n", b"a\n") == "1 line, first line 2, which was 'b' and is nothing"
    frame = pd.DataFrame({"y": [1.0, np.nan]}, pd.period_range("2000Q1", periods=2, freq="Q"))
    assert data_changes(frame, frame.copy()) == ""
    assert (
        data_changes(frame, frame.fillna(2.0)) == "1 other number, first y in 2000Q2, which was nan and is 2"
    )
