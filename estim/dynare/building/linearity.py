"""Whether a model that is declared linear, ``model(linear)``, is so."""

from estim.dynare.reading.contents import Contents
from estim.dynare.reading.functions import DIFFERENCE, STEADY_STATE
from estim.dynare.reading.syntax import Binary, Call, Expression, Name, Number, children

_MOVING = ("variables", "shocks", "deterministic")


def require_linear(c: Contents) -> None:
    """
    Raises:
        ModFileError: the model is declared linear, and an equation is not; names its line.
    """
    if not c.linear:
        return
    for equation in c.equations:
        if not (is_linear(c, equation.left) and is_linear(c, equation.right)):
            what = f"equation '{equation.tags['name']}'" if "name" in equation.tags else "this equation"
            raise c.source.error(
                f"the model is declared linear, but {what} is not: leave 'linear' out, or linearise it",
                equation.at,
            )


def is_linear(c: Contents, expression: Expression) -> bool:
    """Linear in variables and shocks as it is written: a product has one factor, a quotient a numerator, in which
    they occur; a power other than the first and a function have none. (Parameters may enter in any way.)"""
    if not moves(c, expression):
        return True
    match expression:
        case Name(name) if c.role(name) == "locals":
            return is_linear(c, c.locals[name].value)
        case Binary("*", left, right):
            return is_linear(c, left) and is_linear(c, right) and not (moves(c, left) and moves(c, right))
        case Binary("/", left, right):
            return is_linear(c, left) and not moves(c, right)
        case Binary("^", left, Number(1.0)):
            return is_linear(c, left)
        case Binary("+" | "-", left, right):
            return is_linear(c, left) and is_linear(c, right)
        case Binary():
            return False
        case Call(function, (operand,)) if function == DIFFERENCE:
            return is_linear(c, operand)
        case Call():
            return False
    return all(is_linear(c, child) for child in children(expression))


def moves(c: Contents, expression: Expression) -> bool:
    """Whether a variable or a shock occurs in it; the steady state of one does not move."""
    match expression:
        case Name(name):
            role = c.role(name)
            return role in _MOVING or (role == "locals" and moves(c, c.locals[name].value))
        case Call(function) if function in STEADY_STATE:
            return False
    return any(moves(c, child) for child in children(expression))
