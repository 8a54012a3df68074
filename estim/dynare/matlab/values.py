"""Matlab's values: numbers are NumPy matrices of two dimensions, texts are `str`, structs are `dict`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from estim.dynare.matlab.errors import MatlabError

MAX_ELEMENTS = 1_000_000
"""No matrix or cell may have more elements."""

ALL = slice(None)
"""The index ``:``."""


class Cell:
    """A cell array: ``items`` is an object matrix; of ``names``, ``x(i, :)`` is a text, as it once was in Dynare."""

    def __init__(self, items: np.ndarray, names: bool = False):
        self.items, self.names = items, names

    @classmethod
    def row(cls, values: Sequence[Any]) -> "Cell":
        """One row."""
        items = np.empty((1, len(values)), object)
        for i, value in enumerate(values):
            items[0, i] = value
        return cls(items)

    @classmethod
    def column(cls, values: Sequence[Any]) -> "Cell":
        return cls(cls.row(values).items.T)

    def __iter__(self):
        return iter(self.items.ravel(order="F"))


@dataclass(frozen=True)
class Handle:
    """A function as a value; ``call(arguments, number of results)`` gives a list of results."""

    name: str
    call: Callable[[list[Any], int], list[Any]]


@dataclass(frozen=True)
class Unknown:
    """The value of a variable that could not be computed, and why."""

    reason: str


def matrix(value: Any) -> np.ndarray:
    """A number, a text or what NumPy takes for one as a matrix of numbers.

    Raises:
        MatlabError: it is no number.
    """
    if isinstance(value, np.ndarray) and value.ndim == 2:
        return value
    if isinstance(value, str):
        return np.array([[float(ord(c)) for c in value]]).reshape(1 if value else 0, -1)
    if isinstance(value, Cell | dict | Handle):
        raise MatlabError(f"a {kind(value)} stands where a number should")
    array = np.asarray(value)
    if array.dtype.kind in "iu":
        array = array.astype(float)
    return array.reshape(1, -1) if array.ndim < 2 else array


def scalar(value: Any) -> Any:
    """The one number that a value is."""
    found = matrix(value)
    if found.size != 1:
        raise MatlabError(f"one number was expected, not {' x '.join(map(str, found.shape))}")
    return found.ravel()[0]


def whole(value: Any) -> int:
    """The whole number that a value is."""
    found = scalar(value)
    if not np.isfinite(found) or found != np.round(found):
        raise MatlabError(f"a whole number was expected, not {found}")
    return int(found.real)


def text(value: Any) -> str:
    """The text that a value is; of a cell with one element, that element's."""
    if isinstance(value, Cell) and value.items.size == 1:
        value = value.items[0, 0]
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray) and value.size == 0:
        return ""
    if (
        isinstance(value, np.ndarray)
        and value.dtype.kind == "f"
        and len(value) == 1
        and (value < 0x110000).all()
    ):
        return "".join(chr(int(x)) for x in value[0])
    raise MatlabError(f"a {kind(value)} stands where a text should")


def kind(value: Any) -> str:
    names = {Cell: "cell", dict: "struct", Handle: "function", str: "text"}
    return names.get(type(value), "matrix")


def simple(array: np.ndarray) -> np.ndarray:
    """Real where nothing is imaginary, and of two dimensions."""
    array = matrix(array)
    if array.dtype.kind == "c" and not array.imag.any():
        array = array.real
    return array


def shape(value: Any) -> tuple[int, int]:
    """Rows and columns."""
    if isinstance(value, str):
        return (1 if value else 0), len(value)
    if isinstance(value, Cell):
        return value.items.shape  # type: ignore[return-value]
    return value.shape if isinstance(value, np.ndarray) else (1, 1)


def require_size(rows: float, columns: float) -> None:
    if not 0 <= rows * columns <= MAX_ELEMENTS:
        raise MatlabError(f"a matrix of {rows:g} x {columns:g} is too large")


def _places(index: Any, length: int, grow: bool = False) -> np.ndarray:
    """Zero-based places of an index along a dimension."""
    if isinstance(index, slice):
        return np.arange(length)
    numbers = matrix(index)
    if numbers.dtype == bool:
        places = np.flatnonzero(numbers.ravel(order="F"))
    else:
        flat = numbers.ravel(order="F")
        with np.errstate(invalid="ignore"):
            places = flat.real.astype(int) - 1
        if (places != flat - 1).any() or (places < 0).any():
            raise MatlabError("an index must be a whole number from 1 on")
    if not grow and places.size and places.max() >= length:
        raise MatlabError(f"index {places.max() + 1} lies beyond the last element, {length}")
    return places


