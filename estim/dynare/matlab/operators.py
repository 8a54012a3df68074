"""Matlab's operators on matrices."""

from collections.abc import Callable
from typing import Any

import numpy as np

from estim.dynare.matlab.errors import MatlabError
from estim.dynare.matlab.values import Cell, Handle, matrix, require_size, scalar, simple


def _numbers(array: np.ndarray) -> np.ndarray:
    return array.astype(float) if array.dtype == bool else array


def _elementwise(operation: Callable) -> Callable[[Any, Any], np.ndarray]:
    return lambda x, y: operation(_numbers(x), _numbers(y))


def _times(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = _numbers(x), _numbers(y)
    return x * y if x.size == 1 or y.size == 1 else x @ y


def _left_divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.size == 1:
        return y / x
    return np.linalg.solve(x, y) if x.shape[0] == x.shape[1] else np.linalg.lstsq(x, y, rcond=None)[0]


def _divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.divide(_numbers(x), _numbers(y)) if y.size == 1 else _left_divide(y.T, x.T).T


def power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Element by element; complex where a negative number has a power that is not whole."""
    x, y = _numbers(x), _numbers(y)
    if x.dtype.kind != "c" and y.dtype.kind != "c" and (x < 0).any() and (y != np.round(y)).any():
        x = x.astype(complex)
    return np.power(x, y)


def _matrix_power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.size == 1 and y.size == 1:
        return power(x, y)
    exponent = scalar(y)
    if exponent != np.round(exponent) or abs(exponent) > 10_000:
        raise MatlabError("a matrix has only whole powers here")
    return np.linalg.matrix_power(x, int(exponent))


BINARY: dict[str, Callable[[Any, Any], np.ndarray]] = {
    "+": _elementwise(np.add),
    "-": _elementwise(np.subtract),
    "*": _times,
    ".*": _elementwise(np.multiply),
    "/": _divide,
    "./": _elementwise(np.divide),
    "\\": _left_divide,
    ".\\": _elementwise(lambda x, y: np.divide(y, x)),
    "^": _matrix_power,
    ".^": power,
    "==": lambda x, y: x == y,
    "~=": lambda x, y: x != y,
    "!=": lambda x, y: x != y,
    "<": lambda x, y: x.real < y.real,
    ">": lambda x, y: x.real > y.real,
    "<=": lambda x, y: x.real <= y.real,
    ">=": lambda x, y: x.real >= y.real,
    "&": lambda x, y: (x != 0) & (y != 0),
    "|": lambda x, y: (x != 0) | (y != 0),
}


def true(value: Any) -> bool:
    """Whether a condition holds: everything differs from zero, and there is something."""
    found = matrix(value)
    return bool(found.size and (found != 0).all())


def span(first: Any, step: Any, last: Any = None) -> np.ndarray:
    """``first:last`` or ``first:step:last``, a row."""
    if last is None:
        step, last = 1.0, step
    low, by, high = (float(np.real(scalar(x))) for x in (first, step, last))
    if not by or not np.isfinite([low, by, high]).all():
        return np.zeros((1, 0))
    count = max(0, int(np.floor((high - low) / by * (1 + 1e-15) + 1e-10)) + 1)
    require_size(1, count)
    return (low + by * np.arange(count)).reshape(1, -1)


def concatenate(rows: list[list[Any]]) -> Any:
    """``[a, b; c, d]`` of matrices, texts or cells."""
    parts = [part for row in rows for part in row]
    if any(isinstance(p, Handle | dict) for p in parts):
        if len(parts) == 1:
            return parts[0]
        raise MatlabError("only numbers, texts and cells can be joined")
    if any(isinstance(p, Cell) for p in parts):
        as_items = lambda p: p.items if isinstance(p, Cell) else Cell.row([p]).items
        kept = [[as_items(p) for p in row if isinstance(p, Cell | str) or p.size] for row in rows]
        return Cell(_joined([[p for p in row if p.size] for row in kept], object))
    joined = _joined([[m for p in row if (m := matrix(p)).size or m.shape[0] == 1] for row in rows], float)
    if any(isinstance(p, str) for p in parts):
        if len(joined) > 1:
            return Cell.column(["".join(chr(int(x)) for x in row) for row in joined])
        return "".join(chr(int(x)) for x in joined.ravel())
    return simple(joined)


def _joined(rows: list[list[np.ndarray]], empty: type) -> np.ndarray:
    try:
        lines = [np.hstack(row) for row in rows if row]
        lines = [line for line in lines if line.size] or lines[:1]
        joined = np.vstack(lines) if lines else np.empty((0, 0), empty)
    except ValueError:
        raise MatlabError("the parts of a matrix differ in size") from None
    require_size(*joined.shape)
    return joined
