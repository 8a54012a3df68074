"""The section on the marginal likelihood: a population's estimate beside those that rest on chains."""

from typing import Any

from estim.results.report.page import Item, number
from estim.results.report.reading import LABELS, Report


def evidence_section(report: Report) -> list[Item]:
    """Empty where no route is a population: a run then compares nothing."""
    if not (compared := _compared(report)):
        return []
    rows = [
        [
            row["method"],
            "the mode" if row["route"] is None else LABELS.get(row["route"], row["route"]),
            number(row["value"], 2),
            "–" if row["error"] is None else number(row["error"], 2),
        ]
        for row in compared["rows"]
    ]
    said = evidence_sentence(report)
    alone = len({row["runs"] is None for row in compared["rows"] if row["error"] is not None}) < 2
    if not said:
        said = (
            "There is nothing with a standard error to compare the estimate of tempered SMC with."
            if alone
            else "Tempered SMC and the chains agree within their errors."
        )
    return [
        report.text(
            "Tempered SMC begins from the whole prior, chains around the modes that a search found: what the chains "
            f"miss is missing from theirs, and too few particles are too few for SMC. {said}"
        ),
        report.table(
            ["", "rests on", "log marginal likelihood", "standard error"],
            rows,
            "Log marginal likelihood by every method: the integral of likelihood times prior as they are given.",
            "Of tempered SMC the error is that of the average of its runs, from their spread; of the others as the "
            "method states it. Laplace's approximation has none: it errs by what the posterior lacks in normality.",
            left=(1,),
        ),
    ]


def evidence_sentence(report: Report) -> str:
    """Which two methods disagree most; empty where none do."""
    compared = _compared(report)
    if not compared or compared["agree"]:
        return ""
    worst = max(compared["apart"], key=lambda pair: pair["gap"] / max(pair["allowed"], 1e-12))
    ours, other = worst["methods"]
    return (
        f"Log marginal likelihoods by {ours} and by {other} differ by {number(worst['gap'], 2)}, where their errors "
        f"allow {number(worst['allowed'], 2)}: a mode is missed, or there are too few particles or moves."
    )


def _compared(report: Report) -> dict[str, Any]:
    return report.run.read_json("evidence.json") if report.run.has("evidence.json") else {}
