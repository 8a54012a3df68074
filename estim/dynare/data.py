"""The data of an `estimation` command: CSV, spreadsheets, Matlab files, and Dynare's options on them."""

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from estim.data.datasets import DataError
from estim.dynare.reading.matlab_data import saved_vectors, script_vectors
from estim.dynare.reading.settings import EstimationSettings
from estim.tables import read_csv_rows, read_spreadsheet

_EXTENSIONS = ("", ".m", ".mat", ".csv", ".xlsx")
_MISSING = {"", "nan", "na", "n/a", "null", "."}
_QUARTER = r"\d{4}[Qq][1-4]"


def read_table(folder: Path, settings: EstimationSettings) -> pd.DataFrame:
    """The series of ``settings.datafile``, looked for in `folder`; the extension may be left out.

    Raises:
        DataError: no file is named, there is none, or it cannot be read.
    """
    if settings.datafile is None:
        raise DataError("the file names no data ('estimation' without 'datafile'): give them with --data")
    path = find_table(folder, settings)
    if path is None:
        raise DataError(f"there is no data file {settings.datafile} in {folder}")
    return read_file(path, settings)


def find_table(folder: Path, settings: EstimationSettings) -> Path | None:
    """The file called ``settings.datafile`` in `folder`, with or without its extension."""
    return next((p for e in _EXTENSIONS if (p := folder / f"{settings.datafile}{e}").is_file()), None)


def read_file(path: Path, settings: EstimationSettings) -> pd.DataFrame:
    """The series of a file, by its extension."""
    match path.suffix.lower():
        case ".mat":
            frame = _columns(path, saved_vectors(path))
        case ".m":
            frame = _columns(path, script_vectors(path))
        case ".xlsx":
            frame = _dated(read_spreadsheet(path, settings.sheet, **_cells(settings.cells)), path.name)
        case ".csv":
            frame = _dated(_read_csv(path), path.name)
        case _:
            raise DataError(f"{path.name}: data are read from .csv, .xlsx, .mat and .m files")
    frame = frame.rename(columns=lambda name: str(name).strip())
    if repeated := sorted(set(frame.columns[frame.columns.duplicated()])):
        raise DataError(f"{path.name}: column {repeated[0]} comes twice")
    return frame


def prepare(
    frame: pd.DataFrame, observables: Mapping[str, str], settings: EstimationSettings
) -> pd.DataFrame:
    """The observables as Dynare sees them: the sample, then logs, then means removed.

    Args:
        frame: series by Dynare's names.
        observables: Dynare's name of each observable -> its name in the model.
        settings: ``first_obs``, ``nobs``, ``log`` and ``prefilter``.

    Raises:
        DataError: a series is missing, is not numeric, or the sample lies outside the data.
    """
    if absent := [name for name in observables if name not in frame.columns]:
        raise DataError(
            f"'varobs' lists {', '.join(absent)}, which the data lack; they have {', '.join(frame)}"
        )
    selected = sample(frame, settings)[list(observables)]
    for name in selected:
        _require_numbers(selected[name])
    if settings.log:
        if (selected <= 0).any(axis=None):
            raise DataError(
                "'loglinear' takes logs of the data, but some are not positive ('logdata' if they are logs)"
            )
        selected = np.log(selected)
    if settings.prefilter:
        selected = selected - selected.mean()
    return selected.rename(columns=dict(observables)).astype(float)


def sample(frame: pd.DataFrame, settings: EstimationSettings) -> pd.DataFrame:
    """The rows that `first_obs` and `nobs` ask for; for a DSGE-VAR its lags before them too, as far as there are.

    Raises:
        DataError: the frame has not so many.
    """
    first, last = _place(frame, settings.first_obs), len(frame)
    if settings.last_obs is not None:
        last = _place(frame, settings.last_obs) + 1
    elif settings.nobs is not None:
        last = first + settings.nobs
    if not 0 <= first < last <= len(frame):
        raise DataError(
            f"first_obs={first + 1} and nobs={last - first} ask for more than the {len(frame)} rows of data"
        )
    before = settings.dsge_var[0] if settings.dsge_var else 0
    return frame.iloc[max(first - before, 0) : last]


