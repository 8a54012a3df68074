"""Figures of a report, each a function from arrays to a Matplotlib figure.

Draws arrive as ``{route: [chain, draw, n_params]}`` in the model's units, one entry a route
(a sampler); ``names`` are the parameters in the order of the last axis.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.stats import gaussian_kde, rankdata

from estim.results.figures.style import (
    FAINT,
    INK,
    MUTED,
    PALETTE,
    SURROGATE,
    WIDTH,
    route_legend,
    route_styles,
    styled,
)

Array = np.ndarray
RouteDraws = Mapping[str, Array]


@styled
def data_figure(data: pd.DataFrame) -> Figure:
    """The observables over time, one panel each; a gap is a missing value."""
    figure = Figure(figsize=(WIDTH, 0.5 + 1.25 * len(data.columns)))
    panels = figure.subplots(len(data.columns), 1, sharex=True, squeeze=False)[:, 0]
    dates = data.index.to_timestamp() if isinstance(data.index, pd.PeriodIndex) else data.index
    for ax, name in zip(panels, data.columns, strict=True):
        ax.axhline(float(data[name].mean()), color=FAINT, lw=0.8)
        ax.plot(dates, data[name], color=INK, lw=1.1)
        ax.set_title(name)
    panels[-1].set_xlim(dates[0], dates[-1])
    return figure


@styled
def density_figure(draws: RouteDraws, names: Sequence[str], prior: Array) -> Figure:
    """Marginal posterior densities of every route over the prior's ``[n, n_params]`` draws."""
    figure, panels = _grid(len(names), height=1.6)
    for i, ax in enumerate(panels):
        low, high = _bulk(np.concatenate([d[..., i].ravel() for d in draws.values()]), 0.0005, pad=0.25)
        grid = np.linspace(low, high, 240)
        inside = prior[(prior[:, i] > low) & (prior[:, i] < high), i]
        if len(inside) > 20:
            ax.fill_between(grid, _density(inside, grid) * len(inside) / len(prior), color=FAINT, lw=0)
        for route, style in route_styles(draws).items():
            ax.plot(grid, _density(_thin(draws[route][..., i].ravel(), 20_000), grid), **style)
        ax.set(title=names[i], yticks=[], xlim=(low, high), ylim=(0, None))
        ax.locator_params(axis="x", nbins=4)
        ax.spines["left"].set_visible(False)
    route_legend(figure, draws, extra=[Patch(color=FAINT, label="prior")])
    return figure


@styled
def agreement_figure(
    means: Array, mcse: Array, std: Array, names: Sequence[str], routes: Sequence[str]
) -> Figure:
    """How far each route's posterior mean lies from the average of the routes, in posterior sd.

    ``means`` and ``mcse`` are ``[n_routes, n_params]``, ``std`` ``[n_params]``. Bars are two
    Monte Carlo standard errors; the band is 0.1 sd wide: any two means inside it agree.
    """
    figure = Figure(figsize=(WIDTH, 0.9 + 0.3 * len(names)))
    ax = figure.subplots()
    centre = means.mean(axis=0)
    rows = np.arange(len(names))
    ax.axvspan(-0.05, 0.05, color=FAINT, alpha=0.6, lw=0)
    ax.axvline(0, color=MUTED, lw=0.6)
    for r, style in enumerate(route_styles(routes).values()):
        offset = (r - (len(routes) - 1) / 2) * 0.17
        ax.errorbar(
            (means[r] - centre) / std,
            rows + offset,
            xerr=2 * mcse[r] / std,
            fmt="o",
            ms=3.5,
            lw=1.1,
            color=style["color"],
        )
    reach = max(0.12, 1.08 * float(np.max(np.abs((means - centre) / std) + 2 * mcse / std)))
    ax.set(yticks=rows, yticklabels=names, xlim=(-reach, reach), ylim=(len(names) - 0.4, -0.6))
    ax.set_xlabel("difference from the average of the routes, in posterior standard deviations")
    ax.tick_params(axis="y", length=0, labelcolor=INK, labelsize=8.5)
    ax.spines["left"].set_visible(False)
    route_legend(figure, routes)
    return figure