def take(value: Any, indices: list[Any]) -> Any:
    """``value(i)`` or ``value(i, j)``."""
    if isinstance(value, dict):
        if all(isinstance(i, slice) or whole(i) == 1 for i in indices):
            return value
        raise MatlabError("arrays of structs are not known here")
    items = value.items if isinstance(value, Cell) else matrix(value)
    if len(indices) == 1:
        places = _places(indices[0], items.size)
        flat = items.ravel(order="F")[places]
        found = flat.reshape(_shape_of(indices[0], items, len(places)), order="F")
    elif not indices:
        return value
    else:
        if any(not isinstance(i, slice) and whole(i) != 1 for i in indices[2:]):
            raise MatlabError("matrices of more than two dimensions are not known here")
        found = items[np.ix_(*(_places(i, n) for i, n in zip(indices[:2], items.shape, strict=True)))]
    if isinstance(value, Cell):
        return (
            found[0, 0] if value.names and found.size == 1 and len(indices) == 2 else Cell(found, value.names)
        )
    return text(found) if isinstance(value, str) else found


def _shape_of(index: Any, items: np.ndarray, count: int) -> tuple[int, int]:
    """The shape of ``x(index)``: of a vector, along it; else that of the index."""
    if isinstance(index, slice):
        return count, 1
    form = matrix(index).shape
    if 1 in form or matrix(index).dtype == bool:
        if items.shape[0] == 1 and items.shape[1] != 1:
            return 1, count
        if items.shape[1] == 1 and items.shape[0] != 1:
            return count, 1
        return (count, 1) if form[1] == 1 and form[0] != 1 else (1, count)
    return form  # type: ignore[return-value]


def put(value: Any, indices: list[Any], new: Any) -> Any:
    """The value with ``value(i, j) = new``; it grows where an index lies beyond it."""
    is_cell = isinstance(value, Cell)
    old = value.items if is_cell else np.zeros((0, 0)) if value is None else matrix(value)
    fresh = new.items if isinstance(new, Cell) and is_cell else _one(new) if is_cell else matrix(new)
    if len(indices) == 1:
        places = _places(indices[0], old.size, grow=True)
        beyond = int(places.max(initial=-1)) + 1
        if beyond > old.size:
            if old.size and 1 not in old.shape:
                raise MatlabError("a matrix cannot grow by one index")
            old = _grown(old, (beyond, 1) if old.shape[1] == 1 and old.shape[0] > 1 else (1, beyond))
        flat = _room(old, fresh).ravel(order="F")
        flat[places] = fresh.ravel(order="F")
        found = flat.reshape(old.shape, order="F")
    else:
        if value is None or not old.size:  # `x(:, k) = column` of nothing has the column's length
            sides = [n if isinstance(i, slice) else 0 for i, n in zip(indices[:2], fresh.shape, strict=True)]
            old = _grown(old, (max(sides[0], old.shape[0]), max(sides[1], old.shape[1])))
        rows, columns = (_places(i, n, grow=True) for i, n in zip(indices[:2], old.shape, strict=True))
        ends = [int(p.max(initial=-1)) + 1 for p in (rows, columns)]
        old = _grown(old, (max(old.shape[0], ends[0]), max(old.shape[1], ends[1])))
        found = _room(old, fresh)
        if fresh.size != 1 and fresh.shape != (len(rows), len(columns)):
            if fresh.size != len(rows) * len(columns) or 1 not in fresh.shape:
                raise MatlabError("the two sides of an assignment differ in size")
            fresh = fresh.reshape(len(rows), len(columns), order="F")
        found[np.ix_(rows, columns)] = fresh
    return (
        Cell(found) if is_cell else text(found) if isinstance(value, str) and isinstance(new, str) else found
    )


def remove(value: Any, indices: list[Any]) -> Any:
    """``value(i) = []``."""
    items = value.items if isinstance(value, Cell) else matrix(value)
    if len(indices) == 1:
        found = np.delete(items.ravel(order="F"), _places(indices[0], items.size))
        found = found.reshape((-1, 1) if items.shape[1] == 1 else (1, -1))
    else:
        axis = 1 if isinstance(indices[0], slice) else 0
        found = np.delete(items, _places(indices[axis], items.shape[axis]), axis)
    return Cell(found) if isinstance(value, Cell) else text(found) if isinstance(value, str) else found


def _one(value: Any) -> np.ndarray:
    items = np.empty((1, 1), object)
    items[0, 0] = value
    return items


def _grown(old: np.ndarray, new: tuple[int, int]) -> np.ndarray:
    if new == old.shape:
        return old
    require_size(*new)
    grown = np.empty(new, object) if old.dtype == object else np.zeros(new, old.dtype)
    if old.dtype == object:
        for place in np.ndindex(*new):
            grown[place] = np.zeros((0, 0))
    grown[: old.shape[0], : old.shape[1]] = old
    return grown


def _room(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """A copy of a matrix that can hold elements of another."""
    return old.astype(object if old.dtype == object else np.result_type(old, new), copy=True)
