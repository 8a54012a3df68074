"""The report: one self-contained HTML file made of what a run directory holds.

What is said is decided here, how it looks in ``templates/report.html.j2``. No JAX, no model and
no network are needed: `estim report DIR` works on a directory that came from elsewhere.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from estim.results import figures
from estim.results.contents import RouteResult, finished_routes, read_data, read_prior, read_route
from estim.results.diagnostics import Summary, agreement, pooled_std, summarise
from estim.results.store import RunDirectory, StoreError
from estim.results.style import to_svg

AGREE_WITHIN = 0.1
"""Posterior means closer than this many posterior standard deviations agree."""
MAX_RHAT = 1.01
NEAR_PUBLISHED = 0.5
"""Published estimates closer than this many posterior standard deviations are called near."""

VERDICTS = {
    "safe": "Safe: its draws can be used as they are.",
    "use the correction": "Not exact enough as it is: correct it by delayed acceptance or importance resampling.",
    "refine": "Not to be trusted: train it on more points where it is unsure.",
}

LABELS = {
    "rwmh": "random-walk MH",
    "nuts": "NUTS",
    "mpmh": "multi-proposal MH",
    "hmc": "HMC",
    "surrogate": "surrogate",
}

Item = dict[str, Any]


class Report:
    """Collects numbered tables and figures while the sections are written."""

    def __init__(self, run: RunDirectory):
        self.run = run
        self.settings = run.read_json("settings.json")
        self.model = run.read_json("model.json")
        self.environment = run.read_json("environment.json")
        self.timings: dict[str, float] = run.read_json("timings.json")
        self.data = read_data(run)
        self.names: tuple[str, ...] = tuple(p["name"] for p in self.model["prior"])
        self.routes: dict[str, RouteResult] = {
            LABELS.get(r, r): read_route(run, r) for r in finished_routes(run)
        }
        if not self.routes:
            raise StoreError(f"{run.path}: no route has finished any draws yet")
        self.draws = {label: route.params for label, route in self.routes.items()}
        self.summaries = {label: summarise(draws) for label, draws in self.draws.items()}
        self.certificate = run.read_json("surrogate/certificate.json") if self.has_surrogate else None
        self._figures = self._tables = 0

    @property
    def has_surrogate(self) -> bool:
        return self.run.has("surrogate/certificate.json")

    def figure(self, figure: Figure, title: str, caption: str) -> Item:
        self._figures += 1
        return {
            "kind": "figure",
            "number": self._figures,
            "svg": to_svg(figure, title),
            "caption": caption,
        }

    def table(
        self,
        heads: list[str],
        rows: list[list[Any]],
        caption: str,
        note: str = "",
        left: tuple[int, ...] = (),
    ) -> Item:
        self._tables += 1
        return {
            "kind": "table",
            "number": self._tables,
            "heads": heads,
            "rows": rows,
            "caption": caption,
            "note": note,
            "left": (0, *left),
        }


def write_report(run: RunDirectory) -> Path:
    """Write ``report.html`` into the run directory and return its path.

    Raises:
        StoreError: the directory is not that of a run, or no route has finished a chunk.
    """
    report = Report(run)
    sections = [
        ("What was estimated", _estimated(report)),
        ("The posterior", _posterior(report)),
        ("Do the routes agree?", _agreement(report)),
        ("What the model says", _responses(report)),
        ("The surrogate", _surrogate(report)),
        ("How the chains ran", _chains(report)),
        ("How to reproduce this", _reproduce(report)),
    ]
    verdict = _verdict(report)
    run.write_json("verdict.json", verdict)
    template = files("estim.results").joinpath("templates/report.html.j2").read_text(encoding="utf-8")
    page = (
        Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        .from_string(template)
        .render(
            title=report.settings["title"] or f"{report.model['name']} on {report.settings['data']}",
            byline=_byline(report),
            verdict=verdict,
            sections=[
                {"title": title, "anchor": f"section-{i}", "blocks": items}
                for i, (title, items) in enumerate(sections, 1)
                if items
            ],
            version=report.environment["versions"]["estim"],
        )
    )
    run.write_text("report.html", page)
    return run.file("report.html")


def _byline(report: Report) -> str:
    parts = [
        report.model["reference"],
        f"{len(report.data)} quarters, {_sample(report)}",
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
    count = _spell(len(report.routes))
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
        lines.append(f"Surrogate: {_certificate_sentence(report.certificate)}")
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


def _certificate_sentence(certificate: dict[str, Any]) -> str:
    accept, reject = (" ± ".join(_percent_pair(certificate[k])) for k in ("wrong_accept", "wrong_reject"))
    return (
        f"{VERDICTS[certificate['verdict']]} It accepts wrongly with probability {accept} and rejects wrongly "
        f"with probability {reject}, over {certificate['num_evaluations']:,} exact evaluations."
    )


def _estimated(report: Report) -> list[Item]:
    model = report.model
    facts = [
        ("Model", f"{model['name']}: {model['reference']}" if model["reference"] else model["name"]),
        ("Variables", f"{len(model['variables'])}: {', '.join(model['variables'])}"),
        ("Shocks", f"{len(model['shocks'])}: {', '.join(model['shocks'])}"),
        ("Data", f"{report.settings['data']}, {_sample(report)}, {len(report.data)} quarters"),
        ("Observables", ", ".join(model["observables"])),
        ("Missing values", f"{int(report.data.isna().sum().sum())} of {report.data.size}"),
        ("Estimated", f"{len(report.names)} parameters: {', '.join(report.names)}"),
    ]
    if model["calibrated"]:
        facts.append(("Calibrated", ", ".join(f"{n} = {v:g}" for n, v in model["calibrated"].items())))
    return [
        {"kind": "facts", "facts": facts},
        report.figure(
            figures.data_figure(report.data),
            "Data",
            "The data that the likelihood saw, in the model's units; the thin line is the sample mean. "
            "Look here first: an outlier, a break or a wrong unit is easier to see than to infer.",
        ),
    ]


def _posterior(report: Report) -> list[Item]:
    mode = report.run.read_arrays("mode.npz")["params"]
    prior = read_prior(report.run)
    std = pooled_std(report.summaries)
    published = report.model["published"]
    rows = []
    for i, entry in enumerate(report.model["prior"]):
        digits = _digits(std[i])
        low, high = np.mean([s.quantiles[[0, 2], i] for s in report.summaries.values()], axis=0)
        rows.append(
            [
                entry["name"],
                entry["family"],
                _mean_std(entry["mean"], entry["std"], digits),
                _number(mode[i], digits),
                *(_mean_std(s.mean[i], s.std[i], digits) for s in report.summaries.values()),
                f"{_number(low, digits)} – {_number(high, digits)}",
                *(
                    [_number(published[entry["name"]], digits) if entry["name"] in published else "–"]
                    * bool(published)
                ),
            ]
        )
    return [
        report.table(
            [
                "",
                "prior",
                "mean (sd)",
                "mode",
                *report.summaries,
                "90 % interval",
                *["published"] * bool(published),
            ],
            rows,
            "Prior and posterior. Posterior mean and, in parentheses, standard deviation by every route; "
            "mode and interval in the same units.",
            "The mode is that of the density which the samplers explore, on the unconstrained scale; where the "
            "likelihood pushes a parameter to a bound, it lies inside. The interval is the average of the "
            "routes' 5 % and 95 % quantiles.",
            left=(1,),
        ),
        *_published(report, std),
        report.figure(
            figures.density_figure(report.draws, report.names, prior),
            "Prior and posterior densities",
            "Marginal posterior densities by every route over the prior (grey). Lines on top of each other mean "
            "that the routes found the same posterior; a posterior that looks like its prior means that the data "
            "say little about that parameter.",
        ),
    ]


def _published(report: Report, std: np.ndarray) -> list[Item]:
    """How far the published estimates lie from the means of ours, in words."""
    published = report.model["published"]
    if not published:
        return []
    means = np.mean([s.mean for s in report.summaries.values()], axis=0)
    gaps = {n: (means[i] - published[n]) / std[i] for i, n in enumerate(report.names) if n in published}
    apart = sorted((n for n in gaps if abs(gaps[n]) > NEAR_PUBLISHED), key=lambda n: -abs(gaps[n]))
    named = ", ".join(f"{n} ({_number(gaps[n], 1)})" for n in apart)
    text = (
        f"{len(gaps) - len(apart)} of {len(gaps)} published estimates lie within {NEAR_PUBLISHED} posterior standard "
        "deviations of our means. "
    )
    if apart:
        text += f"Farther away (ours less theirs, in our standard deviations): {named}. "
    return [{"kind": "text", "text": text + report.settings["remarks"]}]


def _agreement(report: Report) -> list[Item]:
    if len(report.routes) < 2:
        return []
    means = np.stack([s.mean for s in report.summaries.values()])
    mcse = np.stack([s.mcse for s in report.summaries.values()])
    worst = agreement(report.summaries, report.names)
    return [
        {
            "kind": "text",
            "text": "The routes share the posterior and nothing else: each has its own proposals and its own random "
            "numbers, and the surrogate does not even evaluate the model. That they meet is evidence that none "
            f"of them went astray. The widest gap between two means is {worst.difference:.3f} posterior standard "
            f"deviations ({worst.parameter}).",
        },
        report.figure(
            figures.agreement_figure(
                means, mcse, pooled_std(report.summaries), report.names, list(report.summaries)
            ),
            "Agreement of the routes",
            "Posterior means by route, less their average, in posterior standard deviations, with bars of two Monte "
            "Carlo standard errors. Points inside the grey band differ by less than 0.1 standard deviations.",
        ),
        report.figure(
            figures.rank_figure(
                report.draws, report.names, {k: s.ess_bulk for k, s in report.summaries.items()}
            ),
            "Ranks",
            "Whole distributions, not only means: the distribution of each route's ranks among the draws of all "
            "routes, less the uniform one. A line that leaves the grey 95 % band in the shape of a hill or a valley "
            "says that the route is shifted; one shaped like an S, that it is too wide or too narrow.",
        ),
    ]


def _responses(report: Report) -> list[Item]:
    if not report.run.has("impulse_responses.npz"):
        return []
    responses = report.run.read_arrays("impulse_responses.npz")
    by_route = {LABELS.get(name, name): value for name, value in responses.items()}
    return [
        report.figure(
            figures.impulse_response_figure(by_route, report.model["observables"], report.model["shocks"]),
            "Impulse responses",
            "Responses of the observables to a shock of one standard deviation: median, 68 % and 90 % bands of the "
            f"posterior by {next(iter(by_route))}, and the medians of the other routes.",
        )
    ]


def _surrogate(report: Report) -> list[Item]:
    certificate = report.certificate
    if certificate is None:
        return []
    run, surrogate = report.run, report.settings["surrogate"]
    fit = run.read_arrays("surrogate/network.npz")
    check = run.read_arrays("surrogate/check.npz")
    slices = run.read_arrays("slices.npz")
    proposals = run.read_arrays("proposals.npz")
    counts = {k.removeprefix("counts/"): int(v) for k, v in fit.items() if k.startswith("counts/")}
    teachers = [LABELS.get(name, name) for name in surrogate["train_on"]]
    return [
        {
            "kind": "text",
            "text": "A neural network learned the log-likelihood from points that "
            f"{' and '.join(teachers)} had evaluated anyway ("
            + ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in counts.items())
            + "); the prior is exact and is "
            "added to it. The certificate compares the two at points of the surrogate's own chain.",
        },
        report.table(
            ["", "estimate", "error", "meaning"],
            _certificate_rows(certificate),
            f"The certificate. {VERDICTS[certificate['verdict']]}",
            f"Estimated with {certificate['num_evaluations']:,} evaluations of the exact posterior.",
            left=(3,),
        ),
        report.figure(
            figures.slice_figure(
                slices["grids"],
                slices["exact"],
                slices["surrogate"],
                report.names,
                slices["mode"],
                proposals["proposed"],
            ),
            "Slices of the log-posterior",
            "The exact log-posterior and the surrogate's along each parameter, the others held at the mode (zero is "
            "the exact value there). The dashed line should lie on the broad one wherever the bar below says that "
            "there were points to learn from. After figure 1 of Kase, Rigato and Rottner (2024).",
        ),
        report.figure(
            figures.surrogate_fit_figure(
                {k: fit[f"history/{k}_loss"].mean(axis=1) for k in ("train", "validation")},
                check["exact"],
                check["surrogate"],
            ),
            "Training and error of the surrogate",
            "Left: the network's loss while it learned; a validation loss that turns upwards would mean that it "
            "learned the points by heart. Right: what error is left at points of the surrogate's chain; to a sampler "
            "only its spread matters.",
        ),
        report.figure(
            figures.proposal_figure(proposals["proposed"], proposals["accepted"], report.names),
            "Proposed and accepted points",
            f"Where {teachers[0]} looked and what it kept. The rejected points teach the network what lies around the "
            "posterior: their spread should contain the posterior with room to spare. After figure 3 of Kase, "
            "Rigato and Rottner (2024).",
        ),
    ]


def _certificate_rows(certificate: dict[str, Any]) -> list[list[str]]:
    c = certificate
    rows = [
        [
            "wrong accept",
            *_percent_pair(c["wrong_accept"]),
            "E max(â − a, 0): accepted, though it should not be",
        ],
        [
            "wrong reject",
            *_percent_pair(c["wrong_reject"]),
            "E max(a − â, 0): rejected, though it should not be",
        ],
        [
            "Pareto k̂",
            _decimals(c["pareto_khat"], 2),
            "",
            "below 0.7 importance weights can correct the draws",
        ],
        ["KL divergence", *(_decimals(v, 4) for v in c["kl_divergence"]), "nats, surrogate from exact"],
        ["mean shift", _decimals(c["mean_shift"], 3), "", "largest, in posterior sd, by importance weights"],
        ["largest error", _decimals(c["largest_error"], 2), "", "log points, inside the 99 % region"],
    ]
    if c["ensemble_calibration"] is not None:
        meaning = "actual over predicted error of the ensemble; 1 is perfect"
        rows.append(["ensemble", _decimals(c["ensemble_calibration"], 2), "", meaning])
    return rows


def _chains(report: Report) -> list[Item]:
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
                f"{route.num_evaluations:,}" if route.num_evaluations else "–",
                f"{seconds:.1f}",
                f"{ess / seconds:,.0f}" if seconds else "–",
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
                "evaluations",
                "s",
                "ESS/s",
            ],
            rows,
            "Diagnostics by route, the worst parameter of each.",
            "R-hat: rank-normalised, split chains. ESS: effective sample size, for the centre and for the 5 % and 95 % "
            "quantiles. MCSE/sd: Monte Carlo standard error of the mean in posterior standard deviations. Seconds "
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
            figures.trace_figure(report.draws, report.names),
            "Traces",
            "Draws in the order in which they were made, three chains a route (thinned). A row should look the same in "
            "all columns: a steady band, no trend, no chain apart from the others.",
        )
    )
    return items


def _reproduce(report: Report) -> list[Item]:
    environment = report.environment
    rows = [[stage, "", "", "", f"{seconds:.1f}"] for stage, seconds in report.timings.items()]
    for label, route in report.routes.items():
        parts = [route.seconds.get(phase, 0.0) for phase in ("compile", "warmup", "sample")]
        rows.append([label, *(f"{s:.1f}" for s in parts), f"{sum(parts):.1f}"])
    total = sum(report.timings.values()) + sum(sum(r.seconds.values()) for r in report.routes.values())
    rows.append(["total", "", "", "", f"{total:.1f}"])
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    return [
        {
            "kind": "text",
            "text": "The settings below are all that the run depended on; the same settings, versions and machine give "
            "the same draws, bit for bit.",
        },
        {"kind": "code", "text": "estim run settings.json --out again"},
        report.table(
            ["", "compilation", "warm-up", "sampling", "all"],
            rows,
            "Time by stage, in seconds.",
            f"Peak memory {environment['peak_memory_mib']:,.0f} MiB."
            if "peak_memory_mib" in environment
            else "",
        ),
        {
            "kind": "facts",
            "facts": [
                ("Date", environment["date"]),
                ("Machine", environment["machine"]),
                ("Versions", versions),
                ("Seed", str(report.settings["seed"])),
            ],
        },
        {"kind": "folded", "title": "settings.json", "text": json.dumps(report.settings, indent=2)},
    ]


def _sample(report: Report) -> str:
    return f"{report.data.index[0]}–{report.data.index[-1]}"


def _digits(std: float) -> int:
    """Decimals that show two significant digits of a standard deviation."""
    return int(np.clip(1 - np.floor(np.log10(std)), 0, 6)) if std > 0 else 3


def _number(value: float, digits: int) -> str:
    """Fixed decimals, with a minus sign instead of a hyphen."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _mean_std(mean: float | None, std: float | None, digits: int) -> Markup:
    mean_text, std_text = ("–" if v is None else _number(v, digits) for v in (mean, std))
    return Markup("{}<small>({})</small>").format(mean_text, std_text)


def _percent_pair(estimate: list[float]) -> tuple[str, str]:
    value, error = ("not finite" if v is None else f"{100 * v:.2f}\N{NO-BREAK SPACE}%" for v in estimate)
    return value, error


def _decimals(value: float | None, digits: int) -> str:
    return "not finite" if value is None else _number(value, digits)


def _spell(number: int) -> str:
    return {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}.get(number, str(number))
