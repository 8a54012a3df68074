"""Figures of the analyses, each a function from arrays with names to a Matplotlib figure.

Bands arrive with their quantiles first, ``[n_quantiles, ...]``, lowest to highest and the median
in the middle, as `estim.analysis.bands` returns them.
"""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from estim.results.figures.style import (
    FAINT,
    INK,
    MUTED,
    PALETTE,
    WIDTH,
    part_styles,
    route_legend,
    route_styles,
    styled,
)

Array = np.ndarray
_LONGEST_LINE = 28
"""Characters beside or above a small panel."""


@styled
def responses_figure(
    responses: Array,
    observables: Sequence[str],
    shocks: Sequence[str],
    medians: Mapping[str, Array] | None = None,
) -> Figure:
    """Impulse responses: a row an observable, a column a shock.

    Args:
        responses: bands ``[n_quantiles, horizon, n_obs, n_shocks]``; one quantile is a line.
        observables, shocks: their names, or what else is to stand there.
        medians: by route ``[horizon, n_obs, n_shocks]``, drawn over the bands; the bands' own where None.
    """
    figure, panels = _grid(len(observables), len(shocks), height=1.65, sharex=True, sharey="row")
    horizon = np.arange(responses.shape[1])
    for i, name in enumerate(observables):
        for j, shock in enumerate(shocks):
            ax = panels[i, j]
            ax.axhline(0, color=MUTED, lw=0.6)
            _band(ax, horizon, responses[:, :, i, j], line=medians is None)
            for route, style in route_styles(medians or {}).items():
                ax.plot(horizon, (medians or {})[route][:, i, j], **style)
            ax.locator_params(axis="y", nbins=4)
            if i == 0:
                ax.set_title(fill(f"shock {shock}", _LONGEST_LINE))
            if j == 0:
                ax.set_ylabel(fill(name, _LONGEST_LINE), color=INK)
    for ax in panels[-1]:
        ax.set_xlabel("periods after the shock")
    if medians:
        route_legend(figure, medians)
    return figure


@styled
def shares_figure(
    shares: Array, horizons: Sequence[Any], observables: Sequence[str], parts: Sequence[str]
) -> Figure:
    """Variance decomposition ``[n_horizons, n_obs, n_parts]`` as stacked bars, a panel an observable."""
    figure, panels = _grid(1, len(observables), height=2.6)
    labels = ["∞" if h == float("inf") else f"{h:g}" for h in horizons]
    for i, name in enumerate(observables):
        ax, floor = panels[0, i], np.zeros(len(horizons))
        for k, (part, style) in enumerate(zip(parts, part_styles(len(parts)), strict=True)):
            ax.bar(labels, shares[:, i, k], bottom=floor, width=0.75, label=part, **style)
            floor = floor + shares[:, i, k]
        ax.set(title=fill(name, _LONGEST_LINE), ylim=(0, 1), xlabel="periods ahead")
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(parts), 8)
    )
    return figure


@styled
def history_figure(
    parts: Array, observed: Array, dates: Sequence[Any], observables: Sequence[str], names: Sequence[str]
) -> Figure:
    """Historical decomposition ``[n_periods, n_obs, n_parts]`` as bars around zero, and the data as a line.

    ``observed`` ``[n_periods, n_obs]`` is what the parts add up to: the data less their mean.
    """
    figure, panels = _grid(len(observables), 1, height=2.2)
    x = np.arange(len(dates))
    for i, name in enumerate(observables):
        ax = panels[i, 0]
        for sign in (1, -1):
            floor = np.zeros(len(dates))
            for k, (part, style) in enumerate(zip(names, part_styles(len(names)), strict=True)):
                top = floor + np.where(np.sign(parts[:, i, k]) == sign, parts[:, i, k], 0.0)
                label = part if sign == 1 else None
                ax.fill_between(x, floor, top, step="mid", lw=0, label=label, **style)
                floor = top
        ax.plot(x, observed[:, i], color=INK, lw=1.0)
        ax.axhline(0, color=MUTED, lw=0.6)
        ax.set(title=f"{name}, deviation from its mean", xlim=(-0.5, len(dates) - 0.5))
        _date_ticks(ax, dates)
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(names), 8)
    )
    return figure


@styled
def forecast_figure(
    observed: Array, forecasts: Array, dates: Sequence[Any], observables: Sequence[str]
) -> Figure:
    """The end of the sample ``[n_periods, n_obs]`` and the fan after it ``[n_quantiles, horizon, n_obs]``.

    ``dates`` are those of both, ``[n_periods + horizon]``.
    """
    figure, panels = _grid(len(observables), 1, height=1.6)
    x, n = np.arange(len(dates)), len(observed)
    for i, name in enumerate(observables):
        ax = panels[i, 0]
        ax.plot(x[:n], observed[:, i], color=INK, lw=1.1)
        joined = np.concatenate(
            [np.repeat(observed[None, -1:, i], len(forecasts), 0), forecasts[:, :, i]], axis=1
        )
        _band(ax, x[n - 1 :], joined)
        ax.set_title(name)
        _date_ticks(ax, dates)
    return figure


@styled
def fit_figure(
    observed: Array, mean: Array, sd: Array, dates: Sequence[Any], observables: Sequence[str]
) -> Figure:
    """Data ``[n_periods, n_obs]`` over what was expected one period before, with a band of 90 %."""
    figure, panels = _grid(len(observables), 1, height=1.6)
    x = np.arange(len(dates))
    sd = np.where(np.isfinite(sd), sd, np.nan)
    for i, name in enumerate(observables):
        ax = panels[i, 0]
        _band(ax, x, mean[None, :, i] + np.array([-1.645, 0.0, 1.645])[:, None] * sd[None, :, i])
        ax.plot(x, observed[:, i], color=INK, lw=1.0)
        ax.set_title(name)
        _date_ticks(ax, dates)
    return figure


