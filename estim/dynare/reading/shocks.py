"""The statements that give the covariance matrix of shocks and measurement errors."""

import math

import numpy as np

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.histories import path_of
from estim.dynare.reading.source import ModFileError
from estim.dynare.reading.syntax import Number, Shock, ShockPath, Statement

_ELSEWHERE = {"learnt_in": "a perfect-foresight simulation"}
"""Options by which a block says nothing of the shocks of a solution."""


def shocks(c: Contents, s: Statement) -> None:
    """``shocks; ... end;``: what it does not mention stays as it is, unless it says `overwrite`."""
    for option in s.options:
        if option.name in _OF_PATHS:
            _OF_PATHS[option.name](c, s)
            return
        if option.name != "overwrite":
            what = _ELSEWHERE.get(option.name, "the option")
            c.pass_over(f"{what} ('shocks({option.name})')", option.at)
            return
    if s.option("overwrite") is not None:
        c.stderr, c.corr, c.covariance = {}, {}, {}
        c.paths = {name: path for name, path in c.paths.items() if name not in c.deterministic}
        c.foresight = c.foresight._replace(foreseen={})
    before = _covariances(c)
    for item in s.items:
        if isinstance(item, ShockPath):
            _announced(c, item)
    values = [(shock, _value(c, shock)) for shock in s.items if isinstance(shock, Shock)]
    for shock, value in values:
        if shock.kind in ("stderr", "variance"):
            c.stderr[shock.names[0]] = value if shock.kind == "stderr" else math.sqrt(value)
    _keep_covariances(c, before)
    for shock, value in values:
        pair = tuple(sorted(shock.names))
        if shock.kind == "corr":
            c.corr[pair] = value
            c.covariance.pop(pair, None)
        elif shock.kind == "covariance":
            c.covariance[pair] = value
            c.corr.pop(pair, None)


def set_stderr(c: Contents, name: str, value: float, at: int) -> None:
    """``set_shock_stderr_value('e', value);``"""
    before = _covariances(c)
    c.stderr[name] = _checked(c, Shock("stderr", (name,), Number(value), at))
    _keep_covariances(c, before)


def shock_covariance(c: Contents) -> np.ndarray:
    """``M_.Sigma_e`` ``[n_shocks, n_shocks]``."""
    names = list(c.shocks)
    covariances = _covariances(c) | c.covariance
    matrix = np.diag([c.stderr.get(n, 0.0) ** 2 for n in names]).reshape(len(names), len(names))
    for (a, b), value in covariances.items():
        if a in c.shocks and b in c.shocks:
            matrix[names.index(a), names.index(b)] = matrix[names.index(b), names.index(a)] = value
    return matrix


def set_shock_covariance(c: Contents, matrix: np.ndarray, at: int) -> None:
    """What Matlab code makes of ``M_.Sigma_e``."""
    names = list(c.shocks)
    if matrix.shape != (len(names), len(names)):
        raise c.source.error(f"'M_.Sigma_e' must have {len(names)} rows and columns, not {matrix.shape}", at)
    c.corr = {pair: v for pair, v in c.corr.items() if not set(pair) <= set(names)}
    for i, name in enumerate(names):
        value = _checked(c, Shock("variance", (name,), Number(float(matrix[i, i].real)), at))
        c.stderr[name] = math.sqrt(value)
        for k in range(i):
            pair = tuple(sorted((name, names[k])))
            c.covariance.pop(pair, None)
            if matrix[i, k]:
                c.covariance[pair] = float(matrix[i, k].real)


def sigma_e(c: Contents, s: Statement) -> None:
    """``Sigma_e = [...];``: the whole matrix, its lower or its upper triangle by rows, in the order of `varexo`."""
    names, rows = list(c.shocks), s.items
    n, sizes = len(names), [len(row) for row in s.items]
    lower = sizes == list(range(1, n + 1))
    if not lower and sizes != list(range(n, 0, -1)):
        raise c.source.error(
            f"'Sigma_e' must be a lower or an upper triangle of {n} rows, one for each exogenous variable; "
            f"its rows have {', '.join(map(str, sizes))} numbers",
            s.at,
        )
    c.corr = {pair: v for pair, v in c.corr.items() if not set(pair) <= set(names)}
    for i, row in enumerate(rows):
        for k, entry in enumerate(row):
            first, second = names[i], names[k if lower else i + k]
            kind = "variance" if first == second else "covariance"
            value = _checked(c, Shock(kind, tuple({first: 0, second: 0}), entry, s.at))
            if first == second:
                c.stderr[first] = math.sqrt(value)
            else:
                c.covariance[tuple(sorted((first, second)))] = value


