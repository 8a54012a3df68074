"""The first section, for those who read no other: what was estimated, what the data say, what moves the observables."""

import numpy as np

from estim.results.diagnostics import superchains_of
from estim.results.report.page import Item, digits, number
from estim.results.report.reading import LABELS, Report
from estim.results.report.verdict import best

_NAMED = 3
_AHEAD = 20.0
"""Periods: of the horizons of the variance decomposition, that of a medium term."""


def brief_section(report: Report) -> list[Item]:
    """Facts in words, of the route whose draws are to be used."""
    route = best(report.summaries)
    facts = [
        ("What", _what(report)),
        ("How", _how(report, route)),
        *_learnt(report, route),
        *_drivers(report),
        *_latest(report),
    ]
    return [report.facts(facts)]


def _what(report: Report) -> str:
    observables = ", ".join(report.called("observables"))
    return f"{len(report.names)} parameters of {report.model['name']} from {observables}, {report.sample}."


def _how(report: Report, route: str) -> str:
    name = next((name for name in report.settings["routes"] if LABELS.get(name, name) == route), route)
    groups = superchains_of(report.settings, name)
    chains = len(report.draws[route])
    begun = f", begun at {groups} points" if groups else ""
    ess = float(np.min(report.summaries[route].ess_bulk))
    return f"{chains:,} chains by {route}{begun}, worth {ess:,.0f} independent draws."


def _learnt(report: Report, route: str) -> list[tuple[str, str]]:
    """Parameters that the data move most, and least, away from the width of their prior."""
    summary = report.summaries[route]
    prior = np.array([np.nan if p["std"] is None else p["std"] for p in report.model["prior"]])
    ratio = summary.std / prior
    order = [int(i) for i in np.argsort(ratio) if np.isfinite(ratio[i])]
    if len(order) < 2:
        return []

    def said(i: int) -> str:
        mean = number(float(summary.mean[i]), digits(float(summary.std[i])))
        return (
            f"{report.labels.called(report.names[i])} = {mean} (width {100 * ratio[i]:.0f} % of the prior's)"
        )

    split = min(_NAMED, len(order) // 2)
    return [
        ("The data say most of", "; ".join(map(said, order[:split]))),
        ("and least of", "; ".join(map(said, order[: -split - 1 : -1]))),
    ]


def _drivers(report: Report) -> list[tuple[str, str]]:
    """Which shocks make an observable hard to foresee in the medium term."""
    if not report.run.has("decompositions.npz"):
        return []
    parts = report.run.read_arrays("decompositions.npz")
    at = int(np.argmin(np.abs(np.minimum(parts["horizons"], 1e6) - _AHEAD)))
    shares = np.nanmean(parts["shares"], axis=0)[at]
    names = [*report.called("shocks"), "measurement error"]
    ahead = parts["horizons"][at]
    when = f"{ahead:g} period{'s' if ahead != 1 else ''} ahead" if np.isfinite(ahead) else "in the long run"
    return [
        (f"What moves {observable}", f"{_largest(share, names)} of what is not foreseen {when}.")
        for observable, share in zip(report.called("observables"), shares, strict=True)
        if np.isfinite(share).all()
    ]


def _largest(shares: np.ndarray, names: list[str]) -> str:
    order = np.argsort(-shares)[:_NAMED]
    return ", ".join(f"{names[i]} {100 * shares[i]:.0f} %" for i in order if shares[i] >= 0.05)


def _latest(report: Report) -> list[tuple[str, str]]:
    """Where the observables stood in the last period, and what had brought them there."""
    if not report.run.has("decompositions.npz"):
        return []
    last = report.run.read_arrays("decompositions.npz")["history"][-1]
    names = [*report.called("shocks"), "the state before the sample", "measurement error"]
    said = []
    for observable, parts in zip(report.called("observables"), last, strict=True):
        total = float(np.nansum(parts))
        if not np.isfinite(total) or not np.isfinite(parts).all():
            continue
        driver = int(np.argmax(np.abs(parts)))
        side = "above" if total > 0 else "below"
        part = number(float(parts[driver]), 2)
        said.append(f"{observable} {abs(total):.2f} {side} its mean, of which {names[driver]} {part}")
    return [(f"In {report.data.index[-1]}", "; ".join(said) + ".")] if said else []
