"""A traced program evaluated by NumPy: for what is asked once, compiling it would take longer than all the rest."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.extend import core

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
    structure = jax.tree.structure(shape)

    def run(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            flat = [np.float64(x) if np.ndim(x) == 0 else np.asarray(x) for x in jax.tree.leaves(arguments)]
            return jax.tree.unflatten(structure, _run(program.jaxpr, program.consts, flat))

    return run


def _run(jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
    known = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*map(np.asarray, consts), *inputs), strict=True))
    read = lambda atom: atom.val if isinstance(atom, core.Literal) else known[atom]
    for eqn in jaxpr.eqns:
        x = [read(a) for a in eqn.invars]
        known.update(zip(eqn.outvars, _outputs(eqn, x), strict=True))
    return [read(a) for a in jaxpr.outvars]


def _outputs(eqn: core.JaxprEqn, x: list[Any]) -> Sequence[Any]:
    name, params = eqn.primitive.name, eqn.params
    if (inner := params.get("jaxpr", params.get("call_jaxpr"))) is not None and name in _CALLS:
        return _run(inner.jaxpr, inner.consts, x)
    if name in _PLAIN:
        return [_PLAIN[name](*x)]
    if name == "integer_pow":
        return [np.power(x[0], float(params["y"]))]
    if name == "convert_element_type" and np.ndim(x[0]) == 0:
        return [np.dtype(params["new_dtype"]).type(x[0])]
    y = eqn.primitive.bind(*x, **eqn.primitive.get_bind_params(params))
    return [np.asarray(v) for v in (y if eqn.primitive.multiple_results else [y])]


_CALLS = (*CALLS, "custom_jvp_call", "closed_call")
_PLAIN: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": lambda x, y: np.divide(x, y) if np.issubdtype(np.result_type(x, y), np.inexact) else lax.div(x, y),
    "neg": np.negative,
    "add_any": np.add,
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
    "stop_gradient": lambda x: x,
    "copy": lambda x: x,
}