def _announced(c: Contents, path: ShockPath) -> None:
    """Forecasts see that of a deterministic variable, simulations of perfect foresight that of a shock, in levels."""
    role = c.role(path.name)
    if role == "deterministic" and path.kind == "values":
        c.paths.setdefault(path.name, {}).update(_path(c, path))
        return
    why = f"the announced path of '{path.name}'"
    if role == "shocks" and path.kind == "values":
        try:
            known, found = dict(c.foresight.foreseen), _path(c, path)
        except ModFileError as error:
            why += f" ({error.message})"
        else:
            known[path.name] = {**known.get(path.name, {}), **found}
            c.foresight = c.foresight._replace(foreseen=known)
            return
    c.warn(f"skipped: {why}", path.at)
    c.foresight = c.foresight._replace(unknown=f"{why} is skipped")


def _surprises(c: Contents, s: Statement) -> None:
    """``shocks(surprise); var e; periods 1:3; values 0.1; end;``: each period's comes unexpected."""
    if s.option("overwrite") is not None:
        c.paths = {name: path for name, path in c.paths.items() if name not in c.shocks}
    for item in _only_paths(c, s, ("values",)):
        c.paths.setdefault(item.name, {}).update(_path(c, item))


def heteroskedastic_shocks(c: Contents, s: Statement) -> None:
    """``var e; periods 90:95; scales 2;``: a standard deviation, or what multiplies it, in periods of the data."""
    if s.option("overwrite") is not None:
        c.scaled = {}
    for item in _only_paths(c, s, ("values", "scales")):
        found = c.scaled.setdefault(item.name, {})
        for t, number in _path(c, item).items():
            if t in found:
                raise c.source.error(f"'{item.name}' has two standard deviations in period {t}", item.at)
            if not (math.isfinite(number) and number >= 0):
                raise c.source.error(f"the standard deviation of '{item.name}' is {number:g}", item.at)
            found[t] = item.kind, number


_OF_PATHS = {"surprise": _surprises, "heteroskedastic": heteroskedastic_shocks}
"""By options: blocks that hold paths of shocks."""


def _only_paths(c: Contents, s: Statement, kinds: tuple[str, ...]) -> list[ShockPath]:
    for item in s.items:
        if not isinstance(item, ShockPath) or item.kind not in kinds:
            words = " or ".join(kinds)
            raise c.source.error(f"expected here: var NAME; periods ...; {words} ...;", item.at)
        c.require(item.name, item.at, "shocks")
    return list(s.items)


def _path(c: Contents, path: ShockPath) -> dict[int, float]:
    return path_of(c, path.name, path.periods, path.values, path.at)


def _value(c: Contents, shock: Shock) -> float:
    for name in shock.names:
        c.require(name, shock.at, "shocks", "variables")
    return _checked(c, shock)


def _checked(c: Contents, shock: Shock) -> float:
    value = c.evaluate(shock.value)
    if not math.isfinite(value) or (shock.kind in ("stderr", "variance") and value < 0):
        raise c.source.error(f"the {shock.kind} of '{shock.names[0]}' is {value:g}", shock.at)
    if shock.kind == "corr" and abs(value) > 1:
        raise c.source.error(f"the correlation of {' and '.join(shock.names)} is {value:g}", shock.at)
    return value


def _covariances(c: Contents) -> dict[tuple[str, ...], float]:
    """What the correlations given so far come to."""
    spread = lambda name: c.stderr.get(name, 0.0)
    return {pair: v * spread(pair[0]) * spread(pair[1]) for pair, v in c.corr.items()}


def _keep_covariances(c: Contents, before: dict[tuple[str, ...], float]) -> None:
    """A correlation becomes a covariance where it is given; standard deviations given later leave that one as it
    is, though the correlation comes back where variances are estimated."""
    for pair, covariance in before.items():
        if _covariances(c)[pair] != covariance:
            c.covariance.setdefault(pair, covariance)
