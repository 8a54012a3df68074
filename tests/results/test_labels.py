"""What a model calls its names stands wherever people read them: figures, tables, the brief."""

import re

import pytest
from made_up_runs import write_run

from estim.dynare import read_mod
from estim.results.describe import describe_model
from estim.results.export import _Exported
from estim.results.labels import Labels, as_text
from estim.results.report import write_report

WORDS = {"kappa": "slope of the Phillips curve", "e": "technology", "YGR": "output growth"}
SYMBOLS = {"kappa": r"\kappa", "rho_R": r"\rho_{R}", "tau": r"\bar{\tau}"}


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"\kappa", "κ"),
        (r"\rho_{R}", "ρ_R"),
        (r"\varepsilon^a", "ε^a"),
        (r"\Lambda", "Λ"),
        (r"\lambda_1", "λ_1"),
        ("h", "h"),
        (r"\bar{\pi}", ""),
        (r"\mathrm{x}", ""),
        ("", ""),
    ],
)
def test_a_symbol_as_text(tex, text):
    assert as_text(tex) == text


def test_what_there_is_room_for():
    labels = Labels(WORDS, SYMBOLS)
    assert (labels.symbol("kappa"), labels.symbol("tau"), labels.symbol("beta")) == ("κ", "tau", "beta")
    assert labels.title("kappa") == "κ: slope of the Phillips\ncurve"
    assert labels.row("kappa") == "kappa, slope of the Phillips curve"
    assert (labels.called("e"), labels.called("rho_R")) == ("technology", "ρ_R")
    assert labels.listed(["e", "u"]) == "e (technology), u"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("labels") / "run")
    run.write_json("model.json", run.read_json("model.json") | {"labels": WORDS, "symbols": SYMBOLS})
    return run


def test_they_stand_in_every_figure_of_a_report(run):
    page = write_report(run).read_text()
    figures = [
        " ".join(re.findall(r">([^<>]+)</text>", svg))
        for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    ]
    parameters = [text for text in figures if "ρ_R" in text]
    assert len(parameters) == 6  # densities, agreement, ranks, slices, proposals, traces
    assert sum("κ: slope of the Phillips" in text for text in parameters) == 5
    assert (
        sum("output growth" in text for text in figures) == 7
    )  # data, fit, checks, responses, shares, history, forecast
    assert sum("technology" in text for text in figures) == 4  # responses, shares, history, shocks
    assert not any(re.search(r"\b(kappa|rho_R|YGR)\b", text) for text in figures)


def test_they_stand_in_tables_and_in_the_brief(run):
    exported = _Exported(run)
    table = exported.parameters()
    assert list(table["label"][:3]) == ["", "slope of the Phillips curve", ""]
    page = run.file("report.html").read_text() if run.has("report.html") else write_report(run).read_text()
    assert "kappa, slope of the Phillips curve" in page and "e (technology)" in page
    assert "What moves output growth" in page and "of which technology" in page


def test_a_mod_file_gives_them(tmp_path):
    (tmp_path / "m.mod").write_text(
        "var y $\\hat{y}$ (long_name='output gap'); varexo e (long_name='demand');\n"
        "parameters rho $\\rho$ (long_name='persistence'); rho = 0.5; model; y = rho*y(-1) + e; end;\n"
        "shocks; var e; stderr 1; end; varobs y; estimated_params; rho, beta_pdf, 0.5, 0.1; end;\n"
    )
    described = describe_model(read_mod(tmp_path / "m.mod").model)
    assert described["labels"] == {"y": "output gap", "e": "demand", "rho": "persistence"}
    assert described["symbols"]["rho"] == r"\rho"
