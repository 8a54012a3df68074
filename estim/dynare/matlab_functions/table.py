"""Matlab's functions of numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from estim.dynare.matlab.interpreter import Builtin, Interpreter, told
from estim.dynare.matlab.values import Cell, matrix, require_size, scalar, shape, simple, whole
from estim.dynare.matlab_functions.decompositions import DECOMPOSITIONS
from estim.dynare.matlab_functions.distributions import DISTRIBUTIONS
from estim.dynare.matlab_functions.solvers import SOLVERS
from estim.dynare.matlab_functions.texts import TEXTS


def _map(function: Callable) -> Builtin:
    """A function of numbers, element by element or of whole matrices."""
    return lambda m, arguments, _: simple(function(*(_float(a) for a in arguments)))


def _float(value: Any) -> np.ndarray:
    array = matrix(value)
    return array.astype(float) if array.dtype == bool else array


def _along(function: Callable) -> Builtin:
    """A function of the columns of a matrix, or of a vector; the second argument is the dimension."""

    def reduce(m: Interpreter, arguments: list[Any], _: int) -> Any:
        array = _float(arguments[0])
        axis = whole(arguments[1]) - 1 if len(arguments) > 1 else int(array.shape[0] != 1) - 1
        axis = 0 if axis < 0 and array.shape[0] != 1 else abs(axis)
        found = function(array, axis)
        return simple(found if found.ndim == 2 else np.expand_dims(found, axis))

    return reduce


def _spread(square: bool) -> Builtin:
    """``std(x)`` or ``var(x)``: the sum of squares by n - 1."""
    return _along(lambda a, axis: (np.var if square else np.std)(a, axis, ddof=int(a.shape[axis] > 1)))


def _filled(value: Any) -> Builtin:
    """``zeros(2, 3)``, ``pi``: a number, or a matrix of it."""
    return lambda m, arguments, _: np.full(size_of(arguments), value)


def size_of(arguments: list[Any]) -> tuple[int, int]:
    """The shape that ``zeros(n)``, ``zeros(n, m)`` or ``zeros([n m])`` asks for."""
    sizes = [int(x) for a in arguments if not isinstance(a, str) for x in matrix(a).ravel()] or [1, 1]
    rows, columns = (sizes * 2)[:2] if len(sizes) < 3 else sizes[:2]
    require_size(max(rows, 0), max(columns, 0))
    return max(rows, 0), max(columns, 0)


def _extreme(pick: Callable, place: Callable, pair: Callable) -> Builtin:
    """``max(x)``, ``[m, i] = max(x)``, ``max(x, y)``, ``max(x, [], dimension)``."""

    def extreme(m: Interpreter, arguments: list[Any], results: int) -> Any:
        array = _float(arguments[0])
        if len(arguments) == 2:
            return pair(array, _float(arguments[1]))
        axis = whole(arguments[2]) - 1 if len(arguments) == 3 else int(array.shape[0] == 1)
        return [np.expand_dims(found, axis) for found in (pick(array, axis), place(array, axis) + 1.0)]

    return extreme


def _find(m: Interpreter, arguments: list[Any], results: int) -> Any:
    array = matrix(arguments[0])
    most = whole(arguments[1]) if len(arguments) > 1 else None
    places = np.flatnonzero(array.ravel(order="F"))[:most]
    form = (lambda x: x.reshape(1, -1)) if array.shape[0] == 1 else (lambda x: x.reshape(-1, 1))
    if results < 2:
        return form(places + 1.0)
    return [form(places % array.shape[0] + 1.0), form(places // array.shape[0] + 1.0)]


def _sizes(m: Interpreter, arguments: list[Any], results: int) -> Any:
    rows, columns = shape(arguments[0])
    if len(arguments) > 1:
        return matrix(float((rows, columns, 1)[min(whole(arguments[1]) - 1, 2)]))
    return (
        [matrix(float(n)) for n in (rows, columns)] if results > 1 else matrix([float(rows), float(columns)])
    )


def _sort(m: Interpreter, arguments: list[Any], results: int) -> Any:
    if isinstance(arguments[0], Cell):
        return Cell.column(sorted(arguments[0]))
    array = _float(arguments[0])
    axis = int(array.shape[0] == 1)
    order = np.argsort(-array if "descend" in arguments[1:] else array, axis=axis, kind="stable")
    return [np.take_along_axis(array, order, axis), order + 1.0]


def _diag(m: Interpreter, arguments: list[Any], _: int) -> Any:
    array = _float(arguments[0])
    return np.diag(array.ravel()) if 1 in array.shape else np.diag(array).reshape(-1, 1)


def _eig(m: Interpreter, arguments: list[Any], results: int) -> Any:
    values, vectors = np.linalg.eig(_float(arguments[0]))
    order = np.argsort(values)
    if results > 1:
        return [simple(vectors[:, order]), simple(np.diag(values[order]))]
    return simple(values[order].reshape(-1, 1))


def _reshape(m: Interpreter, arguments: list[Any], _: int) -> Any:
    sizes = [matrix(a) for a in arguments[1:]]
    sizes = sizes if len(sizes) > 1 else [matrix(x) for x in sizes[0].ravel()]
    rows, columns = (int(s.ravel()[0]) if s.size else -1 for s in sizes[:2])
    return matrix(arguments[0]).reshape(rows, columns, order="F")


def _repmat(m: Interpreter, arguments: list[Any], _: int) -> Any:
    rows, columns = size_of(arguments[1:])
    height, width = shape(arguments[0])
    require_size(rows * height, columns * width)
    return np.tile(matrix(arguments[0]), (rows, columns))


def _linspace(m: Interpreter, arguments: list[Any], _: int) -> Any:
    count = whole(arguments[2]) if len(arguments) > 2 else 100
    require_size(1, count)
    return np.linspace(scalar(arguments[0]), scalar(arguments[1]), count).reshape(1, -1)


def _norm(m: Interpreter, arguments: list[Any], _: int) -> Any:
    array, order = _float(arguments[0]), arguments[1] if len(arguments) > 1 else 2.0
    order = np.inf if isinstance(order, str) and order.lower() == "inf" else scalar(order)
    return matrix(np.linalg.norm(array.ravel() if 1 in array.shape else array, order))


def _interp1(m: Interpreter, arguments: list[Any], _: int) -> Any:
    known, values, at = (_float(a) for a in arguments[:3])
    found = np.interp(at.ravel(), known.ravel(), values.ravel(), left=np.nan, right=np.nan)
    return found.reshape(at.shape)


def _rounded(x: np.ndarray) -> np.ndarray:
    return np.trunc(x + np.copysign(0.5, x))


def _joined(axis: int) -> Builtin:
    return lambda m, arguments, _: np.concatenate([_float(a) for a in arguments if matrix(a).size], axis)


def _unique(m: Interpreter, arguments: list[Any], _: int) -> Any:
    if isinstance(arguments[0], Cell):
        return Cell.column(sorted(set(arguments[0])))
    return np.unique(_float(arguments[0])).reshape(-1, 1)


ELEMENTWISE: dict[str, Callable] = {
    **{n: getattr(np, n) for n in ("exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "floor", "ceil", "sign")},
    **{n: getattr(np, n) for n in ("real", "imag", "conj", "isnan", "isinf", "isfinite", "cbrt", "log1p", "hypot")},
    **{n: getattr(np.emath, n) for n in ("sqrt", "log10", "log2")},
    "log": np.emath.log, "ln": np.emath.log, "abs": np.abs, "fix": np.trunc, "round": _rounded, "angle": np.angle,
    "asin": np.emath.arcsin, "acos": np.emath.arccos, "atan": np.arctan, "atan2": np.arctan2,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.emath.arctanh,
    "mod": np.mod, "rem": np.fmod, "gamma": special.gamma, "gammaln": special.gammaln, "beta": special.beta,
    "erf": special.erf, "erfc": special.erfc, "erfinv": special.erfinv, "not": lambda x: x == 0,
    "factorial": special.factorial, "nchoosek": special.comb, "logical": lambda x: x != 0, "double": lambda x: x,
    "times": np.multiply, "plus": np.add, "minus": np.subtract, "rdivide": np.divide, "power": np.power,
    **DISTRIBUTIONS,
    "gammainc": lambda x, a: special.gammainc(a, x), "betainc": lambda x, a, b: special.betainc(a, b, x),
    "and": np.logical_and, "or": np.logical_or, "eq": np.equal, "lt": np.less, "gt": np.greater,
}  # fmt: skip

FUNCTIONS: dict[str, Builtin] = {
    **{name: _map(function) for name, function in ELEMENTWISE.items()},
    "sum": _along(np.sum), "prod": _along(np.prod), "mean": _along(np.mean), "median": _along(np.median),
    "cumsum": _along(np.cumsum), "cumprod": _along(np.cumprod), "std": _spread(False), "var": _spread(True),
    "any": _along(np.any), "all": _along(np.all), "diff": _along(lambda a, axis: np.diff(a, axis=axis)),
    "zeros": _filled(0.0), "ones": _filled(1.0), "max": _extreme(np.nanmax, np.argmax, np.fmax),
    "min": _extreme(np.nanmin, np.argmin, np.fmin), "find": _find, "size": _sizes, "sort": _sort, "diag": _diag,
    "eig": _eig, "reshape": _reshape, "repmat": _repmat, "linspace": _linspace, "norm": _norm, "interp1": _interp1,
    "pi": _filled(np.pi), "inf": _filled(np.inf), "Inf": _filled(np.inf), "nan": _filled(np.nan),
    "NaN": _filled(np.nan), "NA": _filled(np.nan), "eps": _filled(2.0**-52),
    "true": _filled(True), "false": _filled(False),
    "i": _filled(1j), "j": _filled(1j), "realmax": _filled(np.finfo(float).max),
    "eye": lambda m, a, _: np.eye(*size_of(a)),
    "length": told(lambda x: max(shape(x)) if min(shape(x)) else 0), "numel": told(lambda x: np.prod(shape(x))),
    "rows": told(lambda x: shape(x)[0]), "columns": told(lambda x: shape(x)[1]), "ndims": told(lambda x: 2),
    "isempty": told(lambda x: not isinstance(x, dict) and 0 in shape(x)),
    "isscalar": told(lambda x: shape(x) == (1, 1)),
    "isvector": told(lambda x: 1 in shape(x)),
    "isnumeric": told(lambda x: isinstance(x, np.ndarray) and x.dtype != bool),
    "islogical": told(lambda x: isinstance(x, np.ndarray) and x.dtype == bool),
    "isreal": told(lambda x: isinstance(x, np.ndarray) and x.dtype.kind != "c"),
    "inv": _map(np.linalg.inv), "pinv": _map(np.linalg.pinv), "det": _map(np.linalg.det), "trace": _map(np.trace),
    "rank": told(lambda x: np.linalg.matrix_rank(_float(x))), "nnz": told(lambda x: np.count_nonzero(_float(x))),
    "chol": told(lambda x: np.linalg.cholesky(_float(x)).T),
    "kron": _map(np.kron), "transpose": told(lambda x: matrix(x).T),
    "roots": lambda m, a, _: simple(np.roots(_float(a[0]).ravel()).reshape(-1, 1)),
    "polyval": lambda m, a, _: np.polyval(_float(a[0]).ravel(), _float(a[1])),
    "dot": lambda m, a, _: matrix(np.vdot(_float(a[0]), _float(a[1]))),
    "fliplr": told(lambda x: matrix(x)[:, ::-1]), "flipud": told(lambda x: matrix(x)[::-1]),
    "triu": _map(np.triu), "tril": _map(np.tril), "unique": _unique, "horzcat": _joined(1), "vertcat": _joined(0),
    "cross": lambda m, a, _: np.cross(_float(a[0]).ravel(), _float(a[1]).ravel()).reshape(matrix(a[0]).shape),
    **DECOMPOSITIONS,
    **TEXTS,
    **SOLVERS,
}  # fmt: skip
"""Every function that needs nothing of Dynare's."""
