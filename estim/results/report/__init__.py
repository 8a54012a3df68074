"""The report: one self-contained HTML file made of what a run directory holds.

No JAX, no model and no network are needed: `estim report DIR` works on a directory that came from elsewhere.
"""

from pathlib import Path
from typing import Any

import numpy as np

from estim.results.diagnostics import agreement
from estim.results.report.chains import chains_section, reproduce_section
from estim.results.report.page import render, spell
from estim.results.report.posterior import (
    agreement_section,
    estimated_section,
    implications_section,
    posterior_section,
)
from estim.results.report.reading import Report
from estim.results.report.surrogate import certificate_sentence, surrogate_section
from estim.results.store import RunDirectory

AGREE_WITHIN = 0.1
"""Posterior means closer than this many posterior standard deviations agree."""
MAX_RHAT = 1.01


def write_report(run: RunDirectory) -> Path:
    """Write ``report.html`` into the run directory and return its path.

    Raises:
        StoreError: the directory is not that of a run, or no route has finished a chunk.
    """
    report = Report(run)
    sections = [
        ("What was estimated", estimated_section(report)),
        ("The posterior", posterior_section(report)),
        ("Do the routes agree?", agreement_section(report)),
        ("What the model says", implications_section(report)),
        ("The surrogate", surrogate_section(report)),
        ("How the chains ran", chains_section(report)),
        ("How to reproduce this", reproduce_section(report)),
    ]
    verdict = _verdict(report)
    run.write_json("verdict.json", verdict)
    page = render(
        title=report.settings["title"] or f"{report.model['name']} on {report.settings['data']}",
        byline=_byline(report),
        verdict=verdict,
        sections=sections,
        version=report.environment["versions"]["estim"],
    )
    run.write_text("report.html", page)
    return run.file("report.html")


def _byline(report: Report) -> str:
    parts = [
        report.model["reference"],
        f"{len(report.data)} quarters, {report.sample}",
        f"{len(report.names)} parameters",
        report.environment["date"][:10],
    ]
    return " · ".join(p for p in parts if p)


def _verdict(report: Report) -> dict[str, Any]:
    """One headline, and the three numbers it rests on."""
    rhat = max(float(np.max(s.rhat)) for s in report.summaries.values())
    ess = min(float(np.min(s.ess_bulk)) for s in report.summaries.values())
    converged = rhat < MAX_RHAT
    lines = [
        f"Largest R-hat: {rhat:.4f} (wanted: below {MAX_RHAT}). "
        f"Smallest effective sample size: {ess:,.0f} independent draws."
    ]
    count = spell(len(report.routes))
    agree = True
    if len(report.routes) > 1:
        worst = agreement(report.summaries, report.names)
        agree = worst.difference < AGREE_WITHIN
        lines.insert(
            0,
            f"Largest difference between two posterior means: {worst.difference:.3f} posterior standard "
            f"deviations, in {worst.parameter}, between {worst.routes[0]} and {worst.routes[1]} "
            f"(wanted: below {AGREE_WITHIN}).",
        )
    if report.certificate:
        lines.append(f"Surrogate: {certificate_sentence(report.certificate)}")
    if not converged:
        return {
            "tone": "bad",
            "headline": "The chains have not converged: do not use these draws.",
            "lines": lines,
        }
    if len(report.routes) == 1:
        return {"tone": "good", "headline": "The chains have converged.", "lines": lines}
    if not agree:
        headline = f"The {count} routes to the posterior disagree."
        return {"tone": "bad", "headline": headline, "lines": lines}
    headline = f"The {count} routes to the posterior agree, and all chains have converged."
    safe = not report.certificate or report.certificate["verdict"] == "safe"
    return {"tone": "good" if safe else "caution", "headline": headline, "lines": lines}
