"""Data: the quarterly series shipped with the package, a user's tables, and what a model takes from them."""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from estim.arguments import checked, did_you_mean, shown
from estim.data.reading import read_file, to_quarter
from estim.data.transformations import growth
from estim.observations import require_observations, require_order, to_numbers
from estim.periods import place_of
from estim.tables import DataError

FOLDER = Path(__file__).parent
"""The shipped files: a wheel's own, or a checkout's, in which ``estim/data`` is a link (a text file on Windows)."""
TABLES = (".csv", ".xlsx", ".parquet")
"""Files that hold data."""


@checked
def load_data(
    name: str | Path, start: str | int | pd.Period | None = None, end: str | int | pd.Period | None = None
) -> pd.DataFrame:
    """One of the shipped data sets by its name, or a CSV, Excel or Parquet file by its path.

    Args:
        name: a name from `list_data`, or the path of a CSV, Excel (.xlsx, its first sheet) or Parquet file whose
            dates stand in the column ``date`` or, without one, in the first column ("1966Q1", "1966-01",
            "1966-01-01", or a cell that is a date), or whole numbers one after another. Where the first column has
            other numbers there are no dates, and periods are counted from 1. A missing number is blank, ``.`` or
            ``NA``.
        start, end: first and last period kept, both included, as "1966Q1", or 12 where there are no dates.

    Returns:
        float64 columns on a quarterly PeriodIndex named ``date`` without gaps; on numbers named ``period`` where there
        are no dates.

    Raises:
        DataError: an unknown name, a missing file, text among numbers, dates that do not parse,
            repeat, run backwards or leave gaps, no observation at all, or a start or end outside
            the data.
    """
    path = Path(name)
    if path.suffix.lower() not in TABLES:
        path = _shipped(str(name))
    elif "\0" in str(path) or not path.is_file():
        raise DataError(f"no such file: {path}")
    frame = select_sample(read_file(path), start, end, str(name))
    require_observations(frame, str(name))
    return frame


def list_data() -> dict[str, str]:
    """The shipped data sets: their titles by name.

    Returns:
        ``{name: title}``.
    """
    return {name: entry["title"] for name, entry in _read_catalogue().items() if name != "source"}


@dataclass(frozen=True)
class Description:
    """What a shipped data set holds. ``columns`` is {name: (what, unit, source, first, last)}."""

    name: str
    title: str
    start: pd.Period
    end: pd.Period
    origin: str
    columns: dict[str, tuple[str, str, str, pd.Period, pd.Period]]
    rights: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.title}", f"{self.start} to {self.end}", f"origin: {self.origin}", ""]
        width = max(map(len, self.columns))
        for column, (what, unit, source, first, last) in self.columns.items():
            span = "" if (first, last) == (self.start, self.end) else f", {first} to {last}"
            lines.append(f"  {column:<{width}}  {what} [{unit}; {source}{span}]")
        return "\n".join([*lines, "", "rights:", *(f"  {s}: {text}" for s, text in self.rights.items())])


def describe(name: str) -> Description:
    """A shipped data set: title, range, columns with units and sources, origin and rights.

    Raises:
        DataError: no data set of this name is shipped.
    """
    frame = read_file(_shipped(name))
    entry = _read_catalogue()[name]
    columns = {}
    for column, (what, unit, source) in entry["columns"].items():
        observed = frame[column].dropna().index
        columns[column] = (what, unit, source, observed[0], observed[-1])
    used = dict.fromkeys(source for _, _, source in entry["columns"].values())
    rights = {source: _read_catalogue()["source"][source] for source in used}
    return Description(
        name, entry["title"], frame.index[0], frame.index[-1], entry["origin"], columns, rights
    )


def select_observables(frame: pd.DataFrame, names: Sequence[str], model: str = "the model") -> pd.DataFrame:
    """The columns `names` of a frame of consecutive periods, in that order, as float64 (missing numbers are NaN).

    Raises:
        DataError: it is no frame or has no rows, its dates repeat, run backwards or leave gaps, a column is
            missing, comes twice or holds something else than finite numbers, or nothing is observed at all.
    """
    selected = select_columns(frame, names, model, require_order)
    require_observations(selected, f"the observables of {model}")
    return selected


def select_columns(
    frame: pd.DataFrame,
    names: Sequence[str],
    model: str = "the model",
    require_index: Callable[[pd.Index, str], None] = lambda index, where: None,
) -> pd.DataFrame:
    """The columns `names` of `frame`, in that order, as float64 (missing numbers are NaN).

    Args:
        frame: the data.
        names: columns.
        model: whose data they are, for errors.
        require_index: raises where the rows are not what they should be.

    Raises:
        DataError: it is no frame or has no rows, or a column is missing, comes twice or holds something else than
            finite numbers.
    """
    if not isinstance(frame, pd.DataFrame):
        hint = "; write data.to_frame()" if isinstance(frame, pd.Series) else ""
        raise DataError(
            f"the data must be a DataFrame of pandas, not {type(frame).__name__} {shown(frame)}{hint}"
        )
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError(f"the columns of the data have several labels, such as {frame.columns[0]}; leave one")
    if absent := [n for n in names if n not in frame.columns]:
        raise DataError(
            f"{model} observes {', '.join(absent)}, which the data lack; they have {', '.join(map(str, frame))}"
            f"{did_you_mean(absent[0], frame.columns)}"
        )
    if twice := [n for n in names if list(frame.columns).count(n) > 1]:
        raise DataError(f"column {twice[0]} comes twice in the data")
    if not len(frame):
        raise DataError(f"the data of {model} have no rows")
    require_index(frame.index, f"the data of {model}")
    return pd.DataFrame({name: to_numbers(frame[name]) for name in names}, index=frame.index)