@styled
def trace_figure(
    draws: RouteDraws, names: Sequence[str], num_chains: int = 3, num_points: int = 200
) -> Figure:
    """Traces: a row for each parameter, the routes side by side on one scale.

    At most `num_chains` chains a route, thinned to `num_points` points each.
    """
    figure = Figure(figsize=(WIDTH, 0.5 + 0.62 * len(names)))
    rows = figure.subplots(len(names), 1, squeeze=False, sharex=True)[:, 0]
    for column, (route, style) in enumerate(route_styles(draws).items()):
        chains = _thin(np.moveaxis(draws[route][:num_chains], 0, -1), num_points)
        progress = column + np.linspace(0, 0.96, len(chains))
        for row, ax in enumerate(rows):
            ax.plot(progress, chains[:, row], color=style["color"], lw=0.45, alpha=0.75)
        rows[0].text(column / len(draws), 1.12, route, transform=rows[0].transAxes, color=style["color"])
    for name, ax in zip(names, rows, strict=True):
        ax.set(xticks=[], xlim=(-0.02, len(draws) - 0.02))
        ax.spines["bottom"].set_visible(False)
        ax.locator_params(axis="y", nbins=3)
        ax.set_ylabel(name, rotation=0, ha="right", va="center", color=INK)
    return figure


@styled
def rank_figure(draws: RouteDraws, names: Sequence[str], ess: Mapping[str, Array]) -> Figure:
    """Ranks of each route's draws among the draws of all routes (Vehtari et al. 2021, section 4).

    Each route is thinned to about its effective sample size (``ess[route]`` is ``[n_params]``),
    at most 1,000 draws. Shown is the empirical distribution of the ranks less the uniform one;
    if the routes sample the same distribution, all lines stay inside the 95 % band of
    Kolmogorov, 1.36 over the root of the number of draws.
    """
    num = int(max(50, min(1000, *(np.min(e) for e in ess.values()))))
    thinned = [_thin(d.reshape(-1, d.shape[-1]), num) for d in draws.values()]
    grid = np.linspace(0, 1, 201)
    band = 1.36 / np.sqrt(num)
    figure, panels = _grid(len(names), height=1.35, sharey=True)
    for i, ax in enumerate(panels):
        pooled = np.concatenate([t[:, i] for t in thinned])
        ranks = np.split(rankdata(pooled) / len(pooled), np.cumsum([len(t) for t in thinned])[:-1])
        ax.axhspan(-band, band, color=FAINT, alpha=0.6, lw=0)
        ax.axhline(0, color=MUTED, lw=0.5)
        for rank, style in zip(ranks, route_styles(draws).values(), strict=True):
            ax.plot(grid, np.searchsorted(np.sort(rank), grid, side="right") / len(rank) - grid, **style)
        ax.set(title=names[i], xlim=(0, 1), xticks=[0, 0.5, 1])
        ax.locator_params(axis="y", nbins=3)
    route_legend(figure, draws)
    return figure


@styled
def slice_figure(
    grids: Array, exact: Array, surrogate: Array, names: Sequence[str], mode: Array, training: Array
) -> Figure:
    """Log-posterior along each parameter with the others at the mode: exact and surrogate.

    After figure 1 of Kase, Rigato and Rottner (2024). ``grids``, ``exact`` and ``surrogate``
    are ``[n_params, n_points]``, the log-posteriors less the exact one's value at the mode
    ``[n_params]``; ``training`` ``[n, n_params]`` are the points the surrogate learned from:
    their central 98 % is the bar under each curve.
    """
    figure, panels = _grid(len(names), height=1.6)
    for i, ax in enumerate(panels):
        visible = np.isfinite(exact[i])
        ax.plot(grids[i][visible], exact[i][visible], color=INK, lw=2.6, alpha=0.28, solid_capstyle="butt")
        ax.plot(grids[i], surrogate[i], color=SURROGATE, lw=1.2, dashes=(4, 1.5))
        floor = np.min(exact[i][visible], initial=0.0)
        low, high = np.quantile(training[:, i], [0.01, 0.99])
        ax.plot([low, high], [floor * 1.09] * 2, color=MUTED, lw=2.2, solid_capstyle="butt")
        ax.axvline(mode[i], color=MUTED, lw=0.6, dashes=(2, 2))
        ax.set(title=names[i], ylim=(floor * 1.14 - 0.2, 0.6 - floor * 0.04))
        ax.locator_params(nbins=4)
    figure.legend(
        handles=[
            Line2D([], [], color=INK, lw=2.6, alpha=0.28, label="exact log-posterior"),
            Line2D([], [], color=SURROGATE, lw=1.2, dashes=(4, 1.5), label="surrogate"),
            Line2D([], [], color=MUTED, lw=2.2, label="training points, central 98 %"),
        ],
        loc="outside upper left",
        ncols=3,
    )
    return figure


