"""The sections on how the chains ran and on how to run them again."""

import json

import numpy as np

from estim.results import figures
from estim.results.diagnostics import Summary
from estim.results.report.page import Item
from estim.results.report.reading import Report


def chains_section(report: Report) -> list[Item]:
    rows, failures = [], []
    for label, route in report.routes.items():
        summary: Summary = report.summaries[label]
        seconds = sum(route.seconds.values())
        ess = float(np.min(summary.ess_bulk))
        acceptance = float(np.mean(route.stats["acceptance_rate"]))
        rows.append(
            [
                label,
                f"{route.params.shape[0]:,}",
                f"{route.params.shape[1]:,}",
                f"{np.max(summary.rhat):.4f}",
                f"{ess:,.0f}",
                f"{np.min(summary.ess_tail):,.0f}",
                f"{100 * np.max(summary.mcse / summary.std):.1f} %",
                f"{100 * acceptance:.0f} %",
                f"{summary.longest_stay:,}",
                f"{route.num_evaluations:,}" if route.num_evaluations else "–",
                f"{seconds:.1f}",
                f"{ess / seconds:,.{0 if ess > 10 * seconds else 1}f}" if seconds else "–",
            ]
        )
        total = route.num_evaluations
        failures += [
            [label, reason, f"{n:,}", f"{100 * n / total:.2f} %"] for reason, n in route.failures.items()
        ]
    items = [
        report.table(
            [
                "",
                "chains",
                "draws",
                "R-hat",
                "ESS bulk",
                "ESS tail",
                "MCSE/sd",
                "accepted",
                "longest stay",
                "evaluations",
                "s",
                "ESS/s",
            ],
            rows,
            "Diagnostics by route, the worst parameter of each.",
            "R-hat: rank-normalised, split chains; nested where chains began in groups. ESS: effective "
            "sample size, for the centre and for the 5 % and 95 % "
            "quantiles. MCSE/sd: Monte Carlo standard error of the mean in posterior standard deviations. "
            "Longest stay: draws in a row at which one chain stood still. Seconds "
            "and evaluations include warm-up, seconds also compilation.",
        )
    ]
    if failures:
        items.append(
            report.table(
                ["", "reason", "points", "share"],
                failures,
                "Points without a likelihood, by reason.",
                "A sampler rejects such a point; it is no error. A large share says that the prior reaches far into a "
                "region where the model has no solution.",
                left=(1,),
            )
        )
    items.append(
        report.figure(
            figures.trace_figure(report.draws, [report.labels.symbol(name) for name in report.names]),
            "Traces",
            "Draws in the order in which they were made, three chains a route (thinned). A row should look the same in "
            "all columns: a steady band, no trend, no chain apart from the others.",
        )
    )
    return items


def reproduce_section(report: Report) -> list[Item]:
    environment = report.environment
    rows = [[stage, "", "", "", f"{seconds:.1f}"] for stage, seconds in report.timings.items()]
    for label, route in report.routes.items():
        parts = [route.seconds.get(phase, 0.0) for phase in ("compile", "warmup", "sample")]
        rows.append([label, *(f"{s:.1f}" for s in parts), f"{sum(parts):.1f}"])
    if "seconds" in environment:
        rows.append(["by the clock, before the report", "", "", "", f"{environment['seconds']:.1f}"])
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    return [
        report.text(
            "The settings below are all that the run depended on; the same settings, versions and machine give "
            "the same draws, bit for bit."
        ),
        {"kind": "code", "text": "estim run settings.json --out again"},
        report.table(
            ["", "compilation", "warm-up", "sampling", "all"],
            rows,
            "Time by stage, in seconds.",
            "Stages that run side by side, and share the machine, are counted each. "
            + (
                f"Peak memory {environment['peak_memory_mib']:,.0f} MiB."
                if "peak_memory_mib" in environment
                else ""
            ),
        ),
        report.facts(
            [
                ("Date", environment["date"]),
                ("Machine", environment["machine"]),
                ("Versions", versions),
                ("Seed", str(report.settings["seed"])),
            ]
        ),
        {"kind": "folded", "title": "settings.json", "text": json.dumps(report.settings, indent=2)},
    ]
