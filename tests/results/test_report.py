"""The report: self-contained, honest about bad chains, and complete; on made-up runs that take no sampling."""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from made_up_runs import NAMES, write_run

import estim  # noqa: F401
from estim.results.report import write_report
from estim.results.store import RunDirectory, StoreError
from estim.surrogate.verdict import VERDICTS

VOID = {"meta", "br", "link", "img", "input", "hr"}


@pytest.fixture
def words_only(monkeypatch):
    """For reports whose words alone are looked at: figures are made, and not drawn."""
    monkeypatch.setattr("estim.results.report.page.to_svg", lambda figure, title: "<svg></svg>")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("report") / "run")
    return write_report(run).read_text()


class Balance(HTMLParser):
    """Fails where a tag is closed that was not opened last."""

    def __init__(self):
        super().__init__()
        self.open, self.ids = [], []

    def handle_starttag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_every_name_in_it_is_used_once(page):
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))


def test_it_asks_the_network_for_nothing(page):
    addresses = set(re.findall(r"https?://[^\"' )<]+", page))
    assert {a for a in addresses if not a.startswith("http://www.w3.org/")} == set()
    assert not re.search(r"<(script|link|img|iframe)\b", page)


def test_text_is_escaped(page):
    assert "A &lt;test&gt; &amp; more" in page and "<test>" not in page


def test_figures_follow_the_theme(page):
    svg = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "var(--ink)" in svg and "var(--route-0)" in svg and "#1b1d21" not in svg


@pytest.mark.parametrize(
    "text",
    [
        "have converged and agree: use the draws of ",
        "Author (2007)",
        "1990Q1–1994Q4",
        "beta = 0.99",
        "1 of 2 published estimates lie within 0.5 posterior standard deviations of our means. Farther away "
        "(ours less theirs, in our standard deviations): rho_R (1.0). The data were revised.",
        "At steps of 0.71 it accepts wrongly with probability 0.12\N{NO-BREAK SPACE}% ± 0.01\N{NO-BREAK SPACE}%",
        "no posterior mean moves by more than 0.2",
        "posterior standard deviations (rho_R)",
        "indeterminate: many stable solutions",
        "posterior mode",
        "settings.json",
        *NAMES,
    ],
)
def test_it_says_what_there_is_to_say(page, text):
    assert text in page


def test_every_section_and_figure_is_there(page):
    assert len(re.findall(r"<section ", page)) == 10
    assert [int(n) for n in re.findall(r'id="figure-(\d+)"', page)] == list(range(1, 17))
    assert [int(n) for n in re.findall(r'id="table-(\d+)"', page)] == list(range(1, 10))


def test_what_the_model_says_is_judged_in_words(page):
    assert "In the tails of what the posterior says lie the standard deviation of YGR" in page
    assert "identify 2 of 3 directions" in page and "1.00 kappa</th><td>0.0e+00" in page
    assert "Not computed: shares of wealth (there is no rule for a StateSpace)." in page


def shift_nuts(draws):
    draws["nuts"][..., 1] += 0.005  # half a posterior standard deviation


def strand_a_chain(draws):
    draws["rwmh"][0, :, 2] += 4.0


def jitter_all(draws):
    for chains in draws.values():
        chains += np.linspace(-0.2, 0.2, len(chains))[:, None, None] * [1.0, 0.02, 4.0]


def stored_verdict(run):
    write_report(run)
    return run.read_json("verdict.json")


def certify(run, word):
    certificate = run.read_json("surrogate/certificate.json")
    reasons = [] if word == "safe" else ["the mean of kappa is off by 0.4"]
    run.write_json("surrogate/certificate.json", certificate | {"verdict": word, "reasons": reasons})


def test_routes_that_contradict_each_other_are_called_bad(tmp_path, words_only):
    verdict = stored_verdict(write_run(tmp_path / "run", shift_nuts))
    assert verdict["tone"] == "bad" and verdict["headline"].endswith(
        "converged, but to different posteriors."
    )
    assert "in kappa, between" in verdict["lines"][0]


def test_a_chain_that_stood_still_is_a_remark(tmp_path, words_only):
    def change(draws):
        for route in draws:
            draws[route][0, 10:50] = draws[route][0, 10]

    text = write_report(write_run(tmp_path / "run", change)).read_text()
    assert re.search(r"A chain of [\w -]+ stood still for 40 of its \d+ draws", text)


def test_a_slow_route_is_a_remark(tmp_path, words_only):
    verdict = stored_verdict(write_run(tmp_path / "run", strand_a_chain))
    assert verdict["tone"] == "good" and "andom-walk" not in verdict["headline"]
    assert any(
        line.startswith("Random-walk MH was too slow for its length (R-hat 1.") for line in verdict["lines"]
    )


@pytest.mark.parametrize(
    ("word", "tone", "headline"),
    [
        ("safe", "good", "The surrogate has converged: use its draws."),
        ("use the correction", "caution", "Use the surrogate's draws with their importance weights"),
        ("not certified", "bad", "No route has converged: do not use these draws."),
    ],
)
def test_a_surrogate_alone_is_judged_by_its_certificate(tmp_path, words_only, word, tone, headline):
    run = write_run(tmp_path / "run", jitter_all, routes=("mpmh", "surrogate"))
    certify(run, word)
    verdict = stored_verdict(run)
    assert verdict["tone"] == tone and verdict["headline"].startswith(headline)


@pytest.mark.parametrize("word", VERDICTS)
def test_the_page_says_what_the_certificate_says(tmp_path, words_only, word):
    run = write_run(tmp_path / "run")
    certify(run, word)
    page = html.unescape(write_report(run).read_text())
    assert run.read_json("verdict.json")["tone"] == "good"  # NUTS can be used, whatever the surrogate learnt
    assert ("surrogate have converged" in page) == (word == "safe")
    assert VERDICTS[word] in page
    assert ("Because the mean of kappa is off by 0.4." in page) == (word != "safe")
    assert ("does not vouch for this correction" in page) == (word == "not certified")


def test_one_route_needs_no_comparison(tmp_path):
    run = write_run(tmp_path / "run", routes=("nuts",))
    page = write_report(run).read_text()
    assert "NUTS has converged: use its draws." in page
    assert "Historical decomposition" in page and "before the sample" not in page
    assert "Do the routes agree?" not in page and "The surrogate" not in page


def test_an_unfinished_run_reports_what_it_has(tmp_path):
    run = write_run(tmp_path / "run")
    for file in ("surrogate/certificate.json", "impulse_responses.npz", "decompositions.npz"):
        run.file(file).unlink()
    page = write_report(run).read_text()
    assert "How the chains ran" in page and "The surrogate</h2>" not in page


@pytest.mark.filterwarnings("ignore:.*is missing, and its draws are left out")
def test_without_draws_there_is_no_report(tmp_path):
    run = write_run(tmp_path / "run", routes=("nuts",))
    for chunk in run.chunks("nuts"):
        run.file(chunk).unlink()
    with pytest.raises(StoreError, match="no route has finished any draws"):
        write_report(run)
    with pytest.raises(StoreError, match=r"there is no settings\.json; is this the directory of a run\?"):
        write_report(RunDirectory(tmp_path / "empty"))
