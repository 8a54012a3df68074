"""Paths as users give them: an array with a column for each name, or columns by name."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from estim.arguments import ArgumentError, did_you_mean, shown


def columns_by_name(what: str, given: Any, names: tuple[str, ...]) -> tuple[dict[str, np.ndarray], Any]:
    """The paths that are given, each ``[n_periods]`` for as long as it goes, and the index of a frame.

    Args:
        what: the caller and its argument, for messages: "simulate: shocks".
        given: an array ``[n_periods, n]`` with a column for each name (``[n_periods]`` if there is one), or a
            frame or mapping with some of the names.
        names: in the order of an array's columns.

    Raises:
        ArgumentError: a name is unknown, an array has another shape, a path has no numbers or some that are not finite.
    """
    if isinstance(given, xr.DataArray):
        given = given.to_pandas() if given.ndim == 2 else given.to_numpy()
    index = given.index if isinstance(given, pd.DataFrame) else None
    if not isinstance(given, Mapping | pd.DataFrame):
        rows = _numbers(what, given)
        rows = rows[:, None] if rows.ndim == 1 and len(names) == 1 else rows
        if rows.ndim != 2 or rows.shape[1] != len(names) or not len(rows):
            raise ArgumentError(
                f"{what} must have a row for each period and a column for each of ({', '.join(names)}), "
                f"not the shape {rows.shape}"
            )
        given = dict(zip(names, rows.T, strict=True))
    columns = {}
    for name in given:
        if name not in names:
            raise ArgumentError(
                f"{what} give {shown(name)}, which is not in ({', '.join(names)}){did_you_mean(str(name), names)}"
            )
        columns[name] = np.atleast_1d(_numbers(what, given[name]))
        if columns[name].ndim != 1 or not np.isfinite(columns[name]).all():
            raise ArgumentError(f"{what}: '{name}' is no path of finite numbers")
    return columns, index


def rows_of(what: str, given: Any, names: tuple[str, ...]) -> tuple[np.ndarray, Any]:
    """The same ``[n_periods, n]`` in the order of the names, zero where a name is not given.

    Raises:
        ArgumentError: as `columns_by_name`, or two paths differ in length.
    """
    columns, index = columns_by_name(what, given, names)
    lengths = {len(path) for path in [*columns.values(), *([] if index is None else [index])]}
    if len(lengths) != 1:
        raise ArgumentError(f"{what} must have a number for each period: the paths have {sorted(lengths)}")
    nothing = np.zeros(lengths.pop())
    return np.stack([columns.get(name, nothing) for name in names], axis=1), index


def _numbers(what: str, given: Any) -> np.ndarray:
    try:
        return np.asarray(given, float)
    except (TypeError, ValueError):
        raise ArgumentError(f"{what} must be numbers, not {shown(given)}") from None