def _place(frame: pd.DataFrame, row: int | str) -> int:
    """The place of a row, which is given by its number or its date, from 0 on."""
    if isinstance(row, int):
        return row - 1
    dates = [str(x) for x in frame.index]
    if row not in dates:
        raise DataError(
            f"first_obs or last_obs is {row}, which is no date of the data ({dates[0]} to {dates[-1]})"
        )
    return dates.index(row)


def _require_numbers(column: pd.Series) -> None:
    """Raise for a series that holds something else than real numbers and NaN."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_complex_dtype(column):
        what = "true and false" if pd.api.types.is_bool_dtype(column) else "complex numbers"
        raise DataError(f"column {column.name} does not hold numbers but {what}")
    if not pd.api.types.is_numeric_dtype(column):
        bad = next((v for v in column if not isinstance(v, Real) and not _is_number(v)), column.iloc[0])
        raise DataError(f"column {column.name} does not hold numbers but {bad!r}")
    infinite = np.isinf(column.to_numpy(float))
    if infinite.any():
        raise DataError(
            f"column {column.name}, row {column.index[np.argmax(infinite)]}: the number is infinite"
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and isinstance(_numbers([value])[0], float)


def _columns(path: Path, arrays: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Vectors by name; other shapes are left out, and other lengths than most have."""
    vectors = {k: np.ravel(v) for k, v in arrays.items() if np.size(v) == max(np.shape(v), default=0) > 1}
    lengths = {k: v.size for k, v in vectors.items()}
    if not lengths:
        raise DataError(f"{path.name}: expected vectors of one length, found {lengths}")
    usual = max(set(lengths.values()), key=lambda n: (list(lengths.values()).count(n), n))
    return pd.DataFrame({k: v for k, v in vectors.items() if v.size == usual})


def _read_csv(path: Path) -> pd.DataFrame:
    """The columns of a CSV file, those of numbers as numbers.

    Raises:
        DataError: the file has no rows, or one that has not as many fields as the header.
    """
    header, *rows = read_csv_rows(path).values()
    columns = [_numbers(list(column)) for column in zip(*rows, strict=True)]
    return pd.concat([pd.Series(c) for c in columns], axis=1, keys=header)


def _numbers(texts: list[str]) -> list[Any]:
    """The texts as numbers where all of them are, else as they stand."""
    try:
        return [math.nan if t.lower() in _MISSING else float(t.replace("_", "?")) for t in texts]
    except ValueError:
        return texts


def _dated(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """A first column of quarters becomes the index; they follow one another without gaps."""
    first = frame.iloc[:, 0].astype(str).str.strip() if frame.shape[1] else pd.Series(dtype=str)
    if not len(first) or not first.str.fullmatch(_QUARTER).eq(True).all():
        return frame
    index = pd.PeriodIndex(first.str.upper(), freq="Q", name="date")
    for before, now in pairwise(index):
        if now != before + 1:
            raise DataError(f"{where}: {now} comes after {before}; the quarters must follow one another")
    return frame.iloc[:, 1:].set_index(index)


def _cells(cells: str | None) -> dict:
    """Arguments of pandas for a range such as ``B2:D200``, its first row the names."""
    if cells is None:
        return {}
    match = re.fullmatch(r"([A-Za-z]+)(\d+):([A-Za-z]+)(\d+)", cells)
    if match is None:
        raise DataError(f"xls_range={cells} is not a range like B1:D200")
    left, top, right, bottom = match.groups()
    return {"usecols": f"{left}:{right}", "skiprows": int(top) - 1, "nrows": int(bottom) - int(top)}
