"""The report: one self-contained HTML file made of what a run directory holds.

No JAX, no model and no network are needed: `estim report DIR` works on a directory that came from elsewhere.
"""

from pathlib import Path
from typing import Any

import numpy as np

from estim.results.diagnostics import agreement
from estim.results.report.chains import chains_section, reproduce_section
from estim.results.report.evidence import evidence_section, evidence_sentence
from estim.results.report.page import render, spell
from estim.results.report.posterior import (
    agreement_section,
    estimated_section,
    implications_section,
    posterior_section,
)
from estim.results.report.reading import Report
from estim.results.report.surrogate import certificate_sentence, correction_sentence, surrogate_section
from estim.results.store import RunDirectory
from estim.results.verify import require_run

AGREE_WITHIN = 0.1
"""Posterior means closer than this many posterior standard deviations agree."""
MAX_RHAT = 1.01
SURROGATE_HEADLINES = {
    "use the correction": "The surrogate's draws are to be corrected.",
    "not certified": "The surrogate is not certified.",
}
"""What the headline adds for a surrogate whose certificate is another than safe."""


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
    sections = [
        ("What was estimated", estimated_section(report)),
        ("The posterior", posterior_section(report)),
        ("Do the routes agree?", agreement_section(report)),
        ("The marginal likelihood", evidence_section(report)),
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
    """One headline, and the numbers it rests on."""
    judged = report.summaries
    rhat, slowest = max((float(np.max(s.rhat)), label) for label, s in judged.items())
    ess = min(float(np.min(s.ess_bulk)) for s in judged.values())
    lines = [
        f"Largest R-hat: {rhat:.4f}, of {slowest} (wanted: below {MAX_RHAT}). "
        f"Smallest effective sample size: {ess:,.0f} independent draws."
    ]
    count, agree = spell(len(judged)), True
    if len(judged) > 1:
        worst = agreement(judged, report.names)
        agree = worst.difference < AGREE_WITHIN
        lines.insert(
            0,
            f"Largest difference between two posterior means: {worst.difference:.3f} posterior standard "
            f"deviations, in {worst.parameter}, between {worst.routes[0]} and {worst.routes[1]} "
            f"(wanted: below {AGREE_WITHIN}).",
        )
    if report.certificate:
        lines += [f"Surrogate: {certificate_sentence(report.certificate)}", correction_sentence(report)]
    if apart := evidence_sentence(report):
        lines.append(apart)
    if not rhat < MAX_RHAT:
        tone, headline = "bad", "The chains have not converged: do not use these draws."
    elif not agree:
        tone, headline = "bad", f"The {count} routes to the posterior disagree."
    else:
        word = report.certificate["verdict"] if report.certificate else "safe"
        tone = "good" if word == "safe" else "caution"
        if len(judged) == 1:
            headline = "The chains have converged."
        else:
            headline = f"The {count} routes to the posterior agree, and all chains have converged."
        if word != "safe":
            headline += f" {SURROGATE_HEADLINES[word]}"
        if apart:
            tone, headline = "caution", f"{headline} Their marginal likelihoods do not."
    return {"tone": tone, "headline": headline, "lines": lines}
