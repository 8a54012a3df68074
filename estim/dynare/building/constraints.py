"""The constraints of a file that bind at times, as expressions of the system that estim solves."""

from collections.abc import Sequence

from estim.dynare.building.auxiliary import Auxiliaries, shift
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.occbin import gap
from estim.dynare.reading.syntax import Equation, Expression, residual


def constraints(
    c: Contents, auxiliaries: Auxiliaries, equations: Sequence[Equation], names: Sequence[str]
) -> tuple[dict[str, Expression], dict[str, tuple[Expression, Expression, Expression]]]:
    """Slacks of the tag `mcp`, and for each constraint of `occbin_constraints`, in its order, the other equation and
    what is negative where it begins to bind and where it lets go; all by the name of the equation replaced.

    Args:
        equations: the file's, of the reference regime.
        names: theirs.
    """
    written = lambda expression: auxiliaries.rewrite(shift(c, expression, 0))
    slacks = {n: written(c.slacks[e.at]) for n, e in zip(names, equations, strict=True) if e.at in c.slacks}
    replaced = {e.tags["relax"]: n for n, e in zip(names, equations, strict=True) if "relax" in e.tags}
    alternatives = {
        replaced[name]: (
            written(residual(c.bound[name])),
            written(gap(c, condition.bind, condition.at)),
            written(gap(c, condition.relax or condition.bind, condition.at)),
        )
        for name, condition in c.conditions.items()
    }
    return slacks, alternatives
