"""The checks on a dynamic program as its author wrote it down, at construction: do the parts fit together?"""

from typing import Any

import jax
import jax.numpy as jnp

from estim.arguments import ArgumentError, check_fields, shown
from estim.simulation_checks import param_symbols
from estim.specification_checks import check_names, check_prior_tuple, check_values, quoted, scalar, trace
from estim.tracing import ModelError


def check_decision_parts(spec: Any) -> None:
    """
    Raises:
        ModelError: the parts do not fit together.
    """
    check_names(spec, ("observables",) if spec.observables._fields else ())
    check_prior_tuple(spec, arrays=True)
    try:
        check_fields(spec)
    except ArgumentError as error:
        raise ModelError(f"{spec.name}: {error}") from None
    check_values(spec, "start_values")
    _check_form(spec)
    if (spec.log_probability or spec.draw) and not spec.observables._fields:
        raise ModelError(f"{spec.name}: log_probability and draw need 'observables', the columns of a row")
    used = _check_functions(spec)
    if spec.log_probability is None and (idle := [n for n in spec.estimated if n not in used]):
        raise ModelError(f"{spec.name}: the prior gives {quoted(idle)}, which no function of the model uses")


def _check_form(spec: Any) -> None:
    """Is it written in one of the two ways, and completely?"""
    if spec.bellman is not None:
        if others := [n for n in ("reward", "continuation", "taste") if getattr(spec, n) is not None]:
            raise ModelError(f"{spec.name}: with bellman, the operator itself, there is no {others[0]}")
        if spec.start is None:
            raise ModelError(f"{spec.name}: bellman needs start, params -> value, where the search begins")
    elif spec.reward is None or spec.continuation is None:
        raise ModelError(f"{spec.name}: give reward and continuation, or the operator bellman itself")
    elif spec.policy is not None:
        raise ModelError(f"{spec.name}: policy is for bellman; with reward it is the best action")


def _check_functions(spec: Any) -> set[str]:
    """Trace each function once on symbols; returns the parameters that are read."""
    params = param_symbols(spec)
    used: set[str] = set()
    names = {"prior": spec.param_names}

    def trace_one(role: str, read: Any, **arguments: Any) -> None:
        found = trace(spec, role, getattr(spec, role), read, names, **arguments)
        used.update(name for argument, name in found if argument == "params")

    kept: list[Any] = []

    def keep(result: Any) -> list[Any]:
        leaves = jax.tree.leaves(result)
        if not leaves:
            raise ModelError(
                f"{spec.name}: start must return a value, a pytree of arrays, not {shown(result)}"
            )
        kept.append(jax.tree.map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x), float), result))
        return leaves

    def rewards(result: Any) -> list[Any]:
        if jnp.ndim(result) < 1:
            raise ModelError(f"{spec.name}: reward must have the shape [*states, n_actions], not ()")
        kept.append(jax.ShapeDtypeStruct(jnp.shape(result), float))
        return [result]

    if spec.start is not None:
        trace_one("start", keep, params=params)
    if spec.bellman is not None:
        trace_one("bellman", _like(spec, "bellman", kept[0]), value=kept[0], params=params)
        if spec.policy is not None:
            trace_one("policy", jax.tree.leaves, value=kept[0], params=params)
        return used
    trace_one("reward", rewards, params=params)
    full = kept[-1].shape
    value = jax.ShapeDtypeStruct(full[:-1], float)
    if spec.start is not None:
        _like(spec, "start", value)(kept[0])

    def broadcasts(result: Any) -> list[Any]:
        shape = jnp.shape(result)
        if len(shape) != len(full) or any(n not in (1, m) for n, m in zip(shape, full, strict=True)):
            raise ModelError(
                f"{spec.name}: continuation has shape {shape}; reward has {full}, and an axis along which "
                "continuation is the same has size 1"
            )
        return [result]

    trace_one("continuation", broadcasts, value=value, params=params)
    if spec.taste is not None:
        trace_one("taste", lambda scale: [scalar(spec, "taste", scale)], params=params)
    return used


def _like(spec: Any, role: str, value: Any) -> Any:
    def read(result: Any) -> list[Any]:
        wanted, found = str(jax.tree.structure(value)), str(jax.tree.structure(result))
        if wanted != found:
            raise ModelError(f"{spec.name}: {role} must return a value like {wanted}, not {found}")
        for one, other in zip(jax.tree.leaves(value), jax.tree.leaves(result), strict=True):
            if jnp.shape(one) != jnp.shape(other):
                raise ModelError(
                    f"{spec.name}: {role} has shape {jnp.shape(other)}, a value {jnp.shape(one)}"
                )
        return jax.tree.leaves(result)

    return read
