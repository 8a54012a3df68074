"""Five ways through estim, exactly as the documentation prints them: each ends in its files and numbers."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import make_room
from pages import DOCS, blocks, run_page

import estim

PAGES = sorted((DOCS / "journeys").glob("*.md"))


@pytest.fixture
def journey(tmp_path, monkeypatch):
    """Run a page in a fresh folder; gives its namespace, whatever it printed aside."""
    yield lambda name: run_page(DOCS / "journeys" / f"{name}.md", tmp_path, monkeypatch)
    make_room()


def assert_written(folder, *names):
    for name in names:
        assert (folder / name).stat().st_size > 0, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_only_the_public_names_are_used(page):
    for _, _, body in blocks(page):
        assert not re.search(r"^\s*(from|import) estim\.", body, re.MULTILINE)


def test_student(journey, tmp_path):
    journey("student")
    assert_written(tmp_path, "runs/course/report.html", "runs/course/verdict.json")
    estimates = pd.read_csv(tmp_path / "estimates.csv", index_col="parameter")
    assert list(estimates.index) == ["kappa", "phi", "rho", "stderr_eg", "stderr_eu", "stderr_ev"]
    assert 1.01 < estimates.loc["phi", "mean"] < 5
    scenario = pd.read_csv(tmp_path / "scenario.csv")
    given = scenario[(scenario["observable"] == "r") & scenario["date"].str.startswith("2008")]
    np.testing.assert_allclose(given["50%"], 1.0, atol=1e-6)
    assert "slope of the Phillips curve" in (tmp_path / "runs/course/report.html").read_text()


@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_bayesian(journey):
    found = journey("bayesian")
    assert found["positions"].shape == (2, 2000, 13)
    assert list(found["summary"].index) == list(found["posterior"].param_names)
    assert np.isfinite(found["loo"].elpd)
    groups = {"posterior", "prior", "log_likelihood", "log_prior", "posterior_predictive", "prior_predictive"}
    assert groups <= set(found["tree"].children)


def test_household(journey, tmp_path):
    found = journey("household")
    assert 0 < found["rest"].attrs["mean_mpc"] < 1
    assert found["by_income"].to_series().is_monotonic_decreasing
    bands = pd.read_csv(tmp_path / "responses.csv", index_col=0)
    assert bands.shape == (20, 3) and (bands.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    assert_written(tmp_path, "house.py", "runs/house/report.html")


def test_central_bank(journey, tmp_path, capsys):
    journey("central_bank")
    said = capsys.readouterr()
    assert re.search("begun from runs/2007Q3: .* weighed by the new data", said.out + said.err)
    assert len(estim.load_run(tmp_path / "runs/2007Q3").data) == 95
    assert len(estim.load_run(tmp_path / "runs/2007Q4").data) == 96
    assert_written(tmp_path, "forecast.xlsx", "history.csv", "slides/tables.xlsx")
    forecast = pd.read_excel(tmp_path / "forecast.xlsx")
    rate = forecast[forecast["observable"] == "INT"].set_index("date")["50%"]
    np.testing.assert_allclose(rate.iloc[:2], [3.0, 2.0], atol=1e-6)
    parts = set(pd.read_csv(tmp_path / "history.csv").columns)
    assert {"supply", "demand", "others", "initial"} <= parts
    assert list(Path(tmp_path / "slides/figures").glob("*.pdf"))


def test_lecturer(journey, tmp_path):
    found = journey("lecturer")
    timid, stern = (found["responses"][name].sel(shock="eps_z", variable="pi") for name in ("timid", "stern"))
    assert abs(stern[0]) < abs(timid[0])
    assert_written(tmp_path, "two_rules.png")
    assert not found["last"].passed
    assert any("one stable solution from psi1" in line for line in found["last"].lines)
