"""A planner who closes a model: `planner_objective`, `ramsey_model` and `ramsey_policy`."""

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.parser import parse_expression
from estim.dynare.reading.syntax import Number, Statement

_OPTIONS = ("planner_discount", "planner_discount_latex_name", "instruments")


def planner_objective(c: Contents, s: Statement) -> None:
    """What the planner maximises, discounted."""
    c.objective = s.items[0]


def ramsey_model(c: Contents, s: Statement) -> None:
    """Under commitment."""
    if c.objective is None:
        raise c.source.error(f"'{s.keyword}' needs a 'planner_objective' above it", s.at)
    given = s.option("planner_discount")
    discount = parse_expression(c.source, given.value, given.at) if given and given.value else Number(1.0)
    c.check_names(discount)
    c.planner = c.objective, discount, s.at


def ramsey_policy(c: Contents, s: Statement) -> Statement:
    """The same, and the `stoch_simul` that it stands for."""
    ramsey_model(c, s)
    return Statement("stoch_simul", tuple(o for o in s.options if o.name not in _OPTIONS), s.items, s.at)
