"""The usual ways from published series to a model's observables.

Each takes and gives a pandas Series or a frame; what they do to units is in their names and first lines.
"""

from typing import Any, Literal

import numpy as np

from estim.arguments import Positive, checked


@checked
def growth(levels: Any, periods: Positive = 1) -> Any:
    """Growth 100 (ln x_t - ln x_{t-periods}), in per cent: for ``100 * (now.y - lag.y)`` of a model in logs."""
    return 100.0 * np.log(levels).diff(periods)


def log_percent(levels: Any) -> Any:
    """100 ln x, in per cent: for ``100 * now.y`` of a model in logs, beside a trend."""
    return 100.0 * np.log(levels)


def demeaned(series: Any) -> Any:
    """Less its mean: for a variable in deviations from rest."""
    return series - series.mean()


def detrended(series: Any) -> Any:
    """Less a straight line, by least squares over what is observed."""
    time = np.arange(len(series), dtype=float)
    seen = np.asarray(series.notna())
    slope, level = np.polyfit(time[seen], np.asarray(series, float)[seen], 1)
    return series - (level + slope * time)


def quarterly_rate(annual: Any) -> Any:
    """Per cent a quarter from per cent a year, as interest rates are quoted: for ``100 * now.R``, R a quarter's."""
    return annual / 4.0


def annual_rate(quarterly: Any) -> Any:
    """Per cent a year from per cent a quarter."""
    return 4.0 * quarterly


def per_head(levels: Any, population: Any) -> Any:
    """A quantity per head, the population as an index of mean one, so that the level stays what it was."""
    return levels / (population / population.mean())


def real(nominal: Any, deflator: Any) -> Any:
    """A nominal quantity in constant prices, the deflator as an index of mean one."""
    return nominal / (deflator / deflator.mean())


@checked
def quarterly(monthly: Any, how: Literal["mean", "sum", "last"] = "mean") -> Any:
    """Quarterly from monthly: the ``mean`` of the months (rates, indices), their ``sum`` (flows) or the ``last``.

    A quarter with a month missing is missing.
    """
    quarters = monthly.index.asfreq("Q") if hasattr(monthly.index, "asfreq") else monthly.index.to_period("Q")
    groups = monthly.groupby(quarters)
    complete = groups.count() == 3
    return getattr(groups, how)().where(complete)
