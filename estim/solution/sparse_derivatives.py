"""Sparse derivatives of scalar programs, by forward mode over the traced operations.

A model's equations are many scalar functions that each read a few of many inputs. Every
intermediate value carries its partial derivatives as {input: partial}, so that what does not
depend on an input costs nothing. JAX takes longer over an operation than the machine does, each time
that it traces and differentiates one; so a value is computed when a derivative asks for it only, and
nothing twice.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend import core

from estim.numerics.interpreted import perform
from estim.numerics.reads import CALLS
from estim.typing import Array, Scalar

SparseRow = dict[int, Any]
"""Input index -> partial derivative: a scalar of a model's program, or a float where constant."""


def sparse_jacobian(
    fn: Callable[..., Sequence[Scalar]], inputs: Sequence[Any]
) -> tuple[list[Scalar], list[SparseRow]]:
    """Values and partial derivatives of every output of ``fn(*inputs)``.

    Args:
        fn: a function of scalars that returns a sequence of scalars; it may close over traced values.
        inputs: the scalars at which to evaluate.
    """
    inputs = [jnp.asarray(x, float) for x in inputs]
    program = jax.make_jaxpr(lambda *x: [jnp.asarray(y, float) for y in fn(*x)])(*inputs)
    return evaluate(program, inputs), differentiate(program, inputs, range(len(inputs)))


@partial(jax.jit, static_argnums=0)
def evaluate(program: core.ClosedJaxpr, inputs: Sequence[Any]) -> list[Scalar]:
    """The outputs of a program."""
    return _Values(program, inputs, _Once()).outputs()


def differentiate(program: core.ClosedJaxpr, inputs: Sequence[Any], active: range) -> list[SparseRow]:
    """The partial derivatives of a program's outputs by the ``active`` ones of its inputs, which are numbered
    from the first of these on."""
    partials: list[SparseRow] = [{i - active.start: 1.0} if i in active else {} for i in range(len(inputs))]
    return _push_forward(program, _Values(program, inputs, _Once()), partials)


def jacobian_on_host(program: core.ClosedJaxpr, inputs: Sequence[float], active: range) -> np.ndarray:
    """The same at numbers, by NumPy and as a matrix ``[n_outputs, len(active)]``: nothing is traced."""
    partials: list[SparseRow] = [{i - active.start: 1.0} if i in active else {} for i in range(len(inputs))]
    numbers = [np.float64(x) for x in inputs]
    matrix = np.zeros((len(program.jaxpr.outvars), len(active)))
    with np.errstate(all="ignore"):
        for i, row in enumerate(_push_forward(program, _Values(program, numbers, _OnHost()), partials)):
            matrix[i, list(row)] = list(row.values())
    return matrix


def dense(rows: list[SparseRow], num_columns: int) -> Array:
    """SparseRow as a matrix ``[n_outputs, num_columns]``; entries that are floats are compiled in."""
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


class _Once:
    """Operations on values, the same on the same values done once."""

    def __init__(self) -> None:
        self._done: dict[Any, Any] = {}

    def __call__(self, operation: Callable[..., Any], *x: Any, **params: Any) -> Any:
        same = operation, *params.items(), *(v.hex() if isinstance(v, float) else id(v) for v in x)
        if same not in self._done:
            self._done[same] = operation(*x, **params), x  # with x, whose identity nothing else then has
        return self._done[same][0]

    def literal(self, value: Any) -> Any:
        """A constant of a program."""
        return float(value) if jnp.issubdtype(value.dtype, jnp.floating) else value

    def number(self, value: Any) -> Any:
        """What JAX computed."""
        return value


class _OnHost(_Once):
    """Operations on NumPy's numbers, which are done sooner than they are remembered."""

    def __call__(self, operation: Callable[..., Any], *x: Any, **params: Any) -> Any:
        if operation is _bind:
            return perform(x[0], params, x[1:])
        if operation is _chosen:
            return x[2] if x[0] else x[1]
        return perform(_PRIMITIVES[operation], params, x)[0]

    def literal(self, value: Any) -> Any:
        return np.float64(value) if np.issubdtype(value.dtype, np.floating) else np.asarray(value)[()]

    def number(self, value: Any) -> Any:
        return np.asarray(value)[()]


