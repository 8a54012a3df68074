"""Matlab's decompositions of matrices, and statistics of columns."""

from typing import Any

import numpy as np
from scipy import linalg

from estim.dynare.matlab.errors import MatlabError
from estim.dynare.matlab.values import matrix, scalar, simple


def _square(value: Any) -> np.ndarray:
    found = matrix(value)
    if found.shape[0] != found.shape[1]:
        raise MatlabError(f"a square matrix was expected, not {found.shape[0]} x {found.shape[1]}")
    return found


def _rcond(m: Any, arguments: list[Any], results: int) -> Any:
    """One over the condition in the norm of columns' sums."""
    x = _square(arguments[0])
    if not x.size or not np.isfinite(x).all() or np.linalg.matrix_rank(x) < len(x):
        return matrix(0.0 if x.size else np.inf)
    return matrix(float(1.0 / (np.linalg.norm(x, 1) * np.linalg.norm(np.linalg.inv(x), 1))))


def _svd(m: Any, arguments: list[Any], results: int) -> Any:
    u, s, vt = np.linalg.svd(matrix(arguments[0]))
    if results < 2:
        return s.reshape(-1, 1)
    full = np.zeros(matrix(arguments[0]).shape)
    np.fill_diagonal(full, s)
    return [u, full, vt.conj().T]


def _lu(m: Any, arguments: list[Any], results: int) -> Any:
    p, l, u = linalg.lu(matrix(arguments[0]))
    return [l, u, p.T] if results > 2 else [p @ l, u]


def _corr(m: Any, arguments: list[Any], results: int) -> Any:
    """Of the columns of a matrix with each other, or with those of another."""
    first, *second = [matrix(a).astype(float) for a in arguments[:2]]
    found = np.atleast_2d(np.corrcoef(np.column_stack([first, *second]), rowvar=False))
    return found[: first.shape[1], first.shape[1] :] if second else found


def _columns(arguments: list[Any]) -> np.ndarray:
    first = matrix(arguments[0]).astype(float)
    if len(arguments) > 1 and matrix(arguments[1]).size == first.size > 1:
        return np.column_stack([first.ravel(order="F"), matrix(arguments[1]).ravel(order="F")])
    return first.reshape(-1, 1) if 1 in first.shape else first


DECOMPOSITIONS: dict[str, Any] = {
    "rcond": _rcond,
    "cond": lambda m, a, _: matrix(float(np.linalg.cond(matrix(a[0]), *map(scalar, a[1:])))),
    "svd": _svd,
    "qr": lambda m, a, results: list(
        linalg.qr(matrix(a[0]), mode="r" if results < 2 else "economic" if len(a) > 1 else "full")
    ),
    "lu": _lu,
    "schur": lambda m, a, results: (
        list(linalg.schur(_square(a[0])))[::-1] if results > 1 else linalg.schur(_square(a[0]))[0]
    ),
    "cov": lambda m, a, _: np.atleast_2d(np.cov(_columns(a), rowvar=False)),
    "corrcoef": lambda m, a, _: np.atleast_2d(np.corrcoef(_columns(a), rowvar=False)),
    "corr": _corr,
    "null": lambda m, a, _: linalg.null_space(matrix(a[0])),
    "orth": lambda m, a, _: linalg.orth(matrix(a[0])),
    "expm": lambda m, a, _: linalg.expm(_square(a[0])),
    "sqrtm": lambda m, a, _: simple(linalg.sqrtm(_square(a[0]))),
    "logm": lambda m, a, _: simple(linalg.logm(_square(a[0]))),
}
"""By name."""
