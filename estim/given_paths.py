"""Paths as users give them: an array with a column for each name, or columns by name."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from estim.arguments import ArgumentError, did_you_mean, is_finite, shown
from estim.kinds import is_number
from estim.observations import require_order, to_numbers
from estim.tables import DataError


def columns_by_name(what: str, given: Any, names: tuple[str, ...]) -> tuple[dict[str, np.ndarray], Any]:
    """The paths that are given, each ``[n_periods]`` for as long as it goes, and the index of a frame.

    Args:
        what: the caller and its argument, for messages: "simulate: shocks".
        given: an array ``[n_periods, n]`` with a column for each name (``[n_periods]`` if there is one), or a
            frame or mapping with some of the names.
        names: in the order of an array's columns.

    Raises:
        ArgumentError: a name is unknown or there twice, an array has another shape, a path is empty or has numbers that
            are not finite, or none; or the dates of a frame repeat, go back or leave a gap.
    """
    if isinstance(given, xr.DataArray):
        given = given.to_pandas() if given.ndim == 2 else given.to_numpy()
    index = given.index if isinstance(given, pd.DataFrame) else None
    if index is not None:
        _as_said(what, lambda: require_order(index, "the index", empty="zeros"))
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
        if index is not None and given[name].ndim > 1:
            raise ArgumentError(f"{what}: there are {given[name].shape[1]} columns '{name}'")
        columns[name] = np.atleast_1d(_numbers(what, given[name]))
        if columns[name].ndim != 1 or not len(columns[name]) or not np.isfinite(columns[name]).all():
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
    if lengths == {0}:
        raise ArgumentError(f"{what} must have a row for each period, and there are none")
    nothing = np.zeros(lengths.pop())
    return np.stack([columns.get(name, nothing) for name in names], axis=1), index


def levels_by_name(what: str, given: Any, names: tuple[str, ...], kind: str) -> dict[str, float]:
    """Levels that are given for some of the names.

    Args:
        what: the caller and its argument, for messages: "simulate: start".
        given: a mapping, a NamedTuple, a Series or a DataArray with one dimension; None is nothing.
        names: what there is.
        kind: what a name that is not among them is not: "no variable".

    Raises:
        ArgumentError: it is no such thing, a name is unknown, or a level is no finite number.
    """
    if isinstance(given, xr.DataArray) and given.ndim == 1:
        given = given.to_series()
    if isinstance(given, pd.Series):
        given = given.to_dict()
    given = given._asdict() if hasattr(given, "_asdict") else {} if given is None else given
    if not isinstance(given, Mapping):
        raise ArgumentError(f"{what} must be levels by name, not {shown(given)}")
    for name, level in given.items():
        if name not in names:
            raise ArgumentError(f"{what} gives {name!r}, {kind}{did_you_mean(name, names)}")
        if not is_number(level) or not is_finite(level):
            raise ArgumentError(f"{what}: the level of '{name}' is {shown(level)}, no finite number")
    return {name: float(level) for name, level in given.items()}


def _numbers(what: str, given: Any) -> np.ndarray:
    """As floats; no texts, truth values or complex numbers, which NumPy would make into floats."""
    if isinstance(given, pd.Series):
        return _as_said(what, to_numbers, given)
    try:
        values = np.asarray(given)
        if values.dtype.kind not in "iuf" and not all(map(is_number, values.ravel())):
            raise TypeError
        return values.astype(float)
    except (TypeError, ValueError):
        raise ArgumentError(f"{what} must be numbers, not {shown(given)}") from None


def _as_said(what: str, check: Callable[..., Any], *given: Any) -> Any:
    """What a check of data gives, or its error about an argument."""
    try:
        return check(*given)
    except DataError as error:
        raise ArgumentError(f"{what}: {error}") from None
