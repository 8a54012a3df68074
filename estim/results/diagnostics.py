"""Convergence and precision of draws: R-hat, effective sample size, Monte Carlo standard error.

Rank-normalised split R-hat, bulk and tail effective sample size as in Vehtari, Gelman, Simpson,
Carpenter and Bürkner (2021), computed by ArviZ's array functions on all parameters at once. Of many short chains that
began in groups, superchains, nested R-hat (Margossian, Hoffman, Sountsov, Riou-Durand, Vehtari and Gelman 2024,
Bayesian Analysis).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from estim.surrogate.estimates import nested_rhat

Array = np.ndarray

MAX_RHAT = 1.01
"""Of chains that began each by itself (Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021)."""

QUANTILES = (0.05, 0.5, 0.95)


class Summary(NamedTuple):
    """What the draws say about each parameter; every field is ``[n_params]``.

    ``quantiles`` is ``[3, n_params]``: 5 %, median, 95 %. ``mcse`` is the standard error of the
    mean, in the parameter's units; ``max_rhat``, a number, is what R-hat must lie below; ``longest_stay``, a number of
    draws, see `longest_stay`.
    """

    mean: Array
    std: Array
    quantiles: Array
    mcse: Array
    ess_bulk: Array
    ess_tail: Array
    rhat: Array
    max_rhat: float = MAX_RHAT
    longest_stay: int = 1

    @property
    def converged(self) -> bool:
        """Whether the chains have met, in every parameter."""
        return bool(np.all(self.rhat < self.max_rhat))


class Agreement(NamedTuple):
    """The largest gap between two routes' posterior means, in posterior standard deviations."""

    difference: float
    parameter: str
    routes: tuple[str, str]


def highest_nested_rhat(size: int) -> float:
    """What nested R-hat must lie below for superchains of `size` chains.

    The mean of a superchain whose chains are as good as one draw each has 1/M of the posterior variance, which no
    length of the run is to blame for: that is allowed on top of what R-hat may be elsewhere.
    """
    return float(np.sqrt(MAX_RHAT**2 + 1 / size))


def longest_stay(draws: Array) -> int:
    """The most draws in a row of one chain that are the same point, of draws ``[chain, draw, n_params]``.

    Where a proposal is sure to be rejected for long, as by delayed acceptance whose surrogate falls faster than the
    posterior, a chain stands still: its own effective sample size is then no witness.
    """
    moved = np.any(draws[:, 1:] != draws[:, :-1], axis=2)
    edges = np.pad(moved, ((0, 0), (1, 1)), constant_values=True)
    return max(int(np.diff(np.flatnonzero(chain)).max()) for chain in edges)


def summarise(draws: Array, num_superchains: int = 0, max_draws: int = 100_000) -> Summary:
    """Moments and diagnostics of draws ``[chain, draw, n_params]``.

    Where neighbouring chains began together, at one of `num_superchains` points, R-hat is the nested one.

    Beyond `max_draws` draws the diagnostics look at every k-th draw of each chain, which can
    only understate the precision; mean, standard deviation and quantiles use them all.
    """
    from arviz_stats.base import array_stats

    num_chains, num_draws, _ = draws.shape
    thinned = draws[:, :: max(1, num_chains * num_draws // max_draws)].astype(float)
    axes = {"chain_axis": 0, "draw_axis": 1}
    nested = num_superchains > 1 and thinned.shape[1] >= 4
    size = num_chains // num_superchains if nested else 1
    with np.errstate(invalid="ignore", divide="ignore"):
        rhat = nested_rhat(thinned, size) if nested else array_stats.rhat(thinned, method="rank", **axes)
        return Summary(
            mean=draws.mean(axis=(0, 1), dtype=float),  # a surrogate's draws have 32 bits, too few for sums
            std=draws.std(axis=(0, 1), ddof=1, dtype=float),
            quantiles=np.quantile(draws, QUANTILES, axis=(0, 1)),
            mcse=array_stats.mcse(thinned, method="mean", **axes),
            ess_bulk=array_stats.ess(thinned, method="bulk", **axes),
            ess_tail=array_stats.ess(thinned, method="tail", prob=(0.05, 0.95), **axes),
            rhat=rhat,
            max_rhat=highest_nested_rhat(size) if nested else MAX_RHAT,
            longest_stay=longest_stay(draws),
        )


def superchains_of(settings: Mapping[str, Any], route: str) -> int:
    """How many superchains a route of an experiment with these settings has; zero where each chain began by itself."""
    return settings["routes"].get(route, {}).get("num_superchains", 0)


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
