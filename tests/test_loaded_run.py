"""A run as an object, and on the command line: what its draws imply is what the model implies at each of them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import estim
from estim.arguments import ArgumentError
from estim.cli import main
from estim.cockpit.opening import open_cockpit
from estim.experiment import load_experiment
from estim.pipeline import run_experiment
from estim.pipeline.beginning import as_csv
from estim.results.store import RunDirectory

MODEL = """
from typing import Any, NamedTuple
import numpy as np
import pandas as pd
from numpyro.distributions import Beta, Gamma
import estim

class Variables(NamedTuple):
    x: Any
    z: Any
class Shocks(NamedTuple):
    e: Any
    u: Any
class Observables(NamedTuple):
    YGR: Any
    INFL: Any
class Params(NamedTuple):
    rho: Any = Beta(5.0, 5.0)
    sigma: Any = Gamma(4.0, 4.0)
    mean: Any = 0.5

model = estim.Model(
    name="two", variables=Variables, shocks=Shocks, observables=Observables,
    steady_state=lambda p: Variables(0.0, 1.0),
    residuals=lambda lag, now, lead, shocks, p: {
        "x": now.x - p.rho * lag.x - p.sigma * shocks.e,
        "z": now.z - 1.0 - 0.5 * (lag.z - 1.0) - shocks.u,
    },
    measurement=lambda now, lag, p: Observables(p.mean + now.x, now.x + now.z), prior=Params(),
)
experiment = estim.Experiment(
    model=model, data="us_nk", start="1984Q1", end="1989Q4", surrogate=None, num_starts=1,
    routes={
        "long": estim.Route("rwmh", num_samples=400, num_chains=2, num_warmup=40),
        "short": estim.Route("rwmh", num_samples=40, num_chains=2, num_warmup=40),
    },
)
"""
DRAWS = 40


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    file = tmp_path_factory.mktemp("model") / "two.py"
    file.write_text(MODEL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("estim.pipeline.write_report", lambda run: None)
        out = run_experiment(load_experiment(file), file.with_name("run"))
    return estim.load_run(out.path)


def params_at(run, draws):
    """The parameters behind the draws of a result, ``[n, n_params]``."""
    chains = run.draws()["posterior"].dataset
    flat = np.stack([chains[name].to_numpy().reshape(-1) for name in run.param_names], axis=1)
    return flat[np.unique(np.linspace(0, len(flat) - 1, DRAWS).astype(int))][draws]


def test_the_route_with_the_most_effective_draws_is_used(run):
    assert (run.routes, run.route) == (("long", "short"), "long")
    table = run.summary()
    assert list(table.index) == ["rho", "sigma"] == run.param_names
    draws = run.draws("long")["posterior"]["rho"]
    np.testing.assert_allclose(
        table.loc["rho", ["mean", "sd"]], [draws.mean(), draws.std(ddof=1)], rtol=1e-12
    )
    assert table.loc["rho", "ess_bulk"] > run.summary("short").loc["rho", "ess_bulk"]


def test_responses_are_those_of_the_model_at_each_draw(run):
    found = run.impulse_responses(horizon=3, num_draws=DRAWS)
    assert found.dims == ("draw", "horizon", "observable", "shock")
    for i, values in enumerate(params_at(run, found.draw.to_numpy())):
        want = estim.impulse_responses(run.model, dict(zip(run.param_names, values, strict=True)), horizon=3)
        here = found.isel(draw=i)
        np.testing.assert_allclose(here.sel(observable="YGR"), want.sel(variable="x"), atol=1e-12)
        np.testing.assert_allclose(here.sel(observable="INFL"), want.sum("variable"), atol=1e-12)
    assert found.to_dataframe("response").shape == (DRAWS * 3 * 2 * 2, 1)


def test_history_is_what_was_observed(run):
    found, y = run.smooth(num_draws=DRAWS), run.data
    x = found["variables"].sel(variable="x") + 0.5
    z = found["variables"].sel(variable="z") + found["variables"].sel(variable="x")
    np.testing.assert_allclose(x, np.broadcast_to(y["YGR"], x.shape), atol=1e-9)
    np.testing.assert_allclose(z, np.broadcast_to(y["INFL"], z.shape), atol=1e-9)
    rho, sigma = params_at(run, found.draw.to_numpy()).T[..., None]
    e = ((y["YGR"] - 0.5).to_numpy()[1:] - rho * (y["YGR"] - 0.5).to_numpy()[:-1]) / sigma
    np.testing.assert_allclose(found["shocks"].sel(shock="e")[:, 1:], e, atol=1e-9)
    assert list(found.date.to_numpy()[[0, -1]]) == ["1984Q1", "1989Q4"]


def test_parts_add_up(run):
    found = run.historical_decomposition(num_draws=DRAWS)
    rest = run.data.to_numpy() - [0.5, 1.0]
    np.testing.assert_allclose(found.sum("part"), np.broadcast_to(rest, found.sum("part").shape), atol=1e-9)
    both = run.historical_decomposition({"demand": ["u"]}, num_draws=DRAWS)
    assert list(both.part.to_numpy()) == ["demand", "others", "initial", "measurement error"]
    for part, shock in (("demand", "u"), ("others", "e")):
        np.testing.assert_allclose(both.sel(part=part), found.sel(part=shock), atol=1e-12)


def test_forecasts_begin_after_the_sample_and_keep_what_is_imposed(run):
    free = run.forecast(2, num_draws=DRAWS)
    assert list(free.date.to_numpy()) == ["1990Q1", "1990Q2"]
    rho, sigma = params_at(run, free.draw.to_numpy()).T
    last = run.data["YGR"].iloc[-1] - 0.5
    shocks = (free.sel(observable="YGR").isel(date=0).to_numpy() - 0.5 - rho * last) / sigma
    assert abs(shocks.mean()) < 4 / np.sqrt(DRAWS)
    assert abs((shocks**2).mean() - 1) < 4 * np.sqrt(2 / DRAWS)
    imposed = run.forecast(2, {"YGR": {"1990Q2": 1.5}}, num_draws=DRAWS)
    np.testing.assert_array_equal(imposed.sel(date="1990Q2", observable="YGR"), 1.5)
    as_frame = pd.DataFrame({"YGR": [1.5]}, pd.PeriodIndex(["1990Q2"], freq="Q"))
    np.testing.assert_array_equal(run.forecast(2, as_frame, num_draws=DRAWS), imposed)


def test_without_dates_periods_are_numbers(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "undated")
    frame = run.data.set_axis(pd.RangeIndex(1, 25, name="period"), axis=0)
    RunDirectory(tmp_path / "undated").write_text("data.csv", as_csv(frame))
    undated = estim.load_run(tmp_path / "undated")
    pd.testing.assert_frame_equal(undated.data, frame, check_exact=True)
    paths = undated.forecast(3, {"YGR": {26: 1.5}}, num_draws=5)
    assert paths.date.values.tolist() == [25, 26, 27]
    np.testing.assert_allclose(paths.sel(date=26, observable="YGR"), 1.5, atol=1e-9)
    assert undated.draws()["observed_data"].date.values.tolist() == list(range(1, 25))
    with pytest.raises(ArgumentError, match="24 is not among the periods of the forecast, 25 to 27"):
        undated.forecast(3, {"YGR": {24: 1.5}})


def test_two_runs_side_by_side(run):
    table = run.compare(run)
    assert list(table.columns) == ["mean", "sd", "other mean", "other sd", "distance"]
    np.testing.assert_array_equal(table["distance"], 0.0)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda run: run.summary("lnog"), "no finished route 'lnog'.*did you mean 'long'"),
        (lambda run: run.forecast(0), "horizon"),
        (
            lambda run: run.forecast(2, {"YGRR": {"1990Q1": 1.0}}),
            "'YGRR' is no observable.*did you mean 'YGR'",
        ),
        (lambda run: run.forecast(2, {"YGR": {"1989Q4": 1.0}}), "1989Q4 is not among .* 1990Q1 to 1990Q2"),
        (lambda run: run.forecast(2, {"YGR": {"1990Q1": "high"}}), "a frame of numbers"),
        (lambda run: run.historical_decomposition({"a": ["e"], "b": ["e"]}), "'e' is in two groups"),
        (lambda run: run.historical_decomposition({"a": ["w"]}), "'w' of 'a' is no shock"),
    ],
)
def test_words_of_errors(run, ask, words):
    with pytest.raises(ArgumentError, match=words):
        ask(run)


def printed(capsys, *arguments):
    """What a command that ends well prints as JSON."""
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    return pd.DataFrame(json.loads(capsys.readouterr().out))


def test_commands_print_what_the_object_has(run, capsys, tmp_path):
    found = printed(capsys, "summary", run.path).set_index("parameter")
    np.testing.assert_allclose(found, run.summary(), rtol=1e-9)
    found = printed(capsys, "compare", run.path, run.path)
    assert list(found["distance"]) == [0.0, 0.0]
    given = tmp_path / "given.csv"
    given.write_text("date,YGR\n1990Q1,\n1990Q2,1.5\n")
    asked = ["--horizon", 2, "--draws", DRAWS]
    found = printed(capsys, "forecast", run.path, *asked, "--given", given).set_index(["observable", "date"])
    assert list(found.loc[("YGR", "1990Q2")]) == [1.5] * 3
    want = run.forecast(2, {"YGR": {"1990Q2": 1.5}}, num_draws=DRAWS).quantile(0.95, "draw")
    np.testing.assert_allclose(found["95%"].xs("INFL"), want.sel(observable="INFL"), rtol=1e-9)
    found = printed(capsys, "decompose", run.path, "--draws", DRAWS, "--group", "demand=u")
    want = run.historical_decomposition({"demand": ["u"]}, num_draws=DRAWS).mean("draw")
    here = found.set_index(["observable", "date"])["demand"].xs("YGR")
    np.testing.assert_allclose(here, want.sel(observable="YGR", part="demand"), atol=1e-8)


def test_a_table_is_written_as_well(run, capsys, tmp_path):
    for name, read in (("table.csv", pd.read_csv), ("table.xlsx", pd.read_excel)):
        assert main(["summary", str(run.path), "--out", str(tmp_path / name)]) == 0
        assert list(read(tmp_path / name)["parameter"]) == ["rho", "sigma"]
    capsys.readouterr()
    assert main(["summary", str(run.path)]) == 0
    assert "ess_tail" in capsys.readouterr().out  # no column is left out in a pipe


def test_tables_and_figures_for_a_paper(run, tmp_path):
    written = {path.relative_to(tmp_path).as_posix() for path in run.export(tmp_path)}
    assert {
        "tables.xlsx",
        "tables/prior_and_posterior.tex",
        "figures/data.pdf",
        "figures/data.svg",
    } <= written
    table = pd.read_csv(tmp_path / "tables" / "parameters.csv").set_index(["route", "parameter"])
    np.testing.assert_allclose(table.loc["long", "mean"], run.summary("long")["mean"], rtol=1e-12)
    lines = (tmp_path / "tables" / "prior_and_posterior.tex").read_text().splitlines()
    assert lines[0] == r"\begin{tabular}{l" + "r" * lines[2].count("&") + "}" and lines[4].startswith(
        "rho & beta [0, 1] & "
    )
    sheets = pd.read_excel(tmp_path / "tables.xlsx", sheet_name=None)
    assert set(sheets["parameters"]["parameter"]) == {"rho", "sigma"}
    with pytest.raises(ValueError, match="choose a folder outside"):
        run.export(run.path / "export")


def test_the_cockpit_of_a_run(run):
    """It begins at the medians, shows the posterior's responses around those there, and finds the centre likely."""
    cockpit = open_cockpit(str(run.path), horizon=8, num_draws=DRAWS)
    answer = cockpit.settle({})
    starts = {lever.name: lever.start for lever in cockpit.levers}
    draws = run._params(run.route).reshape(-1, len(run.param_names))
    np.testing.assert_allclose([starts[n] for n in run.param_names], np.median(draws, axis=0), rtol=1e-6)
    low, high = np.array(answer["bands"])
    paths = run.impulse_responses(8, num_draws=DRAWS).values[..., 0]
    np.testing.assert_allclose(high.T, np.quantile(paths, 0.95, axis=0), rtol=1e-10, atol=1e-12)
    assert (low[0, 0] <= answer["paths"][0][0] <= high[0, 0]) and answer["likely"]["further"] > 0.5
    away = cockpit.settle({f"estimated:{run.param_names[0]}": cockpit.levers[0].low})["likely"]
    assert away["density"] < answer["likely"]["density"] and away["further"] < answer["likely"]["further"]
    assert cockpit.parts == ["YGR", "INFL"] and set(answer["gradient"]) == {"YGR", "INFL"}
