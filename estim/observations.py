"""What a frame of observations must be: finite numbers, on dates that follow one another, not all of them missing."""

import re
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from estim.arguments import is_finite, shown
from estim.tables import DataError

_PATTERNS = (
    (re.compile(r"(\d{4})[-: ]?[Qq]([1-4])"), "Q"),
    (re.compile(r"(\d{4})0([1-4])"), "Q"),
    (re.compile(r"(\d{4})[-: ]?[Mm](0?[1-9]|1[0-2])"), "M"),
    (re.compile(r"([12]\d{3})(0[1-9]|1[0-2])"), "M"),
)
"""1990Q1, 199001 where no month comes after the fourth, 1990M1, 199001."""
_DAY = re.compile(r"\d{4}-\d{2}(-\d{2})?")
_FREQUENCIES = (("Y", 300), ("Q", 80), ("M", 25))
"""Of dates that lie so many days apart or more."""


def to_numbers(column: pd.Series) -> np.ndarray:
    """A column as float64 ``[n]``; missing numbers are NaN.

    Raises:
        DataError: it holds text, complex numbers, truth values or infinite numbers; names the first of them.
    """
    if (isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf") or _is_nullable_number(
        column.dtype
    ):
        numbers = column.astype(float).to_numpy()
    else:
        numbers = np.array([_number(column, row) for row in range(len(column))], float)
    if (infinite := np.isinf(numbers)).any():
        row = int(np.argmax(infinite))
        raise DataError(f"column {column.name}, {column.index[row]}: {numbers[row]} is not a finite number")
    return numbers


def _is_nullable_number(dtype: Any) -> bool:
    return pd.api.types.is_extension_array_dtype(dtype) and (
        pd.api.types.is_float_dtype(dtype) or pd.api.types.is_integer_dtype(dtype)
    )


def _number(column: pd.Series, row: int) -> float:
    """A cell of a column of objects, which may be numbers all the same."""
    value = column.iloc[row]
    if value is None or value is pd.NA or value is pd.NaT:
        return np.nan
    if isinstance(value, Real | Decimal) and not isinstance(value, bool | np.bool_):
        return float(value) if is_finite(value) or value != value else np.inf
    raise DataError(
        f"column {column.name} does not hold numbers but {column.dtype}: {shown(value)} in {column.index[row]}"
    )


EVALUATED_TOGETHER, ANALYSED_TOGETHER = 8, 32
"""Periods by which a sample grows before it needs programs of its own: of a likelihood, whose time matters, and of an
analysis, which is made once and takes longer to compile than to run."""


def in_whole_blocks(observations: Any, size: int) -> np.ndarray:
    """Observations ``[n_periods, n_obs]`` with periods of NaN behind, until there are a multiple of ``size``.

    A quarter more has the shape of the last one then, and compiles nothing.
    """
    rows = np.asarray(observations, float)
    empty = np.full((-len(rows) % size, rows.shape[1]), np.nan)
    return np.concatenate([rows, empty])


def require_observations(frame: pd.DataFrame, where: str) -> None:
    """A period may be empty, as the months between two quarters are, or a column, but not all of the frame.

    Raises:
        DataError: every number is missing.
    """
    if frame.isna().all(axis=None):
        dates = list(map(str, frame.index))
        some = ", ".join(dates[:4]) + (f" and {len(dates) - 4} more" if len(dates) > 4 else "")
        raise DataError(f"{where}: every number is missing in {some}")


def require_order(index: pd.Index, where: str, empty: str = "NaN") -> None:
    """Dates or row numbers that follow one another; labels that are neither only have to differ.

    Args:
        index: of the rows.
        where: of whom the message speaks.
        empty: what a row without numbers has.

    Raises:
        DataError: a date is missing, repeats, comes before the one above it, or leaves a gap; names the first.
    """
    if isinstance(index, pd.MultiIndex):
        raise DataError(
            f"{where}: the rows have several labels, {', '.join(map(str, index.names))}; leave one, the date"
        )
    if index.hasnans:
        raise DataError(f"{where}: row {int(np.argmax(index.isna())) + 1} has no date")
    if (again := index.duplicated()).any():
        raise DataError(f"{where}: {index[int(np.argmax(again))]} comes twice")
    steps, unit = _steps(index)
    if steps is None:
        return
    if (back := steps <= 0).any():
        row = int(np.argmax(back))
        raise DataError(f"{where}: {index[row + 1]} comes after {index[row]}; sort the rows by date")
    if unit is not None and (gap := steps > 1.5 * unit).any():
        row = int(np.argmax(gap))
        raise DataError(
            f"{where}: rows are missing between {index[row]} and {index[row + 1]}; "
            f"a period without numbers is a row of {empty}"
        )


def _steps(index: pd.Index) -> tuple[np.ndarray | None, float | None]:
    """How far each row is from the one before, and how far it should be; None where nothing is known of it."""
    dates = as_dates(index)
    if isinstance(dates, pd.PeriodIndex):
        return np.diff(dates.asi8), float(dates.freq.n)
    if isinstance(dates, pd.DatetimeIndex):
        dates = dates.tz_localize(None)
        apart = np.diff(dates.to_numpy()) / np.timedelta64(1, "D")
        usual = float(np.median(np.abs(apart))) if len(apart) else 0.0
        frequency = next((f for f, least in _FREQUENCIES if usual >= least), None)
        if frequency is None:  # weeks, or days, of which some are no business days
            return apart, usual if usual >= 5 else None
        steps = np.diff(dates.to_period(frequency).asi8)
        return steps, float(np.median(np.abs(steps)))
    if pd.api.types.is_numeric_dtype(dates) and not pd.api.types.is_complex_dtype(dates):
        steps = np.diff(np.asarray(dates, float))
        return steps, float(np.min(np.abs(steps))) if len(steps) else None
    return None, None


def as_dates(index: pd.Index) -> pd.Index:
    """Texts and numbers that are dates, all of one kind, as dates; others as they are."""
    if isinstance(index, pd.PeriodIndex | pd.DatetimeIndex):
        return index
    texts = [str(label) for label in index]
    for pattern, frequency in _PATTERNS:
        found = [match for match in map(pattern.fullmatch, texts) if match]
        if len(found) == len(texts):
            return pd.PeriodIndex([_period(match, frequency) for match in found], freq=frequency)
    try:
        if all(map(_DAY.fullmatch, texts)):
            return pd.to_datetime(texts, format="ISO8601")
    except ValueError:  # the 13th month
        pass
    return index


def _period(match: re.Match[str], frequency: str) -> pd.Period:
    year, number = int(match[1]), int(match[2])
    return (
        pd.Period(year=year, quarter=number, freq="Q")
        if frequency == "Q"
        else pd.Period(f"{year}-{number}", freq="M")
    )