@styled
def paths_figure(paths: Array, dates: Sequence[Any], names: Sequence[str], columns: int = 3) -> Figure:
    """Bands ``[n_quantiles, n_periods, n]`` of so many series over time, each in a panel of its own."""
    columns = min(columns, len(names))
    figure, panels = _grid(-(-len(names) // columns), columns, height=1.35)
    for ax in panels.flat[len(names) :]:
        ax.set_axis_off()
    for i, name in enumerate(names):
        ax = panels.flat[i]
        _band(ax, np.arange(len(dates)), paths[:, :, i])
        ax.set_title(fill(name, _LONGEST_LINE))
        _date_ticks(ax, dates, 3)
    return figure


@styled
def checks_figure(
    checks: Mapping[str, Array], statistics: Sequence[str], observables: Sequence[str]
) -> Figure:
    """Statistics of samples by ``prior`` and ``posterior`` ``[n, n_statistics, n_obs]``, and of the ``data``."""
    figure, panels = _grid(len(observables), len(statistics), height=0.85)
    for i, name in enumerate(observables):
        for k, statistic in enumerate(statistics):
            ax = panels[i, k]
            for y, (which, colour) in enumerate((("prior", MUTED), ("posterior", PALETTE[0]))):
                drawn = checks[which][:, k, i]
                if np.isfinite(drawn).any():
                    low, middle, high = np.nanquantile(drawn, [0.05, 0.5, 0.95])
                    ax.plot([low, high], [y, y], color=colour, lw=3, solid_capstyle="butt", alpha=0.6)
                    ax.plot(middle, y, "|", color=colour, ms=9)
            ax.plot(checks["data"][k, i], 1, "o", color=INK, ms=4)
            ax.set(ylim=(-0.6, 1.6), yticks=[0, 1], yticklabels=["prior", "posterior"] if k == 0 else [])
            ax.set_title(fill(f"{name}, {statistic}", 40))
            posterior, data = checks["posterior"][:, k, i], checks["data"][k, i]
            shown = np.append(posterior[np.isfinite(posterior)], data)
            if statistic != "first autocorrelation" and np.isfinite(shown).any():
                width = max(np.nanmax(shown) - np.nanmin(shown), 1e-12)
                ax.set_xlim(np.nanmin(shown) - width, np.nanmax(shown) + width)  # a prior may be much wider
    return figure


@styled
def agents_figure(found: Mapping[str, Array], columns: int = 3) -> Figure:
    """Bands ``[n_quantiles, *states]`` by name, along the longest axis of states; of the others first, middle, last."""
    columns = min(columns, len(found))
    figure, panels = _grid(-(-len(found) // columns), columns, height=2.0)
    for ax in panels.flat[len(found) :]:
        ax.set_axis_off()
    for ax, (name, values) in zip(panels.flat, found.items(), strict=False):
        along = 1 + int(np.argmax(values.shape[1:]))
        lines = np.moveaxis(values, along, -1).reshape(len(values), -1, values.shape[along])
        for k, j in enumerate(sorted({0, lines.shape[1] // 2, lines.shape[1] - 1})):
            colour, x = PALETTE[k], np.arange(lines.shape[2])
            ax.fill_between(x, lines[0, j], lines[-1, j], color=colour, alpha=0.25, lw=0)
            ax.plot(x, lines[len(lines) // 2, j], color=colour, lw=1.1)
        ax.set(title=fill(name, _LONGEST_LINE), xlabel="point of the grid")
    return figure


def _date_ticks(ax: Axes, dates: Sequence[Any], num: int = 8) -> None:
    ticks = np.arange(len(dates))[:: max(1, len(dates) // num)]
    ax.set_xticks(ticks, [str(dates[t]) for t in ticks])


@styled
def autocorrelation_figure(model: Array, data: Array, observables: Sequence[str]) -> Figure:
    """Correlations Corr(y_i,t+k, y_j,t): the model's bands ``[n_quantiles, n_lags, n_obs, n_obs]``, the data's dots."""
    figure, panels = _grid(len(observables), len(observables), height=1.4)
    lags = np.arange(data.shape[0])
    for i, later in enumerate(observables):
        for j, now in enumerate(observables):
            ax = panels[i, j]
            ax.axhline(0, color=FAINT, lw=0.8)
            _band(ax, lags, model[:, :, i, j])
            ax.plot(lags, data[:, i, j], "o", color=INK, ms=2.5)
            ax.set(title=f"{later}$_{{t+k}}$, {now}$_t$", ylim=(-1.05, 1.05))
    for ax in panels[-1]:
        ax.set_xlabel("k")
    return figure


def _grid(rows: int, columns: int, height: float, **kwargs: Any) -> tuple[Figure, Any]:
    figure = Figure(figsize=(WIDTH, 0.6 + height * rows))
    return figure, figure.subplots(rows, columns, squeeze=False, **kwargs)


def _band(ax: Axes, x: Array, quantiles: Array, line: bool = True) -> None:
    """Median, if a ``line`` is wanted, and the area between each pair of quantiles, darker inward."""
    half = len(quantiles) // 2
    for k in range(half):
        ax.fill_between(x, quantiles[k], quantiles[-1 - k], color=PALETTE[0], alpha=0.18, lw=0)
    if line:
        ax.plot(x, quantiles[half], color=PALETTE[0])
    ax.set_xlim(x[0], x[-1])
