"""Which inputs of a traced program each of its outputs reads: no values are involved."""

from collections.abc import Sequence

from jax.extend import core

CALLS = ("jit", "pjit")
"""Primitives that stand for a program of their own."""


def reads(program: core.ClosedJaxpr) -> list[set[int]]:
    """Which inputs of a program each of its outputs reads."""
    return _reads_given(program, [{i} for i in range(len(program.jaxpr.invars))])


def _reads_given(program: core.ClosedJaxpr, inputs: Sequence[set[int]]) -> list[set[int]]:
    """What the outputs read, from what each input stands for."""
    found: dict[core.Var, set[int]] = dict(zip(program.jaxpr.invars, inputs, strict=True))
    read = lambda atom: set() if isinstance(atom, core.Literal) else found.get(atom, set())
    for eqn in program.jaxpr.eqns:
        x = [read(a) for a in eqn.invars]
        if eqn.primitive.name in CALLS:
            y = _reads_given(eqn.params["jaxpr"], x)
        else:
            y = [set().union(*x)] * len(eqn.outvars)
        found.update(zip(eqn.outvars, y, strict=True))
    return [read(a) for a in program.jaxpr.outvars]
