"""Changes of what is there already: `change_type`, `model_options`, `model_remove`, `model_replace`, `var_remove`."""

from collections.abc import Iterable

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.syntax import Equation, Statement, names

DECLARED = {
    "var": "variables",
    "varexo": "shocks",
    "varexo_det": "deterministic",
    "parameters": "parameters",
}
"""What a declaration declares."""


def change_type(c: Contents, s: Statement) -> None:
    """``change_type(parameters) x y;``: from there on they are something else."""
    role = next((DECLARED[o.name] for o in s.options if o.name in DECLARED), None)
    if role is None:
        raise c.source.error("expected: change_type(var | varexo | varexo_det | parameters) NAMES;", s.at)
    for name in s.items:
        old = c.role(name.name)
        if old is None:
            raise c.unknown(name.name, name.at, c.names)
        getattr(c, role)[name.name] = getattr(c, old).pop(name.name)


def model_options(c: Contents, s: Statement) -> None:
    """``model_options(linear);``"""
    c.linear |= s.option("linear") is not None


def model_remove(c: Contents, s: Statement) -> None:
    """``model_remove('law', [sector='home', kind='demand']);``: equations by their tags, each with the variable that it
    determines: the one of its tag `endogenous`, or the only one on its left side. That one becomes exogenous where it
    is still in the model, and disappears where it is not."""
    removed = take_out(c, s.items, s.at)
    determined = [_determined(c, equation) for equation in removed]
    left = _used(c)
    for name in determined:
        symbol = c.variables.pop(name)
        if name in left:
            c.shocks[name] = symbol


def take_out(c: Contents, selectors: Iterable[dict[str, str]], at: int) -> list[Equation]:
    """The equations that have all tags of one of the selectors; they are no longer in the model.

    Raises:
        ModFileError: there is none for a selector.
    """
    chosen: list[Equation] = []
    for wanted in selectors:
        found = [e for e in c.equations if wanted.items() <= e.tags.items()]
        if not found:
            tags = ", ".join(f"{tag}='{text}'" for tag, text in wanted.items())
            raise c.source.error(f"no equation of the model has {tags}", at)
        chosen += [e for e in found if e not in chosen]
    c.equations = [e for e in c.equations if e not in chosen]
    return chosen


def var_remove(c: Contents, s: Statement) -> None:
    """Variables and parameters that no equation has any more."""
    used = _used(c)
    for name in s.items:
        role = c.role(name.name)
        if role is None:
            raise c.unknown(name.name, name.at, c.names)
        if name.name in used:
            raise c.source.error(f"'{name.name}' is still in the model", name.at)
        getattr(c, role).pop(name.name)


def _determined(c: Contents, equation: Equation) -> str:
    given = equation.tags.get("endogenous")
    if given in c.variables:
        return given
    found = {n.name for n in names(equation.left) if n.name in c.variables}
    if given or len(found) != 1:
        raise c.source.error(
            "which variable goes with this equation? Say so by its tag 'endogenous', or have one on its left side",
            equation.at,
        )
    return found.pop()


def _used(c: Contents) -> set[str]:
    expressions = [e for q in (*c.equations, *c.bound.values()) for e in (q.left, q.right)]
    expressions += [local.value for local in c.locals.values()]
    return {n.name for e in expressions for n in names(e)}
