"""Figures: of draws and routes, and of what a model says of data."""

from estim.results.figures.analysis import (
    agents_figure,
    autocorrelation_figure,
    checks_figure,
    fit_figure,
    forecast_figure,
    history_figure,
    paths_figure,
    responses_figure,
    shares_figure,
)
from estim.results.figures.draws import (
    agreement_figure,
    data_figure,
    density_figure,
    proposal_figure,
    rank_figure,
    slice_figure,
    surrogate_fit_figure,
    trace_figure,
)
from estim.results.figures.style import to_svg

__all__ = [
    "agents_figure",
    "agreement_figure",
    "autocorrelation_figure",
    "checks_figure",
    "data_figure",
    "density_figure",
    "fit_figure",
    "forecast_figure",
    "history_figure",
    "paths_figure",
    "proposal_figure",
    "rank_figure",
    "responses_figure",
    "shares_figure",
    "slice_figure",
    "surrogate_fit_figure",
    "to_svg",
    "trace_figure",
]
