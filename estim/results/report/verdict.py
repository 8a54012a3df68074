"""The headline of a report: which draws can be used, and the numbers that this rests on."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from estim.results.diagnostics import MAX_RHAT, Summary, agreement
from estim.results.report.evidence import evidence_sentence
from estim.results.report.reading import LABELS, Report
from estim.results.report.surrogate import certificate_sentence, correction_sentence

STOOD_STILL = 0.05
"""Share of a chain's draws that are one point in a row, from which on it is said."""

AGREE_WITHIN = 0.1
"""Posterior means closer than this many posterior standard deviations agree."""
SURROGATE = LABELS["surrogate"]


def verdict(report: Report) -> dict[str, Any]:
    """The ``tone`` ("good", "caution" or "bad"), the ``headline``, and ``lines`` with the numbers behind it.

    Good where some route can be used and nothing contradicts it: an exact one whose chains have met, or a surrogate
    that its certificate calls safe. A route that was slower is a remark. Bad where no route can be used. An experiment
    that asks for a first look says so.
    """
    word = report.certificate["verdict"] if report.certificate else "safe"
    exact = {label: s for label, s in report.summaries.items() if label != SURROGATE}
    usable = {label: s for label, s in exact.items() if s.converged}
    if SURROGATE in report.summaries and word == "safe":
        usable[SURROGATE] = report.summaries[SURROGATE]
    tone, headline = _headline(
        usable, corrected=SURROGATE in report.summaries and word == "use the correction"
    )
    lines = [_precision(usable or exact or report.summaries)]
    lines += [_slow(label, s) for label, s in exact.items() if usable and label not in usable]
    lines += [
        line for label in usable if (line := _stood_still(label, usable[label], report.draws[label].shape[1]))
    ]
    if len(usable) > 1:
        worst = agreement(usable, report.names)
        lines.insert(
            0,
            f"Largest difference between two posterior means: {worst.difference:.3f} posterior standard "
            f"deviations, in {worst.parameter}, between {worst.routes[0]} and {worst.routes[1]} "
            f"(wanted: below {AGREE_WITHIN}).",
        )
        if not worst.difference < AGREE_WITHIN:
            tone, headline = "bad", f"{_listed(usable)} have converged, but to different posteriors."
    if report.certificate:
        lines += [f"Surrogate: {certificate_sentence(report.certificate)}", correction_sentence(report)]
    if apart := evidence_sentence(report):
        lines.append(apart)
        if tone == "good":
            tone, headline = "caution", f"{headline} Their marginal likelihoods do not agree."
    if report.settings.get("first_look"):
        headline = f"A first look: {headline}"
        lines.append("The draws are few: --set preset=full makes those to publish.")
    return {"tone": tone, "headline": headline, "lines": lines}


def _headline(usable: Mapping[str, Summary], corrected: bool) -> tuple[str, str]:
    if len(usable) > 1:
        return "good", f"{_listed(usable)} have converged and agree: use the draws of {best(usable)}."
    if usable:
        return "good", f"{_listed(usable)} has converged: use its draws."
    if corrected:
        return (
            "caution",
            "Use the surrogate's draws with their importance weights: no exact route has converged.",
        )
    return "bad", "No route has converged: do not use these draws."


def best(summaries: Mapping[str, Summary]) -> str:
    """The exact route with the most effective draws of its slowest parameter; the surrogate where it is alone."""
    exact = [label for label in summaries if label != SURROGATE] or list(summaries)
    return max(exact, key=lambda label: float(np.nanmin(summaries[label].ess_bulk)))


def _precision(summaries: Mapping[str, Summary]) -> str:
    slowest = max(summaries, key=lambda label: np.max(summaries[label].rhat) / summaries[label].max_rhat)
    rhat, allowed = float(np.max(summaries[slowest].rhat)), summaries[slowest].max_rhat
    nested = "" if allowed == MAX_RHAT else ", nested: its chains began in groups"
    ess = min(float(np.min(s.ess_bulk)) for s in summaries.values())
    return (
        f"Largest R-hat: {rhat:.4f}, of {slowest} (wanted: below {allowed:.4g}{nested}). "
        f"Smallest effective sample size: {ess:,.0f} independent draws."
    )


def _slow(label: str, summary: Summary) -> str:
    return f"{_first(label)} was too slow for its length (R-hat {np.max(summary.rhat):.3f}): leave its draws out."


def _stood_still(label: str, summary: Summary, num: int) -> str:
    stay = summary.longest_stay
    if stay < STOOD_STILL * num or stay < 10:
        return ""
    return (
        f"A chain of {label} stood still for {stay:,} of its {num:,} draws: what its figures say of their own "
        "precision is too favourable."
    )


def _listed(labels: Iterable[str]) -> str:
    *others, last = (f"the {label}" if label == SURROGATE else label for label in labels)
    return _first(f"{', '.join(others)} and {last}" if others else last)


def _first(text: str) -> str:
    return text[0].upper() + text[1:]
