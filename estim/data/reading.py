"""Tables as people have them: texts of a file, or a user's frame, as numbers on periods."""

import re
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from estim.periods import DATE, NUMBER, as_periods, is_numbered, numbered
from estim.tables import DataError, read_csv_rows, read_parquet, read_spreadsheet

_MISSING = {"", ".", "NA", "NaN", "nan"}
_QUARTER = re.compile(r"(\d{4})[-: ]?[Qq]([1-4])")
_DAY = re.compile(r"(\d{4})-(\d{2})(-\d{2})?")


def read_file(path: Path) -> pd.DataFrame:
    """The series of a CSV, Excel or Parquet file, on its periods.

    Raises:
        DataError: as `estim.load_data`.
    """
    return _with_periods(_read_table(path), path.name)


def _with_periods(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Texts as numbers on the periods that the column of dates has, or on numbers where there is none."""
    date = next((c for c in table if c.lower() == DATE), table.columns[0])
    if date.lower() != DATE and _has_no_dates(table[date]):
        first = 1
        if date.lower() == NUMBER or is_numbered(table[date]):
            first = int(float(table.pop(date).iloc[0]))
        index = numbered(len(table), first)
    else:
        index = _read_dates(table.pop(date), where)
    if table.empty:
        raise DataError(f"{where}: there is no column besides the dates")
    return pd.DataFrame({c: _read_numbers(table[c], index, where) for c in table}, index=index)


def _has_no_dates(texts: pd.Series) -> bool:
    """Whether a first column is a series, or counts the periods: numbers all of them, in no other regular steps."""
    numbers = pd.to_numeric(texts[~texts.isin(_MISSING)], errors="coerce").to_numpy(float)
    steps = np.diff(numbers)
    regular = len(steps) > 1 and steps[0] != 0 and np.allclose(steps, steps[0])
    return bool(len(numbers) and np.isfinite(numbers).all() and (is_numbered(texts) or not regular))


def tidy(data: pd.DataFrame, where: str = "the data") -> pd.DataFrame:
    """A copy of a user's frame on periods: its index, or its column ``date``, has the dates.

    Args:
        data: with dates of any regular frequency, or rows that are numbered.
        where: what it is called in errors.

    Raises:
        DataError: the dates are none, or do not follow one another.
    """
    if isinstance(data.index, pd.MultiIndex) or isinstance(data.columns, pd.MultiIndex):
        raise DataError(f"{where}: rows and columns have one label each, not several")
    if not len(data):
        raise DataError(f"{where}: there are no rows")
    data = data.rename(columns=str)
    date = next((c for c in data if c.lower() == DATE), None)
    if date is None:
        return data.set_axis(as_periods(data.index, where), axis=0)
    texts = data.pop(date).map(_cell).set_axis(range(1, len(data) + 1))
    try:
        return data.set_axis(as_periods(pd.Index(texts), where), axis=0)
    except DataError:
        return data.set_axis(_read_dates(texts, where), axis=0)


def _read_table(path: Path) -> pd.DataFrame:
    """The texts of a table; the index is the line in the file."""
    if path.suffix.lower() == ".csv":
        header, *body = (rows := read_csv_rows(path)).values()
        return pd.DataFrame(body, columns=header, index=list(rows)[1:])
    frame = read_spreadsheet(path) if path.suffix.lower() == ".xlsx" else read_parquet(path)
    if not len(frame):
        raise DataError(f"{path.name}: the file has no rows")
    table = frame.map(_cell).set_axis([str(c) for c in frame], axis=1).set_axis(range(2, len(frame) + 2))
    return table[(table != "").any(axis=1)]


def _cell(value: Any) -> str:
    """A cell as a CSV file would have it."""
    if isinstance(value, pd.Timestamp | datetime | date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, pd.Period):
        return str(value)
    if pd.isna(value):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value).strip()


def _read_dates(texts: pd.Series, where: str) -> pd.PeriodIndex:
    quarters = []
    for line, text in texts.items():
        try:
            quarters.append(to_quarter(text))
        except ValueError:
            raise DataError(
                f"{where}, line {line}: '{text}' in column {texts.name} is not a date like 1966Q1 or 1966-01-01"
            ) from None
    index = pd.PeriodIndex(quarters, freq="Q", name="date")
    for line, (before, now) in zip(texts.index[1:], pairwise(index), strict=True):
        if now == before:
            raise DataError(
                f"{where}, line {line}: {now} comes twice; average a monthly series to quarters first"
            )
        if now < before:
            raise DataError(f"{where}, line {line}: {now} comes after {before}; sort the rows by date")
        if (now - before).n > 1:
            raise DataError(f"{where}, line {line}: quarters are missing, {before + 1} to {now - 1}")
    return index


def _read_numbers(texts: pd.Series, index: pd.PeriodIndex, where: str) -> np.ndarray:
    numbers = pd.to_numeric(texts.where(~texts.isin(_MISSING)), errors="coerce").to_numpy(float)
    bad = ~np.isfinite(numbers) & ~texts.isin(_MISSING).to_numpy()
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(f"{where}, column {texts.name}, {index[row]}: '{texts.iloc[row]}' is not a number")
    return numbers


def to_quarter(text: str) -> pd.Period:
    """A quarter from "1966Q1", "1966-01" or "1966-01-01"; ValueError otherwise."""
    if match := _QUARTER.fullmatch(text):
        return pd.Period(year=int(match[1]), quarter=int(match[2]), freq="Q")
    if _DAY.fullmatch(text):
        return pd.Timestamp(text).to_period("Q")
    raise ValueError(text)


def is_quarter(text: str) -> bool:
    """Whether `text` is a date like 1966Q1 or 1966-01-01."""
    try:
        return bool(to_quarter(text))
    except ValueError:
        return False
