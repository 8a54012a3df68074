"""`perfect_foresight_solver` and `simul`: paths against independent numbers, ends, and what is no path."""

import json
from pathlib import Path

import numpy as np
import pytest

import estim
from estim.cli import main
from estim.dynare import ModFileError
from estim.dynare.foresight_commands import simulated
from estim.model import ModelError

REFERENCE = Path(__file__).parents[1] / "reference"
PATHS = json.loads((REFERENCE / "binding_at_times.json").read_text())["perfect_foresight"]
RUN = "perfect_foresight_setup(periods=200);\nperfect_foresight_solver(lmmcp);\n"
COMMANDS = {
    (
        "growth_pf",
        "anticipated",
    ): "initval; a = 1; tauk = 0; end;\nsteady;\nendval; tauk = 0.25; end;\nsteady;\n"
    "shocks; var tauk; periods 1:9; values 0; end;\n",
    ("irrev_pf", "two_drops"): "shocks; var e; periods 1, 6, 9; values -0.06, -0.14, 0.08; end;\n",
    ("as07_zlb_pf", "growth_slump"): "shocks; var e_z; periods 1; values -0.017; end;\n",
}
HEAD = """var k y; varexo e; parameters rho; rho = 0.5;
model; k = rho*k(-1) + e; y = 2*k; end;
steady_state_model; k = e/(1-rho); y = 2*k; end;
"""


def path_of(folder, text):
    (folder / "m.mod").write_text(text)
    return simulated(estim.read_mod(folder / "m.mod"))


@pytest.mark.parametrize(("name", "case"), COMMANDS)
def test_paths_are_those_of_an_independent_program(name, case, tmp_path):
    """A complementarity as `_|_` too."""
    text = (REFERENCE / "mod" / f"{name}.mod").read_text()
    text = text.replace("mcp='inv > 0.3'] lam = 0;", "] lam = 0 _|_ inv > 0.3;").replace("', ]", "']")
    ref = PATHS[name]
    found = path_of(tmp_path, text + COMMANDS[name, case] + RUN)
    expected = ref["cases"][case]
    found = found.sel(variable=ref["variables"], period=expected["periods"])
    np.testing.assert_allclose(found, expected["path"], rtol=0, atol=1e-7)


@pytest.mark.filterwarnings("ignore:.*to which the file gives no level")
def test_where_a_path_begins_and_ends(tmp_path):
    """At rest with the exogenous variables of `initval` or `endval`; at their levels where no `steady` follows; after
    what `histval` gives."""

    def expected(k, shocks):
        return np.array([k := 0.5 * k + e for e in (*shocks, *[0.0] * (8 - len(shocks)))])

    k = lambda text: path_of(tmp_path, HEAD + text + "simul(periods=8);").sel(variable="k").to_numpy()
    shock = "shocks; var e; periods 1:2, 4; values 1, -1; end;\n"
    np.testing.assert_allclose(k(shock), expected(0.0, (1.0, 1.0, 0.0, -1.0)), atol=1e-9)
    np.testing.assert_allclose(k("histval; k(0) = 3; end;\n"), expected(3.0, ()), atol=1e-9)
    np.testing.assert_allclose(k("initval; k = 3; end;\n"), expected(3.0, ()), atol=1e-9)
    np.testing.assert_allclose(k("initval; e = 1; end; steady;\n"), np.full(8, 2.0), atol=1e-9)
    ends = "initval; e = 1; end; steady; endval; e = 0; end; steady;\n"
    np.testing.assert_allclose(k(ends), expected(2.0, ()), atol=1e-9)
    with_variance = "shocks; var e; stderr 0.1; end;\n"  # levels are levels all the same
    np.testing.assert_allclose(k(with_variance + shock), expected(0.0, (1.0, 1.0, 0.0, -1.0)), atol=1e-9)


def test_numbers_of_dynare(tmp_path):
    """Version 5.3 prints these for what a block leaves out: zero in `histval`, the value of `initval` in `endval`."""
    model = """var k z; varexo e f; parameters rho; rho = 0.5;
    model; k = rho*k(-1) + e + 0.1*z; z = 0.8*z(-1) + f; end;\n"""
    begin, run = "initval; e = 1; f = 0.2; k = 2; z = 1; end;\n", "simul(periods=5);"
    for text, k, z in (
        (
            begin + "steady; histval; k(0) = 3; end;",
            [2.52, 2.296, 2.1968, 2.1574, 2.1460],
            [0.2, 0.36, 0.488, 0.5904, 0.6723],
        ),
        (
            begin + "steady; endval; e = 2; end; steady; shocks; var f; periods 1:2; values 0.5; end;",
            [3.23, 3.769, 4.0277, 4.1484, 4.2019],
            [1.3, 1.54, 1.432, 1.3456, 1.2765],
        ),
        (
            begin.replace("z = 1", "z = 0.5") + "endval; e = 2; k = 5; end;",
            [3.06, 3.598, 3.8734, 4.0162, 4.0917],
            [0.6, 0.68, 0.744, 0.7952, 0.8362],
        ),
    ):
        np.testing.assert_allclose(path_of(tmp_path, model + text + run).to_numpy().T, [k, z], atol=6e-5)


def test_it_is_printed(tmp_path, capsys):
    (tmp_path / "m.mod").write_text(
        HEAD + "initval; e = 0; end; steady;\nshocks; var e; periods 1; values 1; end;\nsimul(periods=3);"
    )
    assert main(["dynare", str(tmp_path / "m.mod")]) == 0
    printed = capsys.readouterr().out
    rows = [" ".join(line.split()) for line in printed.splitlines()]
    assert "PERFECT FORESIGHT SIMULATION" in rows and rows[-4:-1] == ["1 1 2", "2 0.5 1", "3 0.25 0.5"]


@pytest.mark.filterwarnings("ignore:.*to which the file gives no level", "ignore:.*skipped")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steady;", "there is no 'perfect_foresight_solver' and no 'simul'"),
        ("perfect_foresight_solver;", "needs a number of periods: perfect_foresight_setup"),
        (
            "shocks; var e; periods 9; values 1; end; simul(periods=8);",
            "has 8 periods, and the path of 'e' in 'shocks' is longer",
        ),
        (
            "shocks; var e; periods 1; values unheard; end; simul(periods=8);",
            "the announced path of 'e' \\(.*unheard.*\\) is skipped",
        ),
        ("endval(learnt_in=2); e = 1; end; simul(periods=8);", r"'endval\(learnt_in\)' is not supported"),
        ("endval; e += 1; end; simul(periods=8);", "'endval' is not supported"),
        ("histval; k(-1) = 1; end; simul(periods=8);", "'histval' speaks of more than one period before"),
        (
            "endval; e = 1; end; steady; histval; k(0) = 1; end; simul(periods=8);",
            "cannot stand side by side",
        ),
    ],
)
def test_what_is_no_path(text, words, tmp_path):
    with pytest.raises(ModelError, match=words):
        path_of(tmp_path, HEAD + text)


@pytest.mark.filterwarnings("ignore:.*(to which the file gives no level|skipped)")
def test_two_bounds_on_a_variable_are_no_pair(tmp_path):
    with pytest.raises(ModelError, match=r"a complementarity with two bounds .* is not supported"):
        path_of(tmp_path, HEAD.replace("y = 2*k;", "y = 2*k ⟂ 1 > y > -1;", 1) + "simul(periods=8);")


def test_endval_is_about_variables(tmp_path):
    with pytest.raises(ModFileError, match="'rho' is not an endogenous variable or an exogenous variable"):
        path_of(tmp_path, HEAD + "endval; rho = 1; end;")
