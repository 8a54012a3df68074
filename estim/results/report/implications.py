"""The sections on how the model fits, what it says of the sample, and what comes next."""

import numpy as np

from estim.results import figures
from estim.results.contents import STATISTICS
from estim.results.report.page import Item
from estim.results.report.reading import LABELS, Report

_SHOWN = 24
"""Of shocks and of variables, in a figure."""


def fit_section(report: Report) -> list[Item]:
    """One step ahead, and the model's moments beside those of the data."""
    items: list[Item] = []
    observables = report.called("observables")
    if report.run.has("one_step_ahead.npz"):
        expected = report.run.read_arrays("one_step_ahead.npz")
        data = report.data[report.model["observables"]].to_numpy()
        errors = (data - expected["mean"]) / expected["sd"]
        told = np.isfinite(errors)
        missed = ", ".join(
            f"{name} {100 * np.mean(np.abs(e[seen]) > 1.645):.0f} %"
            for name, e, seen in zip(observables, errors.T, told.T, strict=True)
            if seen.any()
        )
        items.append(
            report.figure(
                figures.fit_figure(data, expected["mean"], expected["sd"], report.data.index, observables),
                "One step ahead",
                "Each observable (black) beside what the model, at the posterior mean, expected of it one period "
                f"before, with a 90 % band. Outside the band, where 10 % are to be expected: {missed}.",
            )
        )
    if report.run.has("predictive_checks.npz"):
        checks = report.run.read_arrays("predictive_checks.npz")
        share = np.nanmean(checks["posterior"] < checks["data"][None], axis=0)
        far = [
            f"the {statistic} of {name}"
            for statistic, row in zip(STATISTICS, share, strict=True)
            for name, value in zip(observables, row, strict=True)
            if value < 0.025 or value > 0.975
        ]
        verdict = (
            f"In the tails of what the posterior says lie {', '.join(far)}: there the model does not fit."
            if far
            else "None of the data's lies in the outer 5 % of what the posterior says."
        )
        items.append(
            report.figure(
                figures.checks_figure(checks, STATISTICS, observables),
                "Predictive checks",
                "Moments of samples as long as the data, simulated at draws of the prior (grey) and of the posterior "
                f"(blue): median and 90 % interval. The dot is the data's. {verdict}",
            )
        )
    return items


def _history(report: Report) -> list[Item]:
    """Smoothed shocks and variables."""
    if not report.run.has("history.npz"):
        return []
    found = report.run.read_arrays("history.npz")
    seen = set(report.model["observables"])
    latent = [i for i, name in enumerate(report.model["variables"]) if name not in seen][:_SHOWN]
    shocks, variables = report.called("shocks"), report.called("variables")
    return [
        report.figure(
            figures.paths_figure(found["shocks"][:, :, :_SHOWN], report.data.index, shocks[:_SHOWN]),
            "Smoothed shocks",
            "The shocks given the whole sample, in the model's units: median, 68 % and 90 % bands of the posterior.",
        ),
        report.figure(
            figures.paths_figure(
                found["variables"][:, :, latent], report.data.index, [variables[i] for i in latent]
            ),
            "The model's variables",
            "The model's variables in its own units, given the whole sample, with the same bands.",
        ),
    ]


def implications_section(report: Report) -> list[Item]:
    """Impulse responses, variance shares, decomposition and smoothed history, as far as they were computed."""
    items = []
    observables, shocks = report.called("observables"), report.called("shocks")
    if report.run.has("impulse_responses.npz"):
        responses = report.run.read_arrays("impulse_responses.npz")
        by_route = {LABELS.get(name, name): value for name, value in responses.items()}
        route = next(iter(by_route))
        bands = np.nanquantile(by_route[route], [0.05, 0.16, 0.5, 0.84, 0.95], axis=0)
        medians = {name: np.nanmedian(values, axis=0) for name, values in by_route.items()}
        items.append(
            report.figure(
                figures.responses_figure(bands, observables, shocks, medians),
                "Impulse responses",
                "Responses of the observables to a shock of one standard deviation: median, 68 % and 90 % bands of "
                f"the posterior by {route}, and the medians of the other routes.",
            )
        )
    if report.run.has("decompositions.npz"):
        parts = report.run.read_arrays("decompositions.npz")
        names = [*shocks, "before the sample", "measurement error"]
        history, shares = parts["history"], np.nanmean(parts["shares"], axis=0)
        there = np.abs(history).max(axis=(0, 1)) > 1e-8 * np.abs(history).max()
        error = [True] * len(shocks) + [bool(shares[..., -1].max() > 1e-8)]
        items += [
            report.figure(
                figures.shares_figure(
                    shares[..., error],
                    parts["horizons"],
                    observables,
                    [*shocks, "measurement error"][: sum(error)],
                ),
                "Variance decomposition",
                "Which shock makes an observable hard to forecast: shares of the variance of the error of forecasting "
                "it so many periods ahead (∞: of its variance), means over the posterior by the same route.",
            ),
            report.figure(
                figures.history_figure(
                    history[..., there],
                    history.sum(axis=2),
                    report.data.index,
                    observables,
                    [name for name, kept in zip(names, there, strict=True) if kept],
                ),
                "Historical decomposition",
                "What each shock did to each observable, period by period, at the posterior mean; the line is the "
                "data less the mean that the model gives them, and the areas add up to it.",
            ),
        ]
    return [*items, *_history(report), *_agents(report), *_left_out(report)]


def _agents(report: Report) -> list[Item]:
    """Of a dynamic program: what agents are worth and do in each state."""
    if not report.run.has("agents.npz"):
        return []
    return [
        report.figure(
            figures.agents_figure(report.run.read_arrays("agents.npz")),
            "What agents do",
            "Values, policies and the distribution over individual states, along the longest axis of states: median "
            "and 90 % band of the posterior. Lines in several colours: the first, middle and last of the other states.",
        )
    ]


def _left_out(report: Report) -> list[Item]:
    """What could not be computed, by name, and why."""
    if not report.run.has("implications.json"):
        return []
    by_reason: dict[str, list[str]] = {}
    for name, reason in report.run.read_json("implications.json")["left_out"].items():
        by_reason.setdefault(reason, []).append(name.replace("_", " "))
    return [
        report.text(f"Not computed: {', '.join(names)} ({reason}).") for reason, names in by_reason.items()
    ]


def forecast_section(report: Report) -> list[Item]:
    if not report.run.has("forecast.npz"):
        return []
    found = report.run.read_arrays("forecast.npz")
    data = report.data[report.model["observables"]]
    tail = data.iloc[-max(12, 2 * len(found["periods"])) :]
    dates = [*map(str, tail.index), *found["periods"]]
    return [
        report.figure(
            figures.forecast_figure(tail.to_numpy(), found["bands"], dates, report.called("observables")),
            "Forecast",
            "The end of the sample and what follows: median, 68 % and 90 % bands, with the uncertainty of parameters, "
            "state, shocks and measurement. Nothing is imposed; estim forecast imposes what you know.",
        )
    ]
