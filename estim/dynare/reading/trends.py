"""Models in growing variables: `trend_var`, `log_trend_var` and the deflators of variables.

Every variable y with the deflator D is written as y D in all equations, dated alike, and every trend A with the growth
factor g, A(0) = A(-1) g(0), by its growth since today; in balanced growth today's A cancels, so that it may be one
(Dynare's reference manual, "Automatic detrending").
"""

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.parser import parse_expression
from estim.dynare.reading.syntax import (
    Assignment,
    Binary,
    Equation,
    Expression,
    Name,
    Number,
    Option,
    Statement,
    children,
    rebuild,
)


def trend_var(c: Contents, s: Statement) -> None:
    """``trend_var(growth_factor=g) A;`` or ``log_trend_var(log_growth_factor=g) a;``

    Raises:
        ModFileError: it says no growth.
    """
    logs = s.keyword == "log_trend_var"
    given = s.option("log_growth_factor" if logs else "growth_factor")
    if given is None or not given.value:
        raise c.source.error(
            f"expected: {s.keyword}({'log_' if logs else ''}growth_factor=EXPRESSION) NAME;", s.at
        )
    for symbol in s.items:
        if c.role(symbol.name) is not None:
            raise c.source.error(f"'{symbol.name}' is declared twice", symbol.at)
        c.growth[symbol.name] = _parsed(c, given), logs


def deflated(c: Contents, s: Statement, option: Option) -> bool:
    """Is the option of a declaration a deflator? Then it is kept for the variables."""
    if option.name not in ("deflator", "log_deflator") or not option.value:
        return False
    for symbol in s.items:
        c.deflators[symbol.name] = _parsed(c, option), option.name == "log_deflator"
    return True


def detrended(c: Contents, item: Equation | Assignment) -> Equation | Assignment:
    """An equation, or a local variable, in stationary variables."""
    if not c.growth and not c.deflators:
        return item
    of = lambda side: _without_trends(c, _inflated(c, side))
    if isinstance(item, Assignment):
        return Assignment(item.name, of(item.value), item.at)
    return Equation(of(item.left), of(item.right), item.tags, item.at)


def _parsed(c: Contents, option: Option) -> Expression:
    return parse_expression(c.source, option.value or "", option.at)


def _inflated(c: Contents, node: Expression) -> Expression:
    match node:
        case Name(name, lag) if name in c.deflators:
            deflator, logs = c.deflators[name]
            return Binary("+" if logs else "*", node, _dated(deflator, lag))
    return rebuild(node, tuple(_inflated(c, child) for child in children(node)))


def _without_trends(c: Contents, node: Expression) -> Expression:
    match node:
        case Name(name, lag) if name in c.growth:
            growth, logs = c.growth[name]
            together, apart, nothing = ("+", "-", 0.0) if logs else ("*", "/", 1.0)
            found: Expression = Number(nothing)
            for k in range(1, lag + 1) if lag > 0 else range(0, lag, -1):
                step = _without_trends(c, _dated(growth, k))
                found = Binary(together if lag > 0 else apart, found, step)
            return found
    return rebuild(node, tuple(_without_trends(c, child) for child in children(node)))


def _dated(node: Expression, lag: int) -> Expression:
    """Every name so many periods later; parameters have no date that matters."""
    if isinstance(node, Name):
        return Name(node.name, node.lag + lag, node.at)
    return rebuild(node, tuple(_dated(child, lag) for child in children(node)))
