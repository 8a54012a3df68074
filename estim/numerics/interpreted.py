"""A traced program evaluated by NumPy: for what is asked once, compiling it would take longer than all the rest."""

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.extend import core
from scipy import special
from scipy.linalg import lapack

from estim.numerics.reads import CALLS


def interpreted(fn: Callable[..., Any], *example: Any) -> Callable[..., Any]:
    """The function of numbers that `fn` computes, traced once at `example` and compiled never.

    Args:
        fn: a function of trees of scalars that JAX can trace.
        example: arguments of the same structure as those to come.

    Returns:
        ``fn`` on NumPy's floats; what NumPy has no operation for, JAX computes. Invalid operations give NaN.
    """
    program, shape = jax.make_jaxpr(fn, return_shape=True)(*example)
    structure, run = jax.tree.structure(shape), interpreted_program(program)
    return lambda *arguments: jax.tree.unflatten(structure, run(*jax.tree.leaves(arguments)))


def interpreted_program(program: core.ClosedJaxpr) -> Callable[..., list[Any]]:
    """The same of a program that is traced already: from its inputs to its outputs, one after another."""
    run_program = _laid_out(program)

    def run(*inputs: Any) -> list[Any]:
        flat = [np.float64(x) if type(x) is float or np.ndim(x) == 0 else np.asarray(x) for x in inputs]
        with np.errstate(all="ignore"):
            return run_program(flat)

    return run


_GENERAL, _UNARY = -2, -1
"""In place of the second operand."""


@lru_cache(maxsize=256)
def _laid_out(program: core.ClosedJaxpr) -> Callable[[Sequence[Any]], list[Any]]:
    """From inputs to outputs: each value of the program, and of those that it calls, has a place of its own, and a step
    reads and writes places."""
    start: list[Any] = []
    steps: list[tuple[Callable[..., Any], int, int, int]] = []

    def new(value: Any = None) -> int:
        start.append(value)
        return len(start) - 1

    def lay_out(program: core.ClosedJaxpr, given: list[int]) -> list[int]:
        jaxpr = program.jaxpr
        constants = [new(np.asarray(value)) for value in program.consts]
        place = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *given), strict=True))
        read = lambda atom: new(_literal(atom.val)) if isinstance(atom, core.Literal) else place[atom]
        for eqn in jaxpr.eqns:
            name, operands = eqn.primitive.name, [read(a) for a in eqn.invars]
            if name in _CALLS:
                results = lay_out(_called(eqn.params), operands)
            else:
                results = [new() for _ in eqn.outvars]
                if name in _PLAIN and len(operands) < 3:
                    first, second = (*operands, _UNARY)[:2]
                    steps.append((_PLAIN[name], first, second, results[0]))
                else:
                    steps.append((_step(eqn, operands, results), 0, _GENERAL, 0))
            place.update(zip(eqn.outvars, results, strict=True))
        return [read(a) for a in jaxpr.outvars]

    inputs = [new() for _ in program.jaxpr.invars]
    outputs = lay_out(program, inputs)

    def run(values: Sequence[Any]) -> list[Any]:
        at = start.copy()
        at[: len(inputs)] = values
        for operation, first, second, result in steps:
            if second >= 0:
                at[result] = operation(at[first], at[second])
            elif second == _UNARY:
                at[result] = operation(at[first])
            else:
                operation(at)
        return [at[k] for k in outputs]

    return run


def _step(eqn: core.JaxprEqn, operands: list[int], results: list[int]) -> Callable[[list[Any]], None]:
    """An operation that is none of one or two numbers."""

    def step(at: list[Any]) -> None:
        for k, y in zip(results, perform(eqn.primitive, eqn.params, [at[k] for k in operands]), strict=True):
            at[k] = y

    return step


def _called(params: dict[str, Any]) -> core.ClosedJaxpr:
    """The program that an operation stands for."""
    return params["jaxpr" if "jaxpr" in params else "call_jaxpr"]


def _literal(value: Any) -> Any:
    """A constant as a number of NumPy's, whose division by zero is no error."""
    return np.float64(value) if isinstance(value, float) else value


def perform(primitive: core.Primitive, params: dict[str, Any], x: Sequence[Any]) -> Sequence[Any]:
    """The outputs of one operation on NumPy's numbers and arrays."""
    name = primitive.name
    if name in _PLAIN:
        return [_PLAIN[name](*x)]
    if name in _CALLS:
        return _laid_out(_called(params))(x)
    if name == "integer_pow":
        return [np.power(x[0], float(params["y"]))]
    if name == "while":
        return _loop(params, list(x))
    if name == "cond":
        branch = params["branches"][min(max(int(x[0]), 0), len(params["branches"]) - 1)]
        return _laid_out(branch)(x[1:])
    if name == "custom_linear_solve":
        return _linear_solve(params, list(x))
    if name in _SHAPED and (y := _SHAPED[name](params, *x)) is not None:
        return y
    y = primitive.bind(*x, **primitive.get_bind_params(params))
    return [np.asarray(v) for v in (y if primitive.multiple_results else [y])]


def _divide(x: Any, y: Any) -> Any:
    return np.divide(x, y) if np.issubdtype(np.result_type(x, y), np.inexact) else lax.div(x, y)


