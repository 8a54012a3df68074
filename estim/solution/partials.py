"""Sparse derivatives of scalar programs, by forward mode over the traced operations.

A model's equations are many scalar functions that each read a few of many inputs. Every
intermediate value carries its partial derivatives as {input: partial}, so that what does not
depend on an input costs nothing, and the keys that are left say which input is in which output.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from estim.typing import Array, Scalar

Partials = dict[int, Any]
"""Input index -> partial derivative: a scalar of a model's program, or a float where constant."""


def sparse_partials(
    fn: Callable[..., Sequence[Scalar]], inputs: Sequence[Any]
) -> tuple[list[Scalar], list[Partials]]:
    """Values and partial derivatives of every output of ``fn(*inputs)``.

    Args:
        fn: a function of scalars that returns a sequence of scalars; it may close over traced values.
        inputs: the scalars at which to evaluate.
    """
    inputs = [jnp.asarray(x, float) for x in inputs]
    closed = jax.make_jaxpr(lambda *x: [jnp.asarray(y, float) for y in fn(*x)])(*inputs)
    return _evaluate(closed.jaxpr, closed.consts, inputs, [{i: 1.0} for i in range(len(inputs))])


def dense(rows: list[Partials], num_columns: int) -> Array:
    """Partials as a matrix ``[n_outputs, num_columns]``; entries that are floats are compiled in."""
    matrix = np.zeros((len(rows), num_columns))
    at, computed = [], []
    for i, row in enumerate(rows):
        for j, entry in row.items():
            if isinstance(entry, float):
                matrix[i, j] = entry
            else:
                at.append((i, j))
                computed.append(entry)
    if not at:
        return jnp.asarray(matrix)
    return jnp.asarray(matrix).at[tuple(np.transpose(at))].set(jnp.stack(computed), unique_indices=True)


def _evaluate(jaxpr, consts, inputs, partials):
    value: dict[core.Var, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *inputs), strict=True))
    tangent: dict[core.Var, Partials] = dict(zip(jaxpr.invars, partials, strict=True))

    read = lambda atom: atom.val if isinstance(atom, core.Literal) else value[atom]
    read_partials = lambda atom: {} if isinstance(atom, core.Literal) else tangent.get(atom, {})

    for eqn in jaxpr.eqns:
        x, dx = [read(a) for a in eqn.invars], [read_partials(a) for a in eqn.invars]
        y, dy = _apply(eqn, x, dx)
        value.update(zip(eqn.outvars, y, strict=True))
        tangent.update(zip(eqn.outvars, dy, strict=True))
    return [read(a) for a in jaxpr.outvars], [read_partials(a) for a in jaxpr.outvars]


def _apply(eqn, x: list[Any], dx: list[Partials]) -> tuple[list[Any], list[Partials]]:
    """Outputs of one operation, and their partials."""
    if eqn.primitive.name in ("jit", "pjit"):
        closed = eqn.params["jaxpr"]
        return _evaluate(closed.jaxpr, closed.consts, x, dx)

    def operation(*x):
        y = eqn.primitive.bind(*x, **eqn.primitive.get_bind_params(eqn.params))
        return y if eqn.primitive.multiple_results else [y]

    if not any(dx) or not all(jnp.issubdtype(v.aval.dtype, jnp.inexact) for v in eqn.outvars):
        return operation(*x), [{} for _ in eqn.outvars]
    match eqn.primitive.name:
        case "add":
            return operation(*x), [_sum(*dx)]
        case "sub":
            return operation(*x), [_sum(dx[0], _scaled(-1.0, dx[1]))]
        case "neg":
            return operation(*x), [_scaled(-1.0, dx[0])]
        case "mul":
            return operation(*x), [_sum(_scaled(x[1], dx[0]), _scaled(x[0], dx[1]))]
        case "div" if not dx[1]:
            return operation(*x), [_scaled(1.0 / x[1], dx[0])]
    active = [k for k, d in enumerate(dx) if d]
    varying = lambda *a: operation(*(a[active.index(k)] if k in active else x[k] for k in range(len(x))))
    y, push = jax.linearize(varying, *(x[k] for k in active))
    inputs = sorted(set().union(*dx))
    columns = [push(*(jnp.broadcast_to(dx[k].get(i, 0.0), jnp.shape(x[k])) for k in active)) for i in inputs]
    return y, [dict(zip(inputs, row, strict=True)) for row in zip(*columns, strict=True)]


def _sum(a: Partials, b: Partials) -> Partials:
    return a | {i: a[i] + d if i in a else d for i, d in b.items()}


def _scaled(factor: Any, partials: Partials) -> Partials:
    def product(d):
        if isinstance(d, float) and abs(d) == 1.0:
            return factor if d > 0 else -factor
        if isinstance(factor, float) and abs(factor) == 1.0:
            return d if factor > 0 else -d
        return factor * d

    return {i: product(d) for i, d in partials.items()}
