"""What the data can tell of the parameters: identification and correlations."""

import numpy as np

from estim.results.report.page import Item, number
from estim.results.report.reading import Report
from estim.results.report.verdict import best

_NAMED, _PAIRS = 3, 5
"""Weak combinations and correlated pairs in the tables."""
_WEIGHT = 0.2
"""A parameter with a smaller weight in a combination is not named."""


def identification_items(report: Report) -> list[Item]:
    """The rank at the posterior mean, the weakest combinations, and the largest correlations of the posterior."""
    return [*_rank(report), *_correlations(report)]


def _rank(report: Report) -> list[Item]:
    if not report.run.has("identification.npz"):
        return []
    found = report.run.read_arrays("identification.npz")
    rank, values = int(found["rank"]), found["singular_values"]
    n = len(values)
    text = f"All {n} parameters are locally identified by the moments of the observables (Iskrev 2010)."
    if rank < n:
        text = (
            f"The moments of the observables identify {rank} of {n} directions (Iskrev 2010): along the others "
            "the prior alone speaks."
        )
    weakest = range(n - 1, max(-1, n - 1 - _NAMED), -1)
    rows = [[_combination(report, found["directions"][i]), f"{values[i] / values[0]:.1e}"] for i in weakest]
    return [
        report.text(text),
        report.table(
            ["combination", "strength"],
            rows,
            "Identification. The combinations of parameters that the moments say least of, at the posterior mean.",
            "Strength is by how much a combination moves the moments, relative to the strongest one, each parameter "
            f"measured by what it moves alone. Weights below {_WEIGHT:g} are left out.",
        ),
    ]


def _combination(report: Report, weights: np.ndarray) -> str:
    order = [i for i in np.argsort(-np.abs(weights)) if abs(weights[i]) >= _WEIGHT]
    return ", ".join(f"{number(float(weights[i]), 2)} {report.names[i]}" for i in order)


def _correlations(report: Report) -> list[Item]:
    """Of the route whose draws are to be used: the pairs that the data tell apart least."""
    n = len(report.names)
    if n < 2:
        return []
    draws = report.draws[best(report.summaries)].reshape(-1, n).astype(float)
    first, second = np.triu_indices(n, 1)
    found = np.corrcoef(draws.T)[first, second]
    order = np.argsort(-np.abs(found))[:_PAIRS]
    rows = [
        [f"{report.names[first[k]]} and {report.names[second[k]]}", number(float(found[k]), 2)] for k in order
    ]
    return [
        report.table(
            ["pair", "correlation"],
            rows,
            "Correlations. The largest between two parameters in the posterior.",
        )
    ]