def _loop(params: dict[str, Any], x: list[Any]) -> list[Any]:
    """A `while` of JAX."""
    asks, does = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
    condition, body, carry = params["cond_jaxpr"], params["body_jaxpr"], list(x[does:])
    holds, step = _laid_out(condition), _laid_out(body)
    while holds([*x[:asks], *carry])[0]:
        carry = step([*x[asks:does], *carry])
    return carry


def _linear_solve(params: dict[str, Any], x: list[Any]) -> list[Any]:
    """By the program that solves."""
    lengths, solve = params["const_lengths"], params["jaxprs"].solve
    before = lengths.matvec + lengths.vecmat
    return _laid_out(solve)([*x[before : before + lengths.solve], *x[sum(lengths) :]])


def _lu(params: dict[str, Any], x: Any) -> list[Any] | None:
    if np.ndim(x) != 2 or not np.size(x):
        return None
    factors, pivots, _ = lapack.dgetrf(x)
    order = np.arange(len(x))
    for i, j in enumerate(pivots):
        order[[i, j]] = order[[j, i]]
    return [factors, pivots.astype(np.int32), order.astype(np.int32)]


def _triangular(params: dict[str, Any], a: Any, b: Any) -> list[Any] | None:
    if np.ndim(a) != 2 or not params["left_side"] or params["conjugate_a"]:
        return None
    options = {"lower": params["lower"], "trans": params["transpose_a"], "unitdiag": params["unit_diagonal"]}
    return [lapack.dtrtrs(a, b, **options)[0]]


def _broadcast(params: dict[str, Any], x: Any) -> list[Any]:
    sizes = np.ones(len(params["shape"]), int)
    sizes[list(params["broadcast_dimensions"])] = np.shape(x)
    return [np.broadcast_to(np.reshape(x, sizes), params["shape"])]


def _iota(params: dict[str, Any]) -> list[Any]:
    along, shape = params["dimension"], params["shape"]
    return _broadcast(
        {"shape": shape, "broadcast_dimensions": (along,)}, np.arange(shape[along], dtype=params["dtype"])
    )


def _dot(params: dict[str, Any], a: Any, b: Any) -> list[Any] | None:
    (left, right), batch = params["dimension_numbers"]
    return [np.tensordot(a, b, (left, right))] if batch == ((), ()) else None


def _put(params: dict[str, Any], into: Any, at: Any, values: Any) -> list[Any] | None:
    """Numbers put at points of an array that is known to have them."""
    numbers = params["dimension_numbers"]
    every = tuple(range(np.ndim(into)))
    plain = numbers.inserted_window_dims == numbers.scatter_dims_to_operand_dims == every
    if not (plain and params["unique_indices"] and np.ndim(at) == 2 and not numbers.operand_batching_dims):
        return None
    result = np.array(into)
    result[tuple(np.asarray(at).T)] = values
    return [result]


_SHAPED: dict[str, Callable[..., list[Any] | None]] = {
    "convert_element_type": lambda params, x: [np.asarray(x).astype(params["new_dtype"])[()]],
    "iota": _iota,
    "reshape": lambda params, x: (
        [np.reshape(x, params["new_sizes"])] if params["dimensions"] is None else None
    ),
    "squeeze": lambda params, x: [np.squeeze(x, params["dimensions"])],
    "argmax": lambda params, x: [np.argmax(x, params["axes"][0]).astype(params["index_dtype"])],
    "stack": lambda params, *x: [np.array(x) if np.ndim(x[0]) == 0 else np.stack(x, params["axis"])],
    "unstack": lambda params, x: list(np.moveaxis(x, params["axis"], 0)),
    "concatenate": lambda params, *x: [np.concatenate(x, params["dimension"])],
    "split": lambda params, x: np.split(x, np.cumsum(params["sizes"])[:-1], params["axis"]),
    "broadcast_in_dim": _broadcast,
    "transpose": lambda params, x: [np.transpose(x, params["permutation"])],
    "reduce_sum": lambda params, x: [np.sum(x, params["axes"])],
    "reduce_max": lambda params, x: [np.max(x, params["axes"])],
    "reduce_min": lambda params, x: [np.min(x, params["axes"])],
    "reduce_and": lambda params, x: [np.all(x, params["axes"])],
    "reduce_or": lambda params, x: [np.any(x, params["axes"])],
    "dot_general": _dot,
    "scatter": _put,
    "lu": _lu,
    "triangular_solve": _triangular,
}
"""Operations on arrays, by their parameters; None where this case is JAX's."""

_CALLS = (*CALLS, "custom_jvp_call", "closed_call")
_PLAIN: dict[str, Callable[..., Any]] = {
    "add": operator.add,  # of single numbers ten times as fast as np.add
    "sub": operator.sub,
    "mul": operator.mul,
    "div": lambda x, y: x / y if isinstance(x, np.float64) else _divide(x, y),
    "neg": operator.neg,
    "add_any": operator.add,
    "pow": np.power,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "abs": np.abs,
    "sign": np.sign,
    "max": np.maximum,
    "min": np.minimum,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
    "erf": special.erf,
    "erfc": special.erfc,
    "square": np.square,
    "gt": np.greater,
    "lt": np.less,
    "ge": np.greater_equal,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "select_n": lambda which, *cases: np.where(which, *cases[::-1]) if len(cases) == 2 else cases[int(which)],
    "not": lambda x: np.logical_not(x) if np.asarray(x).dtype == bool else np.invert(x),
    "is_finite": np.isfinite,
    "stop_gradient": lambda x: x,
    "copy": lambda x: x,
}
