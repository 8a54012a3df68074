"""The statements that give the covariance matrix of shocks and measurement errors."""

import math

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.syntax import Shock, Statement

_UNSUPPORTED = {
    "surprise": "an occasionally binding constraint",
    "learnt_in": "a perfect-foresight simulation",
}


def shocks(c: Contents, s: Statement) -> None:
    """``shocks; ... end;``: what it does not mention stays as it is, unless it says `overwrite`."""
    for option in (o for o in s.options if o.name != "overwrite"):
        what = _UNSUPPORTED.get(option.name, "the option")
        raise c.source.unsupported(f"{what} ('shocks({option.name})')", option.at)
    if s.option("overwrite") is not None:
        c.stderr, c.corr, c.covariance = {}, {}, {}
    before = _covariances(c)
    values = [(shock, _value(c, shock)) for shock in s.items if not _announced(c, shock)]
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


def set_shock_stderr_value(c: Contents, s: Statement) -> None:
    """``set_shock_stderr_value('e', value);``"""
    name, value = s.items
    c.require(name.name, name.at, "shocks")
    before = _covariances(c)
    c.stderr[name.name] = _checked(c, Shock("stderr", (name.name,), value, name.at))
    _keep_covariances(c, before)


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


def _announced(c: Contents, shock: Shock) -> bool:
    """Is it the announced path of a deterministic variable? It is skipped; one of a shock is refused."""
    if shock.kind == "deterministic" and c.role(shock.names[0]) == "deterministic":
        c.warn(f"skipped: the announced path of '{shock.names[0]}'", shock.at)
        return True
    if shock.kind == "deterministic":
        raise c.source.unsupported("a perfect-foresight simulation ('periods')", shock.at)
    return False


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
