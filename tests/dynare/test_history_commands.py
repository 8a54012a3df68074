"""Histories and forecasts of a file, against what two autoregressions say by hand."""

import re

import numpy as np
import pandas as pd
import pytest

from estim.cli import main
from estim.dynare import ModFileError, read_mod, run_commands
from estim.dynare.histories import beginning, combined_responses, conditional_forecast, forecast, smoothed

FILE = """
var x y; varexo e u; parameters rho b; rho = 0.9; b = 0.5;
model; x - 2 = rho*(x(-1) - 2) + e; y = b*y(-1) + x - 2 + u; end;
initval; x = 2; end;
shocks; var e; stderr 0.2; var u; stderr 0.3; end;
varobs x y;
histval; x(0) = 3; y(0) = -1; end;
shock_groups(name=both); 'of all' = e, u; end;
shock_groups(name=one); mine = e; end;
conditional_forecast_paths; var y; periods 1:2, 4; values 0.5, (2*b); end;
generate_irfs; together, e = 1, u = -0.5; end;
forecast(periods=3, conf_sig=0.5) x;
calib_smoother(datafile='seen.csv') x;
shock_decomposition(use_shock_groups=both, nograph) y;
realtime_shock_decomposition(use_shock_groups=one) y;
conditional_forecast(parameter_set=calibration, controlled_varexo=(u), periods=4);
plot_conditional_forecast y;
stoch_simul(order=1, irf=3) x y;
smoother2histval;
forecast(periods=2) x y;
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("histories")
    rng = np.random.default_rng(1)
    x, y, rows = 2.5, 0.3, []
    for _ in range(12):
        x = 2 + 0.9 * (x - 2) + 0.2 * rng.standard_normal()
        y = 0.5 * y + x - 2 + 0.3 * rng.standard_normal()
        rows.append((x, y))
    pd.DataFrame(rows, columns=["x", "y"]).to_csv(folder / "seen.csv", index=False)
    (folder / "m.mod").write_text(FILE)
    return folder / "m.mod", np.array(rows)


@pytest.fixture(scope="module")
def mod(file):
    return read_mod(file[0])


def test_forecast_from_the_past_that_is_given(mod):
    found = forecast(mod, {}, beginning(mod, {}), 3, 0.5)
    h = np.arange(1, 4)
    sd = 0.2 * np.sqrt((1 - 0.81**h) / (1 - 0.81))
    np.testing.assert_allclose(found["mean"]["x"], 2 + 0.9**h)
    np.testing.assert_allclose(found["high"]["x"] - found["mean"]["x"], 0.6744897501960817 * sd)
    np.testing.assert_allclose(found["mean"]["y"].iloc[0], -0.5 + 0.9)


def test_what_is_seen_of_all_is_the_history(mod, file):
    found, (_, rows) = smoothed(mod, {}), file
    np.testing.assert_allclose(found.variables, rows, atol=1e-9)
    e = rows[1:, 0] - 2 - 0.9 * (rows[:-1, 0] - 2)
    u = rows[1:, 1] - 0.5 * rows[:-1, 1] - (rows[1:, 0] - 2)
    np.testing.assert_allclose(found.shocks.iloc[1:], np.column_stack([e, u]), atol=1e-9)
    np.testing.assert_allclose(found.parts.sum(axis=2) + found.rest, rows, atol=1e-9)
    of_e = 0.0
    for t, shock in enumerate(found.shocks["e"]):
        of_e = 0.9 * of_e + shock
        np.testing.assert_allclose(found.parts[t, 0, 0], of_e, atol=1e-9)
    np.testing.assert_allclose(found.parts[:, 0, 1], 0, atol=1e-9)
    early = smoothed(mod, {}, 5)
    np.testing.assert_allclose(early.variables.iloc[:5], rows[:5], atol=1e-9)
    np.testing.assert_allclose(early.variables["x"].iloc[6], 2 + 0.81 * (rows[4, 0] - 2))
    after = forecast(mod, {}, beginning(mod, {}, found), 1)["mean"]
    np.testing.assert_allclose(after["x"], 2 + 0.9 * (rows[-1, 0] - 2))


def test_the_shocks_that_bring_a_path_about(mod):
    levels, shocks = conditional_forecast(mod, {}, beginning(mod, {}), 4, ("u",))
    x, y, u = 3.0, -1.0, []
    for wanted in (0.5, 0.5, None, 1.0):
        x = 2 + 0.9 * (x - 2)
        free = 0.5 * y + x - 2
        u.append(0.0 if wanted is None else wanted - free)
        y = free if wanted is None else wanted
    np.testing.assert_allclose(shocks["u"], u, atol=1e-12)
    np.testing.assert_allclose(levels["y"].iloc[[0, 1, 3]], [0.5, 0.5, 1.0])


def test_shocks_that_come_together(mod):
    found = combined_responses(mod, {}, 3)["together"]
    np.testing.assert_allclose(found["x"], 0.9 ** np.arange(3))
    np.testing.assert_allclose(found["y"], [0.5, 0.25 + 0.9, 0.125 + 0.45 + 0.81])


def test_commands_print_and_draw(file, tmp_path, capsys):
    assert main(["dynare", str(file[0]), "--figures", str(tmp_path / "f"), "--format", "svg"]) == 0
    printed = capsys.readouterr().out
    titles = ["FORECAST (bounds", "SMOOTHED VARIABLES", "SMOOTHED SHOCKS", "SHOCK DECOMPOSITION of y"]
    titles += [
        "REAL TIME SHOCK DECOMPOSITION of y",
        "CONDITIONAL FORECAST",
        "CONTROLLED SHOCKS",
        "RESPONSES TO together",
    ]
    places = [printed.index(title) for title in titles]
    assert places == sorted(places)
    assert re.search(r"of all\s+initial values\s+deviation from rest", printed)
    assert re.search(r"mine\s+others\s+initial values", printed)
    drawn = sorted(p.name.split("_")[0] for p in (tmp_path / "f").glob("*.svg"))
    assert drawn == ["calib", "forecast", "forecast", "plot", "realtime", "stoch"]


@pytest.mark.parametrize(
    "text, why",
    [
        ("histval; x(1) = 3; end;", "lies ahead"),
        ("histval; z(0) = 3; end;", "unknown name 'z'"),
        ("shock_groups; a = e; b = e, u; end;", "'e' is in two groups, a and b"),
        ("conditional_forecast_paths; var y; periods 1:2, 4; values 1; end;", "2 periods and 1 values"),
        ("conditional_forecast_paths; var y; periods 0; values 1; end;", "whole numbers from 1"),
    ],
)
def test_blocks_that_are_wrong(tmp_path, text, why):
    head = FILE[: FILE.index("histval")]
    (tmp_path / "m.mod").write_text(head + text + "\nstoch_simul(order=1);")
    with pytest.raises(ModFileError, match=rf"m.mod:7:\d+: .*{why}"):
        read_mod(tmp_path / "m.mod")


@pytest.mark.parametrize(
    "command, why",
    [
        ("forecast(periods=2.5) x;", "'periods' of 'forecast' (line 7) must be a whole number"),
        ("conditional_forecast(controlled_varexo=(v));", "'v' is no shock"),
        ("calib_smoother;", "the file names no data"),
        ("dynare_sensitivity;", "needs 'estimated_params'"),
    ],
)
def test_commands_that_are_wrong(tmp_path, command, why):
    (tmp_path / "m.mod").write_text(FILE[: FILE.index("histval")] + command)
    assert why in "".join(run_commands(read_mod(tmp_path / "m.mod")))


RULE = """var p r; varexo e; parameters phi rho scale;
phi = 1.2; rho = 0.5; scale = 1;
model(linear); phi*p = p(+1) + r; r = rho*r(-1) + scale*e; end;
shocks; var e; stderr 1; end; varobs p;
"""


def test_a_stability_map_is_the_prior_cut_at_its_border(tmp_path):
    """p = sum_j phi^-(j+1) E r: one solution where the rule responds by more than one for one, and many elsewhere."""
    (tmp_path / "rule.mod").write_text(
        RULE + "estimated_params; phi, uniform_pdf, , , 0.6, 1.4; rho, beta_pdf, 0.5, 0.1; end;\n"
        "dynare_sensitivity(nsam=300);"
    )
    printed = "".join(run_commands(read_mod(tmp_path / "rule.mod")))
    share = float(re.search(r"([\d.]+)%  .*(?:unique|solved|stable)", printed)[1])
    assert abs(share - 50) < 12
    rows = dict(re.findall(r"^(phi|rho) +([\d.]+)", printed, re.MULTILINE))
    assert float(rows["phi"]) == 1.0 and float(rows["rho"]) < 0.3


def test_what_moments_cannot_tell_apart_is_named(tmp_path):
    """A shock's scale and its standard deviation enter as a product."""
    (tmp_path / "rule.mod").write_text(
        RULE + "estimated_params; rho, beta_pdf, 0.5, 0.1; scale, gamma_pdf, 1, 0.2;\n"
        "stderr e, gamma_pdf, 1, 0.2; end;\nidentification;"
    )
    printed = "".join(run_commands(read_mod(tmp_path / "rule.mod")))
    assert "2 of 3 directions are identified" in printed
    found = re.search(r"not identified \(.*\): (.*)", printed)[1]
    assert set(re.findall(r"[a-z_]+", found)) == {"scale", "stderr_e"}
