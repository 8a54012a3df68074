"""`model_comparison` from runs, against probabilities by hand."""

import numpy as np
import pytest

from estim.dynare import ModFileError, read_mod, run_commands
from estim.results.store import RunDirectory

HEAD = "var x; varexo e; parameters r; r = 0.5; model; x = r*x(-1) + e; end; shocks; var e; stderr 1; end;\n"
LOGS = {"first": -100.0, "second": -101.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for place, (name, value) in zip((folder, folder / "runs"), LOGS.items(), strict=True):
        run = RunDirectory(place / name)
        run.write_arrays("mode.npz", {"log_marginal_likelihood": np.array(value)})
    RunDirectory(folder / "first").write_json(
        "evidence.json",
        {"rows": [{"method": "Laplace", "value": -100.0}, {"method": "harmonic mean", "value": -99.5}]},
    )
    return folder


def printed(folder, command):
    (folder / "m.mod").write_text(HEAD + command)
    return "".join(run_commands(read_mod(folder / "m.mod")))


def row(text, name):
    found = next(line for line in text.splitlines() if line.startswith(name))
    return [float(x) for x in found[len(name) :].split()]


def test_probabilities_are_those_of_the_densities_and_the_prior(folder):
    text = printed(folder, "model_comparison first(0.2) second(0.8);")
    odds = 0.2 * np.exp(1.0) / 0.8
    assert row(text, "log marginal density") == [-100, -101]
    assert row(text, "prior") == [0.2, 0.8]
    assert row(text, "posterior probability") == pytest.approx([odds / (1 + odds), 1 / (1 + odds)], rel=1e-5)
    assert row(text, "Bayes factor") == pytest.approx([1, np.exp(-1)], rel=1e-5)
    equal = printed(folder, "model_comparison(marginal_density=laplace) first, second;")
    assert row(equal, "posterior probability") == pytest.approx(
        [1 / (1 + np.exp(-1)), 1 / (1 + np.e)], rel=1e-5
    )
    sure = printed(folder, "model_comparison first(0) 'second'(1);")
    assert row(sure, "posterior probability") == [0, 1]


@pytest.mark.parametrize(
    "command, why",
    [
        ("model_comparison first third;", "'third' has no run yet: estim run third.mod"),
        ("model_comparison(marginal_density=modifiedharmonicmean) first second;", "has no harmonic mean"),
        ("model_comparison(marginal_density=other) first;", "'marginal_density' must be one of laplace"),
        ("model_comparison first(0) second(0);", "prior probabilities must be numbers from zero on"),
    ],
)
def test_what_is_missing_is_named(folder, command, why):
    assert why in printed(folder, command)


def test_the_harmonic_mean_is_the_run_s(folder):
    text = printed(folder, "model_comparison(marginal_density=modifiedharmonicmean) first;")
    assert row(text, "log marginal density") == [-99.5]


def test_without_models_it_is_an_error(tmp_path):
    (tmp_path / "m.mod").write_text(HEAD + "model_comparison;")
    with pytest.raises(ModFileError, match="syntax error"):
        read_mod(tmp_path / "m.mod")
