"""Roots and minima of functions written in Matlab, by SciPy; calling functions by name; saved values."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy

from estim.dynare.matlab.errors import MatlabError
from estim.dynare.matlab.interpreter import Builtin, Interpreter
from estim.dynare.matlab.lexer import parse_text
from estim.dynare.matlab.values import Cell, Handle, matrix, scalar, text


def _function(m: Interpreter, value: Any) -> Callable[..., list[Any]]:
    """A handle, or the name of a function, as ``(arguments, results) -> results``."""
    if isinstance(value, Handle):
        return value.call
    return lambda arguments, results=1: m.call(text(value), arguments, results)


def _real(value: Any) -> float:
    found = scalar(value)
    return float(found.real) if abs(np.imag(found)) < 1e-12 * (1 + abs(found)) else np.nan


def _objective(
    m: Interpreter, value: Any, form: tuple[int, ...] = (1, 1), more: Any = ()
) -> Callable[[Any], float]:
    """A function of a matrix as one of its elements, with the arguments behind them; NaN where it is not real."""
    call = _function(m, value)
    return lambda x: _real(call([np.reshape(np.asarray(x, float), form, order="F"), *more], 1)[0])


def _fzero(m: Interpreter, arguments: list[Any], results: int) -> Any:
    """Brent's method; from one point, an interval with a change of sign is looked for around it, as Matlab does."""
    at, around = _objective(m, arguments[0], more=arguments[3:]), matrix(arguments[1]).ravel().real
    low, high = (around[0], around[1]) if around.size > 1 else _bracket(at, float(around[0]))
    root = (
        low if low == high else scipy.optimize.brentq(at, low, high, xtol=1e-15, rtol=8.9e-16, maxiter=1000)
    )
    return [matrix(float(root)), matrix(at(root)), matrix(1.0), {}]


def _bracket(at: Callable[[float], float], start: float) -> tuple[float, float]:
    middle = at(start)
    if middle == 0:
        return start, start
    width = abs(start) / 50 if start else 1 / 50
    low = high = start
    for _ in range(200):
        low, high = start - width, start + width
        values = at(low), at(high)
        for end, value in zip((low, high), values, strict=True):
            if np.isfinite(value) and np.sign(value) != np.sign(middle):
                return min(start, end), max(start, end)
        width *= np.sqrt(2)
    raise MatlabError(f"fzero finds no change of sign around {start:g}")


def _fsolve(m: Interpreter, arguments: list[Any], results: int) -> Any:
    """MINPACK's hybrid method, then Levenberg and Marquardt's."""
    call, start = _function(m, arguments[0]), matrix(arguments[1])
    form = start.shape

    def left(x: np.ndarray) -> np.ndarray:
        found = matrix(call([x.reshape(form, order="F"), *arguments[3:]], 1)[0])
        real = np.real(np.where(np.abs(np.imag(found)) > 1e-12, np.nan, found)).ravel(order="F").astype(float)
        return np.where(np.isfinite(real), real, 1e10)

    begin, best = start.ravel(order="F").real.astype(float), None
    square = left(begin).size == begin.size
    for method in ("hybr", "lm") if square else ("lm",):
        found = scipy.optimize.root(left, begin, method=method, tol=1e-14)
        if best is None or np.abs(found.fun).max() < np.abs(best.fun).max():
            best = found
        if np.abs(best.fun).max() < 1e-10:
            break
    assert best is not None
    flag = 1.0 if np.abs(best.fun).max() < 1e-6 else -2.0
    return [best.x.reshape(form, order="F"), matrix(best.fun), matrix(flag), {}]


def _csolve(m: Interpreter, arguments: list[Any], results: int) -> Any:
    """Sims' solver: the function, a start, its gradient, a tolerance, a number of steps; flag 0 is success."""
    x, _, flag, _ = _fsolve(m, [arguments[0], arguments[1], None, *arguments[5:]], 3)
    return [x, matrix(0.0 if scalar(flag) > 0 else 4.0)]


