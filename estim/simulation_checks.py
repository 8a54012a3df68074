"""The checks on a simulation as its author wrote it down, at construction: do the parts fit together?"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.interpreters import partial_eval

from estim.arguments import ArgumentError, check_fields, shown
from estim.specification_checks import (
    check_names,
    check_prior_tuple,
    check_values,
    is_number,
    is_real,
    quoted,
    read_errors,
    read_tuple,
    scalar,
    symbols,
    trace,
)
from estim.tracing import ModelError


def check_simulation_parts(spec: Any) -> None:
    """
    Raises:
        ModelError: the parts do not fit together.
    """
    check_names(spec, ("shocks", "observables"))
    check_prior_tuple(spec, arrays=True)
    try:
        check_fields(spec)
    except ArgumentError as error:
        raise ModelError(f"{spec.name}: {error}") from None
    check_values(spec, "start_values")
    _check_functions(spec)


def param_symbols(spec: Any) -> Any:
    """An abstract array for each parameter, a scalar but where the default is an array."""
    return type(spec.prior)(
        *(
            jax.ShapeDtypeStruct(np.shape(leaf) if is_real(leaf) else (), float)
            for leaf in spec.prior._asdict().values()
        )
    )


def state_symbols(spec: Any) -> Any:
    """An abstract state."""
    return jax.eval_shape(lambda p: jax.tree.map(jnp.asarray, spec.start(p)), param_symbols(spec))


def has_added_errors(spec: Any) -> bool:
    """Whether a measurement that takes errors is linear in them, by factors that no state moves."""

    def factors(params, state, errors):
        return jax.jacfwd(lambda e: spec.observe(state, params, e))(errors)

    errors = jax.ShapeDtypeStruct((len(spec.observables._fields),), float)
    return not _reads(factors, param_symbols(spec), state_symbols(spec), errors)


def is_linear(spec: Any) -> bool:
    """Whether state and observables are linear in the state before and the shocks, by factors that neither moves."""
    state = state_symbols(spec)
    if any(leaf.dtype != jnp.result_type(float) for leaf in jax.tree.leaves(state)):
        return False
    shocks = spec.shocks(*[jax.ShapeDtypeStruct((), float)] * len(spec.shocks._fields))

    def factors(params, state, shocks):
        moves = jax.jacfwd(lambda s, e: spec.transition(s, e, params), (0, 1))(state, shocks)
        return moves, jax.jacfwd(lambda s: spec.observe(s, params))(state)

    return not _reads(factors, param_symbols(spec), state, shocks) and _adds_up(spec)


def _adds_up(spec: Any) -> bool:
    """The same at the defaults by numbers: a step function has no slopes, and is not linear."""
    with jax.ensure_compile_time_eval():
        params = spec.params()
        flat, unravel = ravel_pytree(jax.tree.map(lambda x: jnp.asarray(x, float), spec.start(params)))

        def seen(x):
            after = spec.transition(unravel(x[: flat.size]), spec.shocks(*x[flat.size :]), params)
            return jnp.concatenate([ravel_pytree(after)[0], spec.observe(after, params)])

        at = jnp.concatenate([flat, jnp.zeros(len(spec.shocks._fields))])
        move = 1.0 + 0.7 * jnp.sin(1.0 + jnp.arange(at.size)) * jnp.maximum(jnp.abs(at), 1.0)
        value, slope = jax.jvp(seen, (at,), (move,))
        near = lambda k: jnp.allclose(seen(at + k * move), value + k * slope, rtol=1e-9, atol=1e-9)
        return all(bool(near(k)) for k in (1.0, -3.0, 10.0))


def _reads(function: Callable[..., Any], params: Any, *others: Any) -> bool:
    """Whether what a function of (params, *others) returns depends on any of the others."""
    program = jax.make_jaxpr(function)(params, *others).jaxpr
    _, read = partial_eval.dce_jaxpr(program, [True] * len(program.outvars))
    return any(read[len(jax.tree.leaves(params)) :])


def _check_functions(spec: Any) -> None:
    """Trace each function once on symbols."""
    params = param_symbols(spec)
    names = {"prior": spec.param_names, "shocks": spec.shocks._fields}
    used: set[str] = set()

    def trace_one(role: str, function: Any, read: Callable[[Any], list[Any]], **arguments: Any) -> None:
        found = trace(spec, role, function, read, names, **arguments)
        used.update(name for argument, name in found if argument == "params")

    begun: list[Any] = []

    def first(state: Any) -> list[Any]:
        leaves = jax.tree.leaves(state)
        if not leaves:
            raise ModelError(
                f"{spec.name}: start must return a state, a pytree of arrays, not {shown(state)}"
            )
        for path, leaf in jax.tree.leaves_with_path(state):
            if not is_number(leaf) and not is_real(leaf):
                raise ModelError(
                    f"{spec.name}: start{_at(path)} is {shown(leaf)}, not a real number or array"
                )
        begun.append(jax.tree.map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x), jnp.asarray(x).dtype), state))
        return leaves

    trace_one("start", spec.start, first, params=params)
    (state,) = begun
    if hasattr(state, "_fields"):
        names["state"] = state._fields

    def like_state(role: str) -> Callable[[Any], list[Any]]:
        def read(after: Any) -> list[Any]:
            like, found_like = (str(jax.tree.structure(x)) for x in (state, after))
            if like != found_like:
                raise ModelError(
                    f"{spec.name}: {role} must return a state like that of start, {like}, not {found_like}"
                )
            ahead = jax.tree.leaves(after)
            for (path, before), leaf in zip(jax.tree.leaves_with_path(state), ahead, strict=True):
                found = jnp.asarray(leaf)
                if (found.shape, found.dtype) != (before.shape, before.dtype):
                    raise ModelError(
                        f"{spec.name}: {role}{_at(path)} has shape {found.shape} and type {found.dtype}, in "
                        f"start {before.shape} and {before.dtype}"
                    )
            return ahead

        return read

    def observed(result: Any) -> list[Any]:
        n = len(spec.observables._fields)
        if getattr(result, "shape", None) == (n,) and is_real(result):
            return [result]
        return read_tuple(spec, "measurement", spec.observables, f" or a vector [{n}]", plain=True)(result)

    shocks = symbols(spec.shocks)
    trace_one(
        "transition", spec.transition, like_state("transition"), state=state, shocks=shocks, params=params
    )
    errors = {"errors": symbols(spec.observables)} if spec.takes_errors else {}
    trace_one("measurement", spec.measurement, observed, state=state, params=params, **errors)
    if spec.measurement_error is not None:
        if spec.takes_errors:
            raise ModelError(
                f"{spec.name}: measurement takes errors itself, so there can be no measurement_error beside it"
            )
        trace_one("measurement_error", spec.measurement_error, read_errors(spec, plain=True), params=params)
    if spec.start_errors is not None:
        trace_one("start_errors", spec.start_errors, like_state("start_errors"), params=params)
    if spec.joint_prior is not None:
        one = lambda value: [scalar(spec, "joint_prior", value)]
        trace_one("joint_prior", spec.joint_prior, one, params=params)
    if idle := [name for name in spec.estimated if name not in used]:
        raise ModelError(
            f"{spec.name}: the prior gives {quoted(idle)}, which no function of the simulation uses"
        )


def _at(path: Any) -> str:
    name = jax.tree_util.keystr(path, simple=True, separator=".")
    return f": '{name}'" if name else ""
