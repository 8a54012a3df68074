"""Convergence and precision of draws: R-hat, effective sample size, Monte Carlo standard error.

Rank-normalised split R-hat, bulk and tail effective sample size as in Vehtari, Gelman, Simpson,
Carpenter and Bürkner (2021), computed by ArviZ's array functions on all parameters at once.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

Array = np.ndarray

QUANTILES = (0.05, 0.5, 0.95)


class Summary(NamedTuple):
    """What the draws say about each parameter; every field is ``[n_params]``.

    ``quantiles`` is ``[3, n_params]``: 5 %, median, 95 %. ``mcse`` is the standard error of the
    mean, in the parameter's units.
    """

    mean: Array
    std: Array
    quantiles: Array
    mcse: Array
    ess_bulk: Array
    ess_tail: Array
    rhat: Array


class Agreement(NamedTuple):
    """The largest gap between two routes' posterior means, in posterior standard deviations."""

    difference: float
    parameter: str
    routes: tuple[str, str]


def summarise(draws: Array, max_draws: int = 100_000) -> Summary:
    """Moments and diagnostics of draws ``[chain, draw, n_params]``.

    Beyond `max_draws` draws the diagnostics look at every k-th draw of each chain, which can
    only understate the precision; mean, standard deviation and quantiles use them all.
    """
    from arviz_stats.base import array_stats

    num_chains, num_draws, _ = draws.shape
    thinned = draws[:, :: max(1, num_chains * num_draws // max_draws)].astype(float)
    axes = {"chain_axis": 0, "draw_axis": 1}
    with np.errstate(invalid="ignore", divide="ignore"):
        return Summary(
            mean=draws.mean(axis=(0, 1), dtype=float),  # a surrogate's draws have 32 bits, too few for sums
            std=draws.std(axis=(0, 1), ddof=1, dtype=float),
            quantiles=np.quantile(draws, QUANTILES, axis=(0, 1)),
            mcse=array_stats.mcse(thinned, method="mean", **axes),
            ess_bulk=array_stats.ess(thinned, method="bulk", **axes),
            ess_tail=array_stats.ess(thinned, method="tail", prob=(0.05, 0.95), **axes),
            rhat=array_stats.rhat(thinned, method="rank", **axes),
        )


def as_table(summary: Summary, names: Sequence[str]) -> pd.DataFrame:
    """A row for each parameter: mean, sd, quantiles, Monte Carlo error, effective sample sizes, R-hat."""
    columns = {"mean": summary.mean, "sd": summary.std}
    columns |= {f"{q:.0%}": values for q, values in zip(QUANTILES, summary.quantiles, strict=True)}
    columns |= {"mcse": summary.mcse, "ess_bulk": summary.ess_bulk, "ess_tail": summary.ess_tail}
    return pd.DataFrame(columns | {"r_hat": summary.rhat}, pd.Index(names, name="parameter"))


def pooled_std(summaries: Mapping[str, Summary]) -> Array:
    """Posterior standard deviation of each parameter, routes averaged in variance ``[n_params]``."""
    return np.sqrt(np.mean([s.std**2 for s in summaries.values()], axis=0))


def agreement(summaries: Mapping[str, Summary], names: tuple[str, ...]) -> Agreement:
    """Which two routes differ most, and in which parameter's mean."""
    routes = list(summaries)
    means = np.stack([s.mean for s in summaries.values()]) / pooled_std(summaries)
    gaps = np.ptp(means, axis=0)
    worst = int(np.argmax(gaps))
    pair = (routes[int(np.argmin(means[:, worst]))], routes[int(np.argmax(means[:, worst]))])
    return Agreement(float(gaps[worst]), names[worst], pair)
