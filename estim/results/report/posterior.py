"""The sections on the model, its posterior and the agreement of the routes."""

import numpy as np
from latex2mathml.converter import convert
from markupsafe import Markup

from estim.results import figures
from estim.results.contents import read_prior
from estim.results.diagnostics import agreement, pooled_std
from estim.results.report.identification import identification_items
from estim.results.report.page import Item, digits, mean_std, number
from estim.results.report.reading import Report

NEAR_PUBLISHED = 0.5
"""Published estimates closer than this many posterior standard deviations are called near."""


def estimated_section(report: Report) -> list[Item]:
    model = report.model
    facts = [
        ("Model", f"{model['name']}: {model['reference']}" if model["reference"] else model["name"]),
        ("Variables", f"{len(model['variables'])}: {report.labels.listed(model['variables'])}"),
        ("Shocks", f"{len(model['shocks'])}: {report.labels.listed(model['shocks'])}"),
        ("Data", f"{report.settings['data']}, {report.sample}, {len(report.data)} {report.unit}"),
        ("Observables", report.labels.listed(model["observables"])),
        ("Missing values", f"{int(report.data.isna().sum().sum())} of {report.data.size}"),
        ("Estimated", f"{len(report.names)} parameters: {', '.join(report.names)}"),
    ]
    if model["calibrated"]:
        facts.append(("Calibrated", ", ".join(f"{n} = {v:g}" for n, v in model["calibrated"].items())))
    return [
        report.facts(facts),
        *_equations(report),
        report.figure(
            figures.data_figure(report.data.rename(columns=report.labels.called)),
            "Data",
            "The data that the likelihood saw, in the model's units; the thin line is the sample mean. "
            "Look here first: an outlier, a break or a wrong unit is easier to see than to infer.",
        ),
    ]


def _equations(report: Report) -> list[Item]:
    """Folded: each by its name, drawn by the browser."""
    equations = report.model.get("equations", {})
    rows = [
        (report.labels.called(name), Markup(convert(tex, display="block"))) for name, tex in equations.items()
    ]
    return (
        [{"kind": "equations", "title": f"The {len(rows)} equations of the model", "rows": rows}]
        if rows
        else []
    )


def _search(report: Report) -> str:
    """What the search for the mode found, and that it may have missed something."""
    saved = report.run.read_arrays("mode.npz")
    if "listed" not in saved:
        return ""
    heights = saved["listed"]
    starts = saved["logdensities"].size
    found = f"The search climbed from {starts} starting points" if starts > 1 else "The search climbed once"
    if len(heights) == 1:
        return f"{found} and met one mode; one that it did not come near to would not be seen."
    listed = ", ".join(f"{height:.2f}" for height in heights)
    return (
        f"{found} and met {len(heights)} modes, with log-densities of {listed}. Chains start around each that "
        "has a thousandth of the mass or more; whether they have met is said by R-hat."
    )


def posterior_section(report: Report) -> list[Item]:
    mode = report.run.read_arrays("mode.npz")["params"]
    prior = read_prior(report.run)
    std = pooled_std(report.summaries)
    published = report.model["published"]
    rows = []
    for i, entry in enumerate(report.model["prior"]):
        places = digits(std[i])
        low, high = np.mean([s.quantiles[[0, 2], i] for s in report.summaries.values()], axis=0)
        rows.append(
            [
                report.labels.row(entry["name"]),
                entry["family"],
                mean_std(entry["mean"], entry["std"], places),
                *(
                    [number(published[entry["name"]], places) if entry["name"] in published else "–"]
                    * bool(published)
                ),
                number(mode[i], places),
                *(mean_std(s.mean[i], s.std[i], places) for s in report.summaries.values()),
                f"{number(low, places)} – {number(high, places)}",
            ]
        )
    return [
        report.table(
            [
                "",
                "prior",
                "mean (sd)",
                *["published"] * bool(published),
                "mode",
                *report.summaries,
                "90 % interval",
            ],
            rows,
            "Prior and posterior. Posterior mean and, in parentheses, standard deviation by every route; "
            "mode and interval in the same units.",
            "The mode is that of the density which the samplers explore, on the unconstrained scale; where the "
            "likelihood pushes a parameter to a bound, it lies inside. The interval is the average of the "
            f"routes' 5 % and 95 % quantiles. {_search(report)}",
            left=(1,),
        ),
        *_published(report, std),
        *identification_items(report),
        report.figure(
            figures.density_figure(report.draws, report.titles, prior),
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
    named = ", ".join(f"{n} ({number(gaps[n], 1)})" for n in apart)
    text = (
        f"{len(gaps) - len(apart)} of {len(gaps)} published estimates lie within {NEAR_PUBLISHED} posterior standard "
        "deviations of our means. "
    )
    if apart:
        text += f"Farther away (ours less theirs, in our standard deviations): {named}. "
    return [report.text(text + report.settings["remarks"])]


def agreement_section(report: Report) -> list[Item]:
    if len(report.routes) < 2:
        return []
    means = np.stack([s.mean for s in report.summaries.values()])
    mcse = np.stack([s.mcse for s in report.summaries.values()])
    worst = agreement(report.summaries, report.names)
    return [
        report.text(
            "The routes share the posterior and nothing else: each has its own proposals and its own random "
            "numbers, and the surrogate does not even evaluate the model. That they meet is evidence that none "
            f"of them went astray. The widest gap between two means is {worst.difference:.3f} posterior standard "
            f"deviations ({worst.parameter})."
        ),
        report.figure(
            figures.agreement_figure(
                means, mcse, pooled_std(report.summaries), report.titles, list(report.summaries)
            ),
            "Agreement of the routes",
            "Posterior means by route, less their average, in posterior standard deviations, with bars of two Monte "
            "Carlo standard errors. Points inside the grey band differ by less than 0.1 standard deviations.",
        ),
        report.figure(
            figures.rank_figure(
                report.draws, report.titles, {k: s.ess_bulk for k, s in report.summaries.items()}
            ),
            "Ranks",
            "Whole distributions, not only means: the distribution of each route's ranks among the draws of all "
            "routes, less the uniform one. A line that leaves the grey 95 % band in the shape of a hill or a valley "
            "says that the route is shifted; one shaped like an S, that it is too wide or too narrow.",
        ),
    ]