def new_keynesian_observables(levels: pd.DataFrame, prices: str = "GDPDEF") -> pd.DataFrame:
    """YGR, INFL, INT of An and Schorfheide (2007) from the series of FRED.

    `levels` has GDPC1, CNP16OV, FEDFUNDS (% a year) and the price level `prices`; Herbst and
    Schorfheide (2015) take CPIAUCSL.
    """
    return pd.DataFrame(
        {
            "YGR": growth(levels["GDPC1"] / levels["CNP16OV"]),
            "INFL": 4.0 * growth(levels[prices]),
            "INT": levels["FEDFUNDS"],
        }
    )


def cash_in_advance_observables(levels: pd.DataFrame) -> pd.DataFrame:
    """gp_obs and gy_obs of Schorfheide (2000), in natural logs, from GDP, GDPC1 and CNP16OV of FRED."""
    return pd.DataFrame(
        {
            "gp_obs": growth(levels["GDP"] / levels["GDPC1"]) / 100.0,
            "gy_obs": growth(levels["GDPC1"] / levels["CNP16OV"]) / 100.0,
        }
    )


def smets_wouters_observables(levels: pd.DataFrame) -> pd.DataFrame:
    """The seven observables of Smets and Wouters (2007, data appendix) from the series of FRED.

    `levels` has GDPC1, PCEC, FPI, GDPDEF, CNP16OV, PRS85006023, CE16OV, COMPNFB, FEDFUNDS and
    TB3MS (the rate before FEDFUNDS begins). Hours are relative to their mean over 1966Q1-2004Q4.
    """
    population, deflator = levels["CNP16OV"], levels["GDPDEF"]
    hours = 100.0 * np.log(levels["PRS85006023"] * levels["CE16OV"] / population)
    return pd.DataFrame(
        {
            "dy": growth(levels["GDPC1"] / population),
            "dc": growth(levels["PCEC"] / deflator / population),
            "dinve": growth(levels["FPI"] / deflator / population),
            "labobs": hours - hours["1966Q1":"2004Q4"].mean(),
            "pinfobs": growth(deflator),
            "dw": growth(levels["COMPNFB"] / deflator),
            "robs": levels["FEDFUNDS"].fillna(levels["TB3MS"]) / 4.0,
        }
    )


def households_accounts(levels: pd.DataFrame) -> pd.DataFrame:
    """Output, consumption and disposable income of households in % of potential output, all in dollars.

    `levels` has GDPC1, GDPPOT, GDPDEF, PCEC, DPIC96 and PCECTPI; real income is in dollars of consumption.
    """
    potential = levels["GDPPOT"] * levels["GDPDEF"] / 100.0
    income = levels["DPIC96"] * levels["PCECTPI"] / 100.0
    return pd.DataFrame(
        {
            "Y": 100.0 * levels["GDPC1"] / levels["GDPPOT"],
            "C": 100.0 * levels["PCEC"] / potential,
            "YD": 100.0 * income / potential,
        }
    )


def _shipped(name: str) -> Path:
    if name not in list_data():
        raise DataError(
            f"unknown data set '{name}'; shipped are {', '.join(list_data())}, or give a file ({', '.join(TABLES)})"
            f"{did_you_mean(name, list_data())}"
        )
    return FOLDER / f"{name}.csv"


def select_sample(
    frame: pd.DataFrame, start: str | int | pd.Period | None, end: str | int | pd.Period | None, where: str
) -> pd.DataFrame:
    """The periods from `start` to `end`, both included; `where` names the data in an error."""
    example, quarterly = (
        ("a quarter like 1966Q1", True) if _is_quarterly(frame.index) else ("a period", False)
    )
    bounds = []
    for role, text, default in (("start", start, frame.index[0]), ("end", end, frame.index[-1])):
        try:
            quarter = (
                default
                if text is None
                else to_quarter(str(text))
                if quarterly
                else place_of(text, frame.index)
            )
        except ValueError:
            raise DataError(f"{role}='{text}' is not {example} of {where}, {_span(frame.index)}") from None
        if not frame.index[0] <= quarter <= frame.index[-1]:
            raise DataError(f"{role}={quarter} lies outside {where}, {_span(frame.index)}")
        bounds.append(quarter)
    if bounds[0] > bounds[1]:
        raise DataError(f"start={bounds[0]} comes after end={bounds[1]}")
    return frame.loc[bounds[0] : bounds[1]]


def _span(index: pd.Index) -> str:
    return f"{index[0]} to {index[-1]}"


def _is_quarterly(index: pd.Index) -> bool:
    return isinstance(index, pd.PeriodIndex) and index.freqstr.startswith("Q")


@cache
def _read_catalogue() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "catalogue.toml").read_text(encoding="utf-8"))
