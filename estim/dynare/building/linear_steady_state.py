"""The steady state of a linear model in closed form, where its equations can be solved one by one.

Most variables of a linear model rest at zero. What does not is usually an observable with a
constant, ``dy = y - y(-1) + trend``. The static equations are ordered into blocks, each in terms
of those before it; a block without a constant rests at zero, a single equation is solved
for its variable, and a larger block with a constant is left to linear algebra.
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, maximum_bipartite_matching

from estim.dynare.building.auxiliary import is_zero, shift
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.functions import DIFFERENCE, STEADY_STATE
from estim.dynare.reading.syntax import (
    Assignment,
    Binary,
    Call,
    Expectation,
    Expression,
    Name,
    Number,
    Unary,
    children,
    rebuild,
    walk,
)

ZERO, ONE = Number(0.0), Number(1.0)


def closed_form(c: Contents, static: dict[str, Expression]) -> list[Assignment] | None:
    """Assignments to every variable, in an order in which they can be computed, or None.

    Args:
        c: the file's contents; its model is linear.
        static: its equations ``residual = 0`` at rest.
    """
    names = list(c.variables)
    if all(is_zero(c, e) for e in static.values()):
        return [Assignment(name, ZERO, 0) for name in names]
    equations = [at_rest(c, shift(c, e, 0)) for e in static.values()]
    occurs = np.array([[name in _variables(c, e) for name in names] for e in equations])
    row_of = maximum_bipartite_matching(csr_array(occurs), perm_type="row")
    if (row_of < 0).any():
        return None
    values, known = dict[str, Expression](), set[str]()
    for block in _blocks(occurs[row_of]):
        residuals = [simplify(substitute(c, equations[row_of[j]], values)) for j in block]
        if all(is_zero(c, r, known) for r in residuals):
            values |= {names[j]: ZERO for j in block}
        elif len(block) == 1:
            values[names[block[0]]] = _solve(c, residuals[0], names[block[0]])
            known.add(names[block[0]])
        else:
            return None
    return [Assignment(name, value, 0) for name, value in values.items()]


def _blocks(occurs: np.ndarray) -> list[list[int]]:
    """Strongly connected sets of variables, each after those it depends on.

    ``occurs[j]`` are the variables in the equation that is matched with variable j.
    """
    count, label = connected_components(csr_array(occurs), connection="strong")
    members = [np.flatnonzero(label == k).tolist() for k in range(count)]
    needs = [set(label[np.flatnonzero(occurs[m].any(axis=0))]) - {k} for k, m in enumerate(members)]
    ordered: list[int] = []
    while len(ordered) < count:
        ordered += [k for k in range(count) if k not in ordered and needs[k] <= set(ordered)]
    return [members[k] for k in ordered]


def _solve(c: Contents, residual: Expression, name: str) -> Expression:
    """The root of a residual that is linear in one variable: ``x = value`` as it stands, else -f(0)/f'."""
    at = lambda value: simplify(substitute(c, residual, {name: value}))
    match residual:
        case Binary("-", Name(found), value) if found == name and name not in _variables(c, value):
            return value
    constant = at(ZERO)
    return simplify(Binary("/", constant, Binary("-", constant, at(ONE))))


def at_rest(c: Contents, expression: Expression) -> Expression:
    """Without dates, and with exogenous variables at their means."""
    match expression:
        case Name(name) if name in c.variables:
            return Name(name)
        case Name(name) if c.role(name) in ("shocks", "deterministic"):
            return Number(c.initial.get(name, 0.0))
        case Expectation(_, operand):
            return at_rest(c, operand)
        case Call(function) if function == DIFFERENCE:
            return ZERO
        case Call(function, (operand,)) if function in STEADY_STATE:
            return at_rest(c, operand)
    return simplify(rebuild(expression, tuple(at_rest(c, child) for child in children(expression))))


def substitute(c: Contents, expression: Expression, values: dict[str, Expression]) -> Expression:
    """Variables that rest at zero replaced by it; others that are known keep their names."""
    match expression:
        case Name(name) if name in values:
            return values[name] if isinstance(values[name], Number) else expression
    return rebuild(expression, tuple(substitute(c, child, values) for child in children(expression)))


def simplify(expression: Expression) -> Expression:
    """Zeros and ones dropped, and what cancels."""
    expression = rebuild(expression, tuple(simplify(child) for child in children(expression)))
    match expression:
        case Binary("+", left, right) if left == ZERO:
            return right
        case Binary("+" | "-", left, right) if right == ZERO:
            return left
        case Binary("-", left, right) if left == right:
            return ZERO
        case Binary("-", left, right) if left == ZERO:
            return simplify(Unary("-", right))
        case Binary("-", left, Unary("-", right)):
            return Binary("+", left, right)
        case Binary("*", left, right) if ZERO in (left, right):
            return ZERO
        case Binary("/", left) if left == ZERO:
            return ZERO
        case Binary("*", left, right) if left == ONE:
            return right
        case Binary("*" | "/", left, right) if right == ONE:
            return left
        case Binary("/", Unary("-", left), Unary("-", right)):
            return Binary("/", left, right)
        case Unary("-", operand) if operand == ZERO:
            return ZERO
        case Unary("-", Unary("-", operand)):
            return operand
    return expression


def _variables(c: Contents, expression: Expression) -> set[str]:
    return {node.name for node in walk(expression) if isinstance(node, Name) and node.name in c.variables}
