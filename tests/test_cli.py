"""The command line: quick to start, errors in one line, exit codes that scripts can read."""

import json
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

from estim import cli
from estim.experiment import load_experiment
from estim.results.contents import read_data
from estim.results.store import RunDirectory
from estim.stopping import Terminated


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["fore"], "forecast"),
        (["run", "--see"], "--seed"),
        (["data", "sh"], "show"),
        (["run", "mine"], "mine.py"),
    ],
)
def test_bash_completes_commands_options_and_files(tmp_path, capsys, words, completed):
    assert cli.main(["completion", "bash"]) == 0
    (tmp_path / "complete").write_text(capsys.readouterr().out)
    (tmp_path / "mine.py").write_text("")
    line = f"source complete; COMP_WORDS=(estim {' '.join(words)}); COMP_CWORD={len(words)}; _shtab_estim; "
    run = subprocess.run(
        ["bash", "-c", line + 'printf "%s\\n" "${COMPREPLY[@]}"'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert completed in run.stdout.split(), run.stderr


def test_help_starts_without_the_numerical_libraries():
    code = (
        "import contextlib, sys\n"
        "from estim import cli\n"
        "with contextlib.suppress(SystemExit): cli.main(['run', '--help'])\n"
        "heavy = {'jax', 'numpyro', 'pandas', 'matplotlib', 'blackjax', 'flax', 'rich', 'arviz'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "KEY=VALUE" in done.stdout


@pytest.mark.parametrize("module", ["estim", "estim.cli"])
def test_it_runs_as_a_module(module):
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "usage: estim" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere.py"], "estim: error: nowhere.py: no such file\n"),
        (
            ["run", "sound.py", "--set", "sead=1"],
            "--set sead: there is no such setting; here are ['model'",
        ),
        (
            ["run", "broken.py"],
            "estim: error: NameError: name 'Model' is not defined (--debug shows where)\n",
        ),
        (["run", "experiment.py"], "estim: error: there is no model 'no_such_model'"),
        (["resume", "."], "estim: error: .: there is no settings.json; is this the directory of a run?\n"),
        (["report", "."], "there is no settings.json; is this the directory of a run?\n"),
        (["check", "no_such_model"], "there is no model 'no_such_model'"),
        (["data", "show", "us_nothing"], "unknown data set 'us_nothing'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_error_is_one_line_that_names_the_culprit(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text("model = Model()\n")
    text = "from estim.experiment import Experiment\nexperiment = Experiment(model='{}', data='us_nk')\n"
    (tmp_path / "experiment.py").write_text(text.format("no_such_model"))
    (tmp_path / "sound.py").write_text(text.format("hansen_1985"))
    assert cli.main(arguments) == cli.EXIT_ERROR
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_debug_shows_the_traceback():
    with pytest.raises(ValueError, match=r"nowhere\.py: no such file"):
        cli.main(["run", "nowhere.py", "--debug"])


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["data"]], ids=str)
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as exit:
        cli.main(arguments)
    assert exit.value.code == 2 and "usage: estim" in capsys.readouterr().err


def test_what_was_meant(capsys):
    with pytest.raises(SystemExit):
        cli.main(["forcast"])
    assert "did you mean 'forecast'?" in capsys.readouterr().err


def test_a_new_file_is_an_experiment(tmp_path, capsys):
    file = tmp_path / "mine.py"
    assert cli.main(["new", str(file), "--from", "an_schorfheide_2007"]) == 0
    experiment = load_experiment(file)
    assert experiment.load_model().name == "an_schorfheide_2007" and experiment.data == "us_nk"
    assert len(experiment.load_data()) > 100
    assert cli.main(["new", str(file)]) == cli.EXIT_ERROR
    assert "there is such a file already" in capsys.readouterr().err
    assert cli.main(["new", str(tmp_path / "other.py"), "--from", "an_schorfheid"]) == cli.EXIT_ERROR
    assert "did you mean 'an_schorfheide_2007'?" in capsys.readouterr().err


def test_a_new_file_has_data_of_the_same_observables_and_no_others(tmp_path):
    """The Y of the national accounts is none of a model whose Y is in deviations."""
    assert cli.main(["new", str(tmp_path / "house.py"), "--from", "krusell_smith_1998"]) == 0
    assert 'data="my_data.csv",  # a CSV file, its columns date, Y' in (tmp_path / "house.py").read_text()
    assert cli.main(["new", str(tmp_path / "accounts.py"), "--from", "godley_lavoie_2007_us"]) == 0
    assert 'data="us_accounts",' in (tmp_path / "accounts.py").read_text()


def test_a_model_is_shown(capsys):
    assert cli.main(["show", "hansen_1985"]) == 0
    text = capsys.readouterr().out
    for words in (
        "6 variables",
        '"euler": p.discount',
        "theta",
        "discount = 0.99",
        "k = 2.44",
        "inverse gamma",
    ):
        assert words in text, words


def test_a_simulation_is_shown(capsys):
    assert cli.main(["show", "godley_lavoie_2007_sim"]) == 0
    text = capsys.readouterr().out
    assert "def transition(" in text and "prior" in text


def test_a_check_of_other_values(capsys):
    assert cli.main(["check", "hansen_1985", "--set", "gamma=1.5"]) == cli.EXIT_FAILED
    assert "explosive" in capsys.readouterr().out
    assert cli.main(["check", "hansen_1985", "--set", "gama=0.5"]) == cli.EXIT_ERROR
    assert "did you mean 'gamma'?" in capsys.readouterr().err


@pytest.fixture
def run_of(tmp_path, monkeypatch):
    """What `estim run` would do, without doing it: the experiment that it came to."""
    came_to = []

    def nothing(experiment, out, progress):
        run = RunDirectory(out)
        run.write_json("settings.json", experiment.settings())
        run.write_json("verdict.json", {"tone": "good", "headline": "Good.", "lines": []})
        came_to.append(experiment)
        return run

    monkeypatch.setattr("estim.pipeline.run_experiment", nothing)
    file = tmp_path / "experiment.py"
    file.write_text("import estim\nexperiment = estim.Experiment(model='hansen_1985', data='us_nk_growth')\n")

    def run(*arguments):
        code = cli.main(["run", str(file), "--out", str(tmp_path / "run"), *arguments])
        return code, came_to[-1] if came_to else None

    return run


def test_routes_and_seed(run_of, capsys):
    _, experiment = run_of("--routes", "nuts,hmc", "--seed", "5")
    assert list(experiment.routes) == ["nuts", "hmc"] and experiment.seed == 5
    assert experiment.surrogate.train_on == ("nuts",)
    _, experiment = run_of("--routes", "rwmh", "--force")
    assert experiment.surrogate is None
    assert run_of("--routes", "nust")[0] == cli.EXIT_ERROR
    assert "there is no 'nust'" in capsys.readouterr().err


def test_what_is_printed(run_of, capsys, tmp_path):
    run_of("--quiet")
    assert capsys.readouterr().out == ""
    run_of("--json")
    assert json.loads(capsys.readouterr().out)["headline"] == "Good."


def test_force_removes_a_run_and_nothing_else(run_of, tmp_path, capsys):
    run_of("--quiet")
    (tmp_path / "run" / "left_over").write_text("of the run that was there")
    assert run_of("--quiet", "--force")[0] == 0 and not (tmp_path / "run" / "left_over").exists()
    (tmp_path / "run" / "settings.json").unlink()
    (tmp_path / "run" / "manifest.csv").unlink()
    (tmp_path / "run" / "letter.txt").write_text("dear")
    assert run_of("--force")[0] == cli.EXIT_ERROR
    assert (tmp_path / "run" / "letter.txt").exists() and "no run that could go on" in capsys.readouterr().err


def test_models_and_data_are_listed(capsys):
    assert cli.main(["models"]) == 0
    assert "an_schorfheide_2007" in capsys.readouterr().out
    assert cli.main(["data", "list"]) == 0
    assert "us_nk" in capsys.readouterr().out
    assert cli.main(["data", "show", "us_nk"]) == 0
    assert "rights" in capsys.readouterr().out


def test_a_stopped_run_says_where_its_draws_are(tmp_path, monkeypatch, capsys):
    def interrupted(experiment, out, progress):
        RunDirectory(out).write_json("settings.json", experiment.settings())
        progress("rwmh: sampling", 1, 2, "")
        raise KeyboardInterrupt

    monkeypatch.setattr("estim.pipeline.run_experiment", interrupted)
    file = tmp_path / "experiment.py"
    file.write_text(
        "from estim import Experiment\nexperiment = Experiment(model='an_schorfheide_2007', data='us_nk')\n"
    )
    out = tmp_path / "run"
    assert cli.main(["run", str(file), "--set", "seed=5", "--out", str(out)]) == cli.EXIT_INTERRUPTED
    (advice,) = capsys.readouterr().out.splitlines()[2:]
    printed = advice
    assert "Stopped. What was finished is kept in" in printed and "estim resume" in printed
    assert json.loads((out / "settings.json").read_text())["seed"] == 5


def test_a_warning_of_a_run_is_a_line_without_its_place_in_the_code(tmp_path, monkeypatch, capsys):
    from estim.results.store import RunWarning

    def resumed(out, progress):
        warnings.warn(RunWarning("data.csv [1] changed"), stacklevel=1)
        raise Terminated(15)

    monkeypatch.setattr("estim.pipeline.resume_run", resumed)
    (tmp_path / "settings.json").write_text("{}")
    assert cli.main(["resume", str(tmp_path)]) == 143
    assert "note: data.csv [1] changed\n" in capsys.readouterr().out


def test_a_dynare_run_writes_into_its_own_directory_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paper's.mod").write_text(
        "var y; varexo e; parameters a; a = 0.5; model; y = a*y(-1) + e; end; steady_state_model; y = 0; end;\n"
        "shocks; var e; stderr 1; end; varobs y; estimated_params; a, beta_pdf, 0.5, 0.1; end;\n"
        "estimation(datafile=series, first_obs=3, prefilter=1);\n"
    )
    rows = np.random.default_rng(0).normal(3.0, 1.0, 40)
    (tmp_path / "series.csv").write_text("y,other\n" + "".join(f"{y},1\n" for y in rows))
    for name in ("paper's.py", "paper's.csv", "data.csv", "model.py", "paper_s.py", "paper_s.csv"):
        (tmp_path / name).write_text("mine")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def stop(run, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr("estim.pipeline._complete", stop)
    assert cli.main(["run", "paper's.mod", "--out", "result"]) == cli.EXIT_INTERRUPTED
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before
    run = RunDirectory(tmp_path / "result")
    assert run.read_json("settings.json")["data"] == "data.csv"
    np.testing.assert_array_equal(read_data(run)["y"], rows[2:] - rows[2:].mean())
    assert run.read_json("sources.json").keys() == {"model.py", "data.csv"}

    assert cli.main(["run", "paper's.mod", "--out", "result"]) == cli.EXIT_INTERRUPTED, "the same run"
    (tmp_path / "series.csv").write_text("y\n" + "".join(f"{y}\n" for y in [*rows, 2.5]))
    assert cli.main(["run", "paper's.mod", "--out", "result"]) == cli.EXIT_ERROR
    assert "other data (1 period new, 41; 38 other numbers, first y in 3" in capsys.readouterr().err
    (tmp_path / "paper's.mod").unlink()
    assert cli.main(["resume", "result"]) == cli.EXIT_INTERRUPTED
    told = capsys.readouterr().out
    assert "series.csv changed since the run began" in told and "paper's.mod is not there any more" in told
