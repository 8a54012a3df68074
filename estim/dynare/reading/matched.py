"""What `method_of_moments` matches: products of observables, or responses to shocks."""

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.histories import path_of
from estim.dynare.reading.syntax import Binary, Expression, Name, Number, Statement

type Product = tuple[tuple[str, int], ...]
"""Variables, each with its lead (a lag is negative), whose product has the moment; a square is there twice."""

_MOST = 4
"""Factors of a moment."""


def matched_moments(c: Contents, s: Statement) -> None:
    """``c; c*y(-1); c^2*y;``: the mean of each, of one observable or a product of up to four."""
    if s.option("overwrite") is not None:
        c.matched = []
    observed = {name.name for name in c.observables} or set(c.variables)
    for item in s.items:
        product = _product(item.left)
        for name, _ in product or ():
            c.require(name, item.at, "variables")
            if name not in observed:
                raise c.source.error(f"'{name}' has a moment but is not in 'varobs'", item.at)
        if not product or len(product) > _MOST:
            raise c.source.unsupported(
                f"a moment of other than a product of up to {_MOST} observables", item.at
            )
        c.matched.append(product)


def _product(e: Expression) -> Product | None:
    match e:
        case Name(name, lag):
            return ((name, lag),)
        case Binary("^", Name(name, lag), Number(power)) if power in range(1, _MOST + 1):
            return ((name, lag),) * int(power)
        case Binary("*", left, right):
            a, b = _product(left), _product(right)
            return (*a, *b) if a and b else None
    return None


def matched_irfs(c: Contents, s: Statement) -> None:
    """``var y; varexo e; periods 1:3; values 0.2; weights 100;``: responses to a standard deviation of a shock, and the
    inverses of the variances with which they are known, one without `weights`."""
    if s.option("overwrite") is not None:
        c.responses = {}
    for variable, shock, periods, values, weights, at in s.items:
        c.require(variable, at, "variables")
        c.require(shock, at, "shocks")
        if c.observables and variable not in {name.name for name in c.observables}:
            raise c.source.error(f"the response of '{variable}' is matched, but it is not in 'varobs'", at)
        path = path_of(c, variable, periods, values, at)
        known = path_of(c, variable, periods, weights, at) if weights else dict.fromkeys(path, 1.0)
        if any(not weight > 0 for weight in known.values()):
            raise c.source.error(f"the weights of '{variable}' must be positive", at)
        c.responses.setdefault((variable, shock), {}).update({t: (path[t], known[t]) for t in path})
