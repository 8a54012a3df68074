"""Programs of scalars in Dynare's own arithmetic."""

from collections.abc import Sequence

from jax.extend import core

from estim.dynare.reading.functions import FUNCTIONS
from estim.notation import ATOM, POWER, PRODUCT, SUM, Notation, Term, terms

LONGEST = 100_000


class NoArithmeticError(ValueError):
    """A program does what Dynare's language cannot say."""


def expressions(program: core.ClosedJaxpr, inputs: Sequence[str]) -> list[str]:
    """Each output of a program of scalars, given the text of each input.

    Raises:
        NoArithmeticError: an operation is none of Dynare's, or an expression grows without end.
    """
    return [
        _bounded(_difference(*term) if not isinstance(term, Term) else term).text
        for term in terms(program, [Term(text) for text in inputs], DYNARE)
    ]


def equations(program: core.ClosedJaxpr, inputs: Sequence[str]) -> list[str]:
    """``left = right`` for each output of a program that is zero; raises as `expressions`."""
    sides = terms(program, [Term(text) for text in inputs], DYNARE)
    pairs = [(term, Term("0")) if isinstance(term, Term) else term for term in sides]
    return [f"{_bounded(left).text} = {_bounded(right).text}" for left, right in pairs]


def _bounded(term: Term) -> Term:
    if len(term.text) > LONGEST:
        raise NoArithmeticError(f"an expression of {len(term.text):,} characters")
    return term


def _within(term: Term, level: int) -> str:
    return term.text if term.level >= level else f"({_bounded(term).text})"


def _called(name: str, x: list[Term]) -> Term:
    if name not in FUNCTIONS:
        raise NoArithmeticError(f"the operation '{name}'")
    return Term(f"{name}({', '.join(_bounded(term).text for term in x)})")


def number(value: float) -> Term:
    """To the last bit."""
    text = str(int(value)) if value == int(value) and abs(value) < 1e6 else repr(value)
    return Term(text, SUM if text.startswith("-") else ATOM)


def _difference(a: Term, b: Term) -> Term:
    return Term(f"{a.text} - {_within(b, PRODUCT)}", SUM)


def _sum(a: Term, b: Term) -> Term:
    return Term(f"{a.text} + {_within(b, PRODUCT) if b.text.startswith('-') else b.text}", SUM)


DYNARE = Notation(
    {
        "add": _sum,
        "add_any": _sum,
        "sub": _difference,
        "mul": lambda a, b: Term(f"{_within(a, PRODUCT)}*{_within(b, POWER)}", PRODUCT),
        "div": lambda a, b: Term(f"{_within(a, PRODUCT)}/{_within(b, POWER)}", PRODUCT),
        "neg": lambda a: Term(f"-{_within(a, POWER)}", SUM),
        "pow": lambda a, b: Term(f"{_within(a, ATOM)}^{_within(b, ATOM)}", POWER),
        "square": lambda a: Term(f"{_within(a, ATOM)}^2", POWER),
        "log1p": lambda a: Term(f"log(1 + {_within(a, PRODUCT)})"),
        "expm1": lambda a: Term(f"(exp({a.text}) - 1)"),
        "logistic": lambda a: Term(f"(1/(1 + exp(-{_within(a, ATOM)})))"),
        "rsqrt": lambda a: Term(f"1/sqrt({a.text})", PRODUCT),
    },
    _called,
    number,
)
