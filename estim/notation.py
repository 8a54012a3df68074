"""A program of scalars, as JAX traced it, as text: the equations of a model as they are read."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.extend import core

from estim.numerics.reads import CALLS

SUM, PRODUCT, POWER, ATOM = range(4)
"""How tightly a term holds together."""


class Term(NamedTuple):
    """Text, and how tightly it holds together."""

    text: str
    level: int = ATOM


class Notation(NamedTuple):
    """A way to write arithmetic.

    Attributes:
        written: text of an operation from that of its operands, by primitive.
        called: text of every other primitive, given its name and its operands.
        number: text of a number.
    """

    written: Mapping[str, Callable[..., Term]]
    called: Callable[[str, list[Term]], Term]
    number: Callable[[float], Term]


def terms(
    program: core.ClosedJaxpr, inputs: Sequence[Term], notation: Notation
) -> list[Term | tuple[Term, Term]]:
    """Each output of a program of scalars; a difference as the pair of what is subtracted from what."""
    made = {v: eqn for eqn in program.jaxpr.eqns for v in eqn.outvars}
    known: dict[Any, Term] = dict(zip(program.jaxpr.invars, inputs, strict=True))
    constants = zip(program.jaxpr.constvars, program.consts, strict=True)
    known |= {v: _constant(x, notation) for v, x in constants}

    def read(atom: Any) -> Term:
        if isinstance(atom, core.Literal):
            return _constant(atom.val, notation)
        if atom not in known:
            eqn = made[atom]
            arguments = [read(a) for a in eqn.invars]
            if eqn.primitive.name in (*CALLS, "custom_jvp_call"):
                called = eqn.params["jaxpr" if "jaxpr" in eqn.params else "call_jaxpr"]
                inner = terms(called, arguments, notation)
                outputs = [t if isinstance(t, Term) else notation.written["sub"](*t) for t in inner]
            else:
                outputs = [_written(eqn, arguments, notation)] * len(eqn.outvars)
            known.update(zip(eqn.outvars, outputs, strict=True))
        return known[atom]

    def output(atom: Any) -> Term | tuple[Term, Term]:
        eqn = None if isinstance(atom, core.Literal) else made.get(atom)
        if eqn is not None and eqn.primitive.name in ("convert_element_type", "copy"):
            return output(eqn.invars[0])
        if eqn is not None and eqn.primitive.name == "sub":
            return read(eqn.invars[0]), read(eqn.invars[1])
        return read(atom)

    return [output(atom) for atom in program.jaxpr.outvars]


def _written(eqn: core.JaxprEqn, x: list[Term], notation: Notation) -> Term:
    name = eqn.primitive.name
    if name in ("convert_element_type", "copy", "stop_gradient"):
        return x[0]
    if name == "integer_pow":
        name, x = "pow", [*x, Term(str(eqn.params["y"]), SUM if eqn.params["y"] < 0 else ATOM)]
    return notation.written[name](*x) if name in notation.written else notation.called(name, x)


def _constant(value: Any, notation: Notation) -> Term:
    return notation.called("array", []) if np.ndim(value) else notation.number(float(value))
