"""Constraints that bind at times: `occbin_constraints` with the tags `bind` and `relax`, and the tag `mcp`."""

from dataclasses import replace

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.parser import parse_expression
from estim.dynare.reading.syntax import Binary, Equation, Expression, Name, Statement, names

_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
"""Where a constraint has no `relax`, it lets go as soon as it does not bind."""


def occbin_constraints(c: Contents, s: Statement) -> None:
    """``name 'zlb'; bind i < 0; relax inot > 0;``, any number of them."""
    for condition in s.items:
        if condition.name in c.conditions:
            raise c.source.error(f"the constraint '{condition.name}' is given twice", condition.at)
        for relation in filter(None, (condition.bind, condition.relax)):
            gap(c, relation, condition.at)
            for name in names(relation):
                if name.lag:
                    raise c.source.error(
                        f"the condition of '{condition.name}' must be of today's variables, not of "
                        f"{name.name}({name.lag:+d})",
                        name.at,
                    )
            c.check_names(relation)
        c.conditions[condition.name] = condition


def gap(c: Contents, relation: Expression, at: int) -> Expression:
    """What is negative where ``a < b`` or ``a > b`` holds."""
    match relation:
        case Binary("<" | "<=", left, right):
            return Binary("-", left, right)
        case Binary(">" | ">=", left, right):
            return Binary("-", right, left)
    raise c.source.unsupported("a condition that is no comparison of two numbers", at)


def other_regime(c: Contents, equation: Equation) -> bool:
    """Is it the equation of a regime that is not the reference? It is kept apart then."""
    if "bind" not in equation.tags:
        return False
    name = equation.tags["bind"]
    if "," in name or name in c.bound:
        c.shared = equation.at
    c.bound[name] = equation
    return True


def settle_constraints(c: Contents) -> None:
    """Has each constraint its two equations and its conditions? Constraints that share equations are passed over: the
    model is that in which none binds."""
    if c.shared is not None:
        c.pass_over("a constraint that binds in several equations", c.shared)
        c.bound, c.conditions = {}, {}
        for i, (command, values) in enumerate(c.commands):
            if command.keyword == "occbin_solver":
                what = ("a constraint that binds in several equations ('occbin_solver')",)
                c.commands[i] = Statement("unsupported", (), what, command.at), values
        return
    relaxed = {e.tags["relax"]: e for e in c.equations if "relax" in e.tags}
    for name, equation in {**relaxed, **c.bound}.items():
        if name not in c.conditions:
            raise c.source.error(
                f"'{name}' is the name of no constraint in 'occbin_constraints' "
                "(an equation has one constraint here)",
                equation.at,
            )
    for name, condition in [*c.conditions.items()]:
        for tag, known in (("relax", relaxed), ("bind", c.bound)):
            if name not in known:
                raise c.source.error(f"no equation has the tag {tag}='{name}'", condition.at)
        if condition.relax is None and isinstance(condition.bind, Binary):
            until = Binary(_OPPOSITE[condition.bind.operator], condition.bind.left, condition.bind.right)
            c.conditions[name] = replace(condition, relax=until)


def mixed_complementarity(c: Contents, equation: Equation) -> tuple[Equation, Expression] | None:
    """The equation with the tag ``mcp='x > number'``, its residual not negative there, and the slack.

    Dynare's residual, left less right, is positive where the variable is at a lower bound, negative at an upper one.
    """
    if "mcp" not in equation.tags:
        return None
    relation = parse_expression(c.source, equation.tags["mcp"], equation.at)
    match relation:
        case Binary(">" | ">=", Name(name, 0), bound) if name in c.variables:
            slack, left, right = Binary("-", Name(name), bound), equation.left, equation.right
        case Binary("<" | "<=", Name(name, 0), bound) if name in c.variables:
            slack, left, right = Binary("-", bound, Name(name)), equation.right, equation.left
        case Binary(">" | ">=" | "<" | "<=", Binary(">" | ">=" | "<" | "<="), _):
            what = f"a complementarity with two bounds ('{equation.tags['mcp']}')"
            c.pass_over(what, equation.at)
            c.foresight = c.foresight._replace(unknown=f"{what} is not supported by estim")
            return None
        case _:
            raise c.source.error(
                f"the tag mcp='{equation.tags['mcp']}' must be of the form 'variable > number' or "
                "'variable < number'",
                equation.at,
            )
    c.check_names(slack)
    return Equation(left, right, equation.tags, equation.at), slack