_PRIMITIVES: dict[Callable[..., Any], core.Primitive] = {
    lax.add: lax.add_p,
    lax.mul: lax.mul_p,
    lax.div: lax.div_p,
    lax.neg: lax.neg_p,
    lax.pow: lax.pow_p,
    lax.integer_pow: lax.integer_pow_p,
    lax.exp: lax.exp_p,
    lax.sign: lax.sign_p,
}


class _Values:
    """The values of a program's variables, each computed when it is asked for."""

    def __init__(self, program: core.ClosedJaxpr, inputs: Sequence[Any], once: _Once):
        jaxpr = program.jaxpr
        self.once, self._wanted = once, jaxpr.outvars
        self._made_by = {v: eqn for eqn in jaxpr.eqns for v in eqn.outvars}
        self._known = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*program.consts, *inputs), strict=True))

    def __getitem__(self, atom: Any) -> Any:
        if isinstance(atom, core.Literal):
            return self.once.literal(atom.val)
        asked = [atom]
        while asked:
            if asked[-1] in self._known:
                asked.pop()
                continue
            eqn = self._made_by[asked[-1]]
            if first := [a for a in eqn.invars if isinstance(a, core.Var) and a not in self._known]:
                asked += first
            else:
                self.note(eqn, self._compute(eqn))
        return self._known[atom]

    def note(self, eqn: core.JaxprEqn, outputs: Sequence[Any]) -> None:
        """What an operation yields."""
        self._known.update(zip(eqn.outvars, outputs, strict=True))

    def outputs(self) -> list[Any]:
        return [self[a] for a in self._wanted]

    def within(self, eqn: core.JaxprEqn) -> "_Values":
        """Those of the program that an operation calls."""
        return _Values(eqn.params["jaxpr"], [self[a] for a in eqn.invars], self.once)

    def _compute(self, eqn: core.JaxprEqn) -> list[Any]:
        if eqn.primitive.name in CALLS:
            return self.within(eqn).outputs()
        return self.once(_bind, eqn.primitive, *(self[a] for a in eqn.invars), **eqn.params)


def _bind(primitive: core.Primitive, *x: Any, **params: Any) -> list[Any]:
    y = primitive.bind(*x, **primitive.get_bind_params(params))
    return y if primitive.multiple_results else [y]


def _push_forward(
    program: core.ClosedJaxpr, values: _Values, partials: Sequence[SparseRow]
) -> list[SparseRow]:
    """SparseRow of a program's outputs from those of its inputs."""
    tangent: dict[core.Var, SparseRow] = dict(zip(program.jaxpr.invars, partials, strict=True))
    read = lambda atom: {} if isinstance(atom, core.Literal) else tangent.get(atom, {})
    for eqn in program.jaxpr.eqns:
        dx = [read(a) for a in eqn.invars]
        if any(dx) and all(_is_real(v) for v in eqn.outvars):
            tangent.update(zip(eqn.outvars, _push_through(eqn, values, dx), strict=True))
    return [read(a) for a in program.jaxpr.outvars]


def _is_real(variable: Any) -> bool:
    return jnp.issubdtype(variable.aval.dtype, jnp.inexact)


