"""The periods that data are of: dates, or the numbers of their rows where nobody gave dates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from estim.arguments import shown
from estim.observations import as_dates, require_order
from estim.tables import DataError

DATE, NUMBER = "date", "period"
"""What an index of dates is called, and one of numbers; a CSV file has it as the header of its first column."""


def numbered(number: int, first: int = 1) -> pd.Index:
    """Periods without dates, ``first`` and what follows."""
    return pd.RangeIndex(first, first + number, name=NUMBER)


def as_periods(index: pd.Index, where: str) -> pd.Index:
    """Dates as a PeriodIndex called "date", numbers that follow one another as they are, called "period".

    Args:
        index: of a frame.
        where: whose it is, for errors.

    Raises:
        DataError: they are neither, or do not follow one another.
    """
    require_order(index, where)
    dates = as_dates(index)
    if isinstance(dates, pd.DatetimeIndex):
        dates = dates.tz_localize(None)
        days = (
            float(np.median(np.diff(dates.to_numpy()) / np.timedelta64(1, "D"))) if len(dates) > 1 else 90.0
        )
        dates = dates.to_period("Y" if days >= 300 else "Q" if days >= 80 else "M" if days >= 25 else "D")
    if isinstance(dates, pd.PeriodIndex):
        return dates.rename(DATE)
    if not is_numbered(index):
        raise DataError(
            f"{where}: {shown(index[0])} is neither a date nor a whole number; data without dates have rows numbered "
            "one after another: data.reset_index(drop=True)"
        )
    return numbered(len(index), int(index[0]))


def is_numbered(labels: Any) -> bool:
    """Whether these are whole numbers, each one more than the last."""
    numbers = pd.to_numeric(pd.Series(list(labels), dtype=object), errors="coerce").to_numpy(float)
    return bool(len(numbers) and numbers[0] == np.floor(numbers[0]) and (np.diff(numbers) == 1).all())


def read_periods(name: str, labels: Sequence[str]) -> pd.Index:
    """An index as CSV has it: the header of its column and its labels."""
    if name == NUMBER:
        return numbered(len(labels), int(labels[0]))
    return pd.PeriodIndex(labels, freq=pd.Period(labels[0]).freq, name=DATE)


def periods_after(index: pd.Index, number: int) -> pd.Index:
    """The periods that follow those of the data."""
    if isinstance(index, pd.PeriodIndex):
        return pd.period_range(index[-1] + 1, periods=number, name=DATE)
    return numbered(number, int(index[-1]) + 1)


def labels_of(index: pd.Index) -> np.ndarray:
    """What an array's coordinate holds: dates as texts, numbers as numbers."""
    return index.to_numpy() if not isinstance(index, pd.PeriodIndex) else index.astype(str).to_numpy()


def unit_of(index: pd.Index) -> str:
    """What the data are counted in: "quarters", "months", "years", else "periods"."""
    names = {"Q": "quarters", "M": "months", "Y": "years"}
    return names.get(index.freqstr[0], "periods") if isinstance(index, pd.PeriodIndex) else "periods"


def place_of(text: Any, index: pd.Index) -> Any:
    """A period as people write it, such as "1966Q1" or 12, as the index has it.

    Raises:
        ValueError: it is none.
    """
    if isinstance(index, pd.PeriodIndex):
        return pd.Period(str(text), freq=index.freq)
    if isinstance(text, bool) or float(text) != int(text):
        raise ValueError(text)
    return int(text)
