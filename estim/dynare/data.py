"""The data of an `estimation` command: CSV, spreadsheets, Matlab files, and Dynare's options on them."""

import io
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import loadmat

from estim.datasets import DataError
from estim.dynare.settings import EstimationSettings
from estim.tables import read_spreadsheet, read_text

_EXTENSIONS = ("", ".m", ".mat", ".csv", ".xlsx")
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
            frame = _columns(path, _saved_vectors(path))
        case ".m":
            frame = _columns(path, _matlab_vectors(path.read_text(errors="replace")))
        case ".xlsx":
            frame = _dated(read_spreadsheet(path, settings.sheet, **_cells(settings.cells)))
        case ".csv":
            frame = _dated(_read_csv(path))
        case _:
            raise DataError(f"{path.name}: data are read from .csv, .xlsx, .mat and .m files")
    return frame.rename(columns=lambda name: str(name).strip())


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(io.StringIO(read_text(path)), skipinitialspace=True)
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path.name} cannot be read: {error}") from None


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
    first, last = settings.first_obs - 1, len(frame)
    if settings.nobs is not None:
        last = first + settings.nobs
    if not 0 <= first < last <= len(frame):
        raise DataError(
            f"first_obs={first + 1} and nobs={last - first} ask for more than the {len(frame)} rows of data"
        )
    selected = frame[list(observables)].iloc[first:last]
    for name in selected:
        if not pd.api.types.is_numeric_dtype(selected[name]):
            raise DataError(f"column {name} does not hold numbers but {selected[name].dtype}")
    if settings.log:
        if (selected <= 0).any(axis=None):
            raise DataError(
                "'loglinear' takes logs of the data, but some are not positive ('logdata' if they are logs)"
            )
        selected = np.log(selected)
    if settings.prefilter:
        selected = selected - selected.mean()
    return selected.rename(columns=dict(observables)).astype(float)


def _columns(path: Path, arrays: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Vectors by name; other shapes are left out, other lengths are an error."""
    vectors = {k: np.ravel(v) for k, v in arrays.items() if np.issubdtype(np.asarray(v).dtype, np.number)}
    vectors = {k: v for k, v in vectors.items() if v.size > 1}
    lengths = {k: v.size for k, v in vectors.items()}
    if len(set(lengths.values())) != 1:
        raise DataError(f"{path.name}: expected vectors of one length, found {lengths}")
    return pd.DataFrame(vectors).astype(float)


def _saved_vectors(path: Path) -> dict[str, np.ndarray]:
    try:
        return {k: v for k, v in loadmat(path).items() if not k.startswith("__")}
    except Exception as error:  # of the reader, whatever a damaged file leads it to
        raise DataError(f"{path.name} cannot be read ({error}): in Matlab, save it with '-v7'") from error


def _matlab_vectors(text: str) -> dict[str, np.ndarray]:
    """``name = [numbers];`` of a Matlab script that does nothing else."""
    text = re.sub(r"%[^\n]*", "", text).replace("...", " ")
    found = {}
    for name, body in re.findall(r"([A-Za-z_]\w*)\s*=\s*\[([^\]]*)\]", text):
        words = re.split(r"[\s,;]+", body.strip())
        try:
            found[name] = np.array([float(w) for w in words])
        except ValueError:
            continue
    return found


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    """A first column of quarters becomes the index."""
    first = frame.iloc[:, 0].astype(str).str.strip() if frame.shape[1] else pd.Series(dtype=str)
    if len(first) and first.str.fullmatch(_QUARTER).eq(True).all():
        index = pd.PeriodIndex(first.str.upper(), freq="Q", name="date")
        return frame.iloc[:, 1:].set_index(index)
    return frame


def _cells(cells: str | None) -> dict:
    """Arguments of pandas for a range such as ``B2:D200``, its first row the names."""
    if cells is None:
        return {}
    match = re.fullmatch(r"([A-Za-z]+)(\d+):([A-Za-z]+)(\d+)", cells)
    if match is None:
        raise DataError(f"xls_range={cells} is not a range like B1:D200")
    left, top, right, bottom = match.groups()
    return {"usecols": f"{left}:{right}", "skiprows": int(top) - 1, "nrows": int(bottom) - int(top)}