def _fminsearch(m: Interpreter, arguments: list[Any], results: int) -> Any:
    start = matrix(arguments[1])
    value = _objective(m, arguments[0], start.shape, arguments[3:])
    options = {"xatol": 1e-10, "fatol": 1e-10, "maxiter": 5000}
    found = scipy.optimize.minimize(value, start.ravel(order="F"), method="Nelder-Mead", options=options)
    return [found.x.reshape(start.shape, order="F"), matrix(float(found.fun)), matrix(1.0), {}]


def _fminbnd(m: Interpreter, arguments: list[Any], results: int) -> Any:
    value, bounds = _objective(m, arguments[0]), (_real(arguments[1]), _real(arguments[2]))
    found = scipy.optimize.minimize_scalar(value, bounds=bounds, method="bounded", options={"xatol": 1e-12})
    return [matrix(float(found.x)), matrix(float(found.fun)), matrix(1.0), {}]


def _mapped(over_cells: bool) -> Builtin:
    """``cellfun`` and ``arrayfun``."""

    def apply(m: Interpreter, arguments: list[Any], results: int) -> Any:
        uniform = True
        for i, argument in enumerate(arguments):
            if isinstance(argument, str) and argument.lower() == "uniformoutput" and i > 1:
                uniform, arguments = bool(scalar(arguments[i + 1])), arguments[:i]
                break
        call, lists = _function(m, arguments[0]), arguments[1:]
        items = [a.items if isinstance(a, Cell) else matrix(a) for a in lists]
        found = np.empty(items[0].shape, object)
        for place in np.ndindex(*found.shape):
            found[place] = call([i[place] if i.dtype == object else matrix(i[place]) for i in items], 1)[0]
        return (
            np.array([[scalar(x) for x in row] for row in found]).reshape(found.shape)
            if uniform
            else Cell(found)
        )

    return apply


def _eval(m: Interpreter, arguments: list[Any], results: int) -> Any:
    try:
        program = parse_text(text(arguments[0]))
        if results:
            return m.value(program.children[0].children[0])
        m.run_script(program)
    except MatlabError:
        if len(arguments) < 2:
            raise
        m.run_script(parse_text(text(arguments[1])))
    return None


def _integral(m: Interpreter, arguments: list[Any], _: int) -> Any:
    from scipy.integrate import quad

    return matrix(quad(_objective(m, arguments[0]), _real(arguments[1]), _real(arguments[2]))[0])


def _options(m: Interpreter, arguments: list[Any], results: int) -> Any:
    return {a: b for a, b in zip(arguments[::2], arguments[1::2], strict=False) if isinstance(a, str)}


def _error(m: Interpreter, arguments: list[Any], results: int) -> Any:
    words = " ".join(text(a) for a in arguments[:1] if isinstance(a, str)) or "no message"
    raise MatlabError(words)


def _assert(m: Interpreter, arguments: list[Any], results: int) -> Any:
    if not matrix(arguments[0]).all():
        raise MatlabError("the code stops: an assertion does not hold")


SOLVERS: dict[str, Builtin] = {
    "fzero": _fzero,
    "fsolve": _fsolve,
    "csolve": _csolve,
    "fminsearch": _fminsearch,
    "fminbnd": _fminbnd,
    **dict.fromkeys(("quad", "quadl", "integral", "quadgk"), _integral),
    "feval": lambda m, a, results: _function(m, a[0])(a[1:], results),
    "cellfun": _mapped(True),
    "arrayfun": _mapped(False),
    "eval": _eval,
    "error": _error,
    "assert": _assert,
    **dict.fromkeys(("optimset", "optimoptions"), _options),
    "func2str": lambda m, a, _: a[0].name,
    "str2func": lambda m, a, _: Handle("@", _function(m, a[0])),
    "run": lambda m, a, _: m.call(text(a[0]).removesuffix(".m"), [], 0),
    "deal": lambda m, a, results: a if len(a) > 1 else a * max(results, 1),
    "isargout": lambda m, a, _: matrix(True),
    "user_has_matlab_license": lambda m, a, _: matrix(True),
    "matlab_ver_less_than": lambda m, a, _: matrix(False),
}
