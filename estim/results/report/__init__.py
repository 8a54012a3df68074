"""The report: one self-contained HTML file made of what a run directory holds.

No JAX, no model and no network are needed: `estim report DIR` works on a directory that came from elsewhere.
"""

from pathlib import Path

from estim.results.report.brief import brief_section
from estim.results.report.chains import chains_section, reproduce_section
from estim.results.report.evidence import evidence_section
from estim.results.report.implications import fit_section, forecast_section, implications_section
from estim.results.report.page import Item, render
from estim.results.report.posterior import (
    agreement_section,
    estimated_section,
    posterior_section,
)
from estim.results.report.reading import Report
from estim.results.report.surrogate import surrogate_section
from estim.results.report.verdict import verdict
from estim.results.store import RunDirectory
from estim.results.verify import require_run


def write_report(run: RunDirectory) -> Path:
    """Write ``report.html`` into the run directory and return its path.

    Raises:
        StoreError: the directory is not that of a run, another process is at work in it, a file is damaged or
            missing, or no route has finished a chunk.
    """
    require_run(run)
    with run.locked():
        return _write_report(run)


def _write_report(run: RunDirectory) -> Path:
    report = Report(run)
    sections = write_sections(report)
    judged = verdict(report)
    run.write_json("verdict.json", judged)
    page = render(
        title=report.settings["title"] or f"{report.model['name']} on {report.settings['data']}",
        byline=_byline(report),
        verdict=judged,
        sections=sections,
        version=report.environment["versions"]["estim"],
    )
    run.write_text("report.html", page)
    return run.file("report.html")


def write_sections(report: Report) -> list[tuple[str, list[Item]]]:
    """The sections of the page, each a title and what stands under it; empty where there is nothing to say."""
    return [
        ("In brief", brief_section(report)),
        ("What was estimated", estimated_section(report)),
        ("The posterior", posterior_section(report)),
        ("Do the routes agree?", agreement_section(report)),
        ("The marginal likelihood", evidence_section(report)),
        ("Does the model fit?", fit_section(report)),
        ("What the model says", implications_section(report)),
        ("What comes next", forecast_section(report)),
        ("The surrogate", surrogate_section(report)),
        ("How the chains ran", chains_section(report)),
        ("How to reproduce this", reproduce_section(report)),
    ]


def _byline(report: Report) -> str:
    parts = [
        report.model["reference"],
        f"{len(report.data)} {report.unit}, {report.sample}",
        f"{len(report.names)} parameters",
        report.environment["date"][:10],
    ]
    return " · ".join(p for p in parts if p)