def _push_through(eqn: core.JaxprEqn, values: _Values, dx: list[SparseRow]) -> list[SparseRow]:
    """SparseRow of the outputs of one operation."""
    once = values.once
    operand = lambda k: values[eqn.invars[k]]
    match eqn.primitive.name:
        case "add":
            return [_sum(once, *dx)]
        case "sub":
            return [_sum(once, dx[0], _scaled(once, -1.0, dx[1]))]
        case "neg":
            return [_scaled(once, -1.0, dx[0])]
        case "mul":
            by_first = _scaled(once, operand(1), dx[0]) if dx[0] else {}
            by_second = _scaled(once, operand(0), dx[1]) if dx[1] else {}
            return [_sum(once, by_first, by_second)]
        case "div" if not dx[1]:
            divisor = operand(1)
            factor = 1.0 / divisor if isinstance(divisor, float) else once(lax.div, 1.0, divisor)
            return [_scaled(once, factor, dx[0])]
        case "div":
            quotient = values[eqn.outvars[0]]
            by_second = _scaled(once, once(lax.neg, once(lax.div, quotient, operand(1))), dx[1])
            by_first = _scaled(once, once(lax.div, 1.0, operand(1)), dx[0]) if dx[0] else {}
            return [_sum(once, by_first, by_second)]
        case name if name in _SLOPES:
            return [_scaled(once, _SLOPES[name](once, operand(0), lambda: values[eqn.outvars[0]]), dx[0])]
        case "pow" if not dx[1]:
            return [_scaled(once, _slope_of_power(once, operand(0), operand(1)), dx[0])]
        case "integer_pow" if (power := eqn.params["y"]) not in (0, 1):
            factor = once(lax.mul, float(power), once(lax.integer_pow, operand(0), y=power - 1))
            return [_scaled(once, factor, dx[0])]
        case "select_n" if len(dx) == 3:
            chosen = lambda i: once(_chosen, operand(0), dx[1].get(i, 0.0), dx[2].get(i, 0.0))
            return [{i: chosen(i) for i in dx[1] | dx[2]}]
        case name if name in CALLS:
            return _push_forward(eqn.params["jaxpr"], values.within(eqn), dx)
    x, active = [values[a] for a in eqn.invars], [k for k, d in enumerate(dx) if d]
    varying = lambda *a: _bind(
        eqn.primitive, *(a[active.index(k)] if k in active else x[k] for k in range(len(x))), **eqn.params
    )
    y, push = jax.linearize(varying, *(x[k] for k in active))
    values.note(eqn, [once.number(v) for v in y])
    inputs = sorted(set().union(*dx))
    along = lambda i: push(*(jnp.broadcast_to(dx[k].get(i, 0.0), jnp.shape(x[k])) for k in active))
    columns = [[once.number(v) for v in along(i)] for i in inputs]
    return [dict(zip(inputs, row, strict=True)) for row in zip(*columns, strict=True)]


def _slope_of_power(once: _Once, x: Any, power: Any) -> Any:
    """Of ``x**power`` by x: zero where the power is, whatever x."""
    if isinstance(power, float):
        return once(lax.mul, power, once(lax.pow, x, power - 1.0)) if power else 0.0
    lower = once(lax.sub, once(_chosen, once(lax.eq, power, 0.0), power, 1.0), 1.0)
    return once(lax.mul, power, once(lax.pow, x, lower))


def _chosen(which: Any, otherwise: Any, then: Any) -> Any:
    return jnp.where(which, then, otherwise)


def _bell(once: _Once, x: Any, height: float) -> Any:
    """``height exp(-x^2)``."""
    return once(lax.mul, height, once(lax.exp, once(lax.neg, once(lax.mul, x, x))))


_SLOPES: dict[str, Callable[..., Any]] = {
    "exp": lambda once, x, y: y(),
    "log": lambda once, x, y: once(lax.div, 1.0, x),
    "sqrt": lambda once, x, y: once(lax.div, 0.5, y()),
    "abs": lambda once, x, y: once(lax.sign, x),
    "erf": lambda once, x, y: _bell(once, x, 2.0 / math.sqrt(math.pi)),
    "erfc": lambda once, x, y: _bell(once, x, -2.0 / math.sqrt(math.pi)),
}
"""Derivatives of functions of one number, given it and what makes their value."""


def _sum(once: _Once, a: SparseRow, b: SparseRow) -> SparseRow:
    def total(c, d):
        return c + d if isinstance(c, float) and isinstance(d, float) else once(lax.add, c, d)

    return a | {i: total(a[i], d) if i in a else d for i, d in b.items()}


def _scaled(once: _Once, factor: Any, partials: SparseRow) -> SparseRow:
    def product(c, d):
        if isinstance(c, float) and isinstance(d, float):
            return c * d
        if isinstance(d, float):
            c, d = d, c
        if isinstance(c, float) and abs(c) == 1.0:
            return d if c > 0 else once(lax.neg, d)
        return once(lax.mul, c, d)

    return {i: product(factor, d) for i, d in partials.items()}