@styled
def proposal_figure(proposed: Array, accepted: Array, names: Sequence[str]) -> Figure:
    """Where a sampler proposed and what it kept: densities of ``[n, n_params]`` points.

    After figure 3 of Kase, Rigato and Rottner (2024).
    """
    figure, panels = _grid(len(names), height=1.5)
    for i, ax in enumerate(panels):
        low, high = _bulk(proposed[:, i], 0.002, pad=0.05)
        bins = np.linspace(low, high, 60).tolist()
        ax.hist(proposed[:, i], bins=bins, density=True, color=MUTED, alpha=0.35, histtype="stepfilled", lw=0)
        ax.hist(accepted[:, i], bins=bins, density=True, color=PALETTE[2], histtype="step", lw=1.3)
        ax.set(title=names[i], yticks=[], xlim=(low, high))
        ax.spines["left"].set_visible(False)
        ax.locator_params(axis="x", nbins=4)
    figure.legend(
        handles=[
            Patch(color=MUTED, alpha=0.35, lw=0, label="proposed: every evaluated point, kept for training"),
            Line2D([], [], color=PALETTE[2], label="accepted: the chain's draws"),
        ],
        loc="outside upper left",
        ncols=2,
    )
    return figure


@styled
def surrogate_fit_figure(history: Mapping[str, Array], exact: Array, predicted: Array) -> Figure:
    """How the network learned (loss by epoch) and what error is left at the chain's own points.

    ``history`` maps "train" and "validation" to ``[n_epochs]``; ``exact`` and ``predicted``
    are log-posteriors ``[n]``. A constant error would not matter to a sampler: the median is
    taken off. Points that ran away, farther than eight times the range of the middle half, are
    counted and not drawn.
    """
    figure = Figure(figsize=(WIDTH, 2.9))
    left, right = figure.subplots(1, 2)
    for (name, loss), colour in zip(history.items(), (MUTED, SURROGATE), strict=False):
        left.plot(np.arange(1, len(loss) + 1), loss, color=colour, lw=1.2, label=name)
    left.set(yscale="log", xlabel="epoch", title="Loss")
    left.legend(loc="upper right")
    error = predicted - exact
    error = (error - np.median(error))[np.isfinite(error)]
    quartiles = np.quantile(error, [0.25, 0.75])
    far = np.abs(error) > 8 * np.diff(quartiles)
    error, beyond = error[~far], f", {100 * np.mean(far):.1f} % far beyond" if far.any() else ""
    reach = np.quantile(np.abs(error), 0.998)
    right.hist(error, bins=np.linspace(-reach, reach, 61), color=SURROGATE, alpha=0.75, lw=0)
    right.axvline(0, color=INK, lw=0.7)
    right.set(
        xlabel="surrogate less exact log-posterior",
        yticks=[],
        title=f"Error: sd {np.std(error):.3f} log points{beyond}",
    )
    right.spines["left"].set_visible(False)
    return figure


def _grid(num: int, height: float, **kwargs: Any) -> tuple[Figure, list[Axes]]:
    """Small multiples: `num` panels, four or five a row, whichever leaves fewer gaps."""
    columns = min((4, 5), key=lambda c: -num % c)
    rows = -(-num // columns)
    figure = Figure(figsize=(WIDTH, 0.5 + height * rows))
    panels = figure.subplots(rows, min(columns, num), squeeze=False, **kwargs).ravel()
    for ax in panels[num:]:
        ax.remove()
    return figure, list(panels[:num])


def _thin(draws: Array, num: int) -> Array:
    """At most `num` evenly spaced entries along the first axis."""
    return draws[np.linspace(0, len(draws) - 1, min(num, len(draws))).astype(int)]


def _bulk(values: Array, tail: float, pad: float) -> tuple[float, float]:
    low, high = np.quantile(values, [tail, 1 - tail])
    return low - pad * (high - low) / 2, high + pad * (high - low) / 2


def _density(values: Array, grid: Array) -> Array:
    """A Gaussian kernel density on binned values, reflected at the sample's ends.

    Reflection keeps the mass of a posterior that piles up at a bound, such as kappa at 1.
    """
    values = values[np.isfinite(values)]
    low, high = values.min(), values.max()
    width = (
        gaussian_kde(_thin(values, 2000)).factor
        * values.std()
        * (min(len(values), 2000) / len(values)) ** 0.2
    )
    edges = np.linspace(low, high, 513)
    mass, _ = np.histogram(values, edges)
    centres = (edges[1:] + edges[:-1]) / 2
    density = np.zeros_like(grid)
    for mirrored in (centres, 2 * low - centres, 2 * high - centres):
        density += np.exp(-0.5 * ((grid[:, None] - mirrored) / width) ** 2) @ mass
    return np.where((grid < low) | (grid > high), 0.0, density / (len(values) * width * np.sqrt(2 * np.pi)))
