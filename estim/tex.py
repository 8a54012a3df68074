"""A program of scalars, as JAX traced it, in TeX: the equations of a model as they are read."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.extend import core

from estim.numerics.reads import CALLS

_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
    *("nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
    *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"),
)
_SUM, _PRODUCT, _POWER, _ATOM = range(4)
_FUNCTIONS = {
    "exp": "exp",
    "log": "ln",
    "tanh": "tanh",
    "sin": "sin",
    "cos": "cos",
    "max": "max",
    "min": "min",
}


class Term(NamedTuple):
    """TeX, and how tightly it holds together."""

    text: str
    level: int = _ATOM

    def at(self, level: int) -> str:
        """In brackets where it would fall apart."""
        return self.text if self.level >= level else rf"\left({self.text}\right)"


def symbol(name: str) -> str:
    """A name as a symbol: ``rho_z`` is Greek with a subscript."""
    head, _, rest = name.rstrip("_").partition("_")
    letters = rf"\{head}" if head in _GREEK else head if len(head) == 1 else rf"\mathrm{{{head}}}"
    return letters if not rest else rf"{letters}_{{{escape_tex(rest)}}}"


def dated(name: str, when: str) -> str:
    """A variable at a date: ``t``, ``t-1``, ``t+1``."""
    base = symbol(name)
    return rf"{base[:-1]},{when}}}" if "_{" in base and base.endswith("}") else rf"{base}_{{{when}}}"


def equations(program: core.ClosedJaxpr, inputs: Sequence[str]) -> list[str]:
    """``left = right`` for each output of a program that is zero.

    Args:
        program: of scalars alone.
        inputs: TeX of each input.
    """
    return [_balanced(term) for term in _terms(program, [Term(text) for text in inputs])]


def _balanced(term: Any) -> str:
    left, right = term if isinstance(term, tuple) and not isinstance(term, Term) else (term, Term("0"))
    return f"{left.text} = {right.text}"


def _terms(program: core.ClosedJaxpr, inputs: list[Term]) -> list[Any]:
    """The outputs; a difference as the pair of what is subtracted from what."""
    made = {v: eqn for eqn in program.jaxpr.eqns for v in eqn.outvars}
    known: dict[Any, Term] = dict(zip(program.jaxpr.invars, inputs, strict=True))
    known |= {v: _number(x) for v, x in zip(program.jaxpr.constvars, program.consts, strict=True)}

    def read(atom: Any) -> Term:
        if isinstance(atom, core.Literal):
            return _number(atom.val)
        if atom not in known:
            eqn = made[atom]
            arguments = [read(a) for a in eqn.invars]
            if eqn.primitive.name in CALLS:
                outputs = [_one(t) for t in _terms(eqn.params["jaxpr"], arguments)]
            else:
                outputs = [_written(eqn, arguments)] * len(eqn.outvars)
            known.update(zip(eqn.outvars, outputs, strict=True))
        return known[atom]

    def output(atom: Any) -> Any:
        while (eqn := made.get(atom)) is not None and eqn.primitive.name in ("convert_element_type", "copy"):
            atom = eqn.invars[0]
        if eqn is not None and eqn.primitive.name == "sub":
            return read(eqn.invars[0]), read(eqn.invars[1])
        return read(atom)

    return [output(atom) for atom in program.jaxpr.outvars]


def _one(term: Any) -> Term:
    if isinstance(term, Term):
        return term
    return Term(f"{term[0].text} - {term[1].at(_PRODUCT)}", _SUM)


def _written(eqn: core.JaxprEqn, x: list[Term]) -> Term:
    name = eqn.primitive.name
    if name in _WRITTEN:
        return _WRITTEN[name](*x)
    if name == "integer_pow":
        return Term(f"{x[0].at(_ATOM)}^{{{eqn.params['y']}}}", _POWER)
    head = rf"\{_FUNCTIONS[name]}" if name in _FUNCTIONS else rf"\operatorname{{{escape_tex(name)}}}"
    return Term(rf"{head}\left({', '.join(term.text for term in x)}\right)")


def _product(a: Term, b: Term) -> Term:
    for factor, other in ((a, b), (b, a)):
        if factor.text == "1.0" or factor.text == "1":
            return other
    apart = r" \cdot " if b.text[:1].isdigit() or b.text.startswith("-") else r" \, "
    return Term(f"{a.at(_PRODUCT)}{apart}{b.at(_PRODUCT)}", _PRODUCT)


_WRITTEN: dict[str, Callable[..., Term]] = {
    "add": lambda a, b: Term(f"{a.text} + {b.text}", _SUM),
    "add_any": lambda a, b: Term(f"{a.text} + {b.text}", _SUM),
    "sub": lambda a, b: Term(f"{a.text} - {b.at(_PRODUCT)}", _SUM),
    "mul": _product,
    "div": lambda a, b: Term(rf"\frac{{{a.text}}}{{{b.text}}}"),
    "neg": lambda a: Term(f"-{a.at(_PRODUCT)}", _SUM),
    "pow": lambda a, b: Term(f"{a.at(_ATOM)}^{{{b.text}}}", _POWER),
    "square": lambda a: Term(f"{a.at(_ATOM)}^{{2}}", _POWER),
    "sqrt": lambda a: Term(rf"\sqrt{{{a.text}}}"),
    "convert_element_type": lambda a: a,
    "copy": lambda a: a,
    "stop_gradient": lambda a: a,
}


def _number(value: Any) -> Term:
    if np.ndim(value):
        return Term(r"\cdot")
    text = f"{float(value):.6g}"
    return Term(text, _SUM if text.startswith("-") else _ATOM)


def escape_tex(text: str) -> str:
    """Text with the characters that TeX would read otherwise."""
    return "".join(rf"\{c}" if c in "_%&#${}" else c for c in text)
