"""The checks on a dynamic program as its author wrote it down, at construction: do the parts fit together?"""

from typing import Any

import jax
import jax.numpy as jnp

from estim.arguments import ArgumentError, check_fields, did_you_mean, shown
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
    used = _check_functions(spec) | set(spec.unknowns)
    _check_equilibrium(spec)
    untraced = (spec.log_probability, spec.motion, spec.measurement, spec.clearing)
    if not any(untraced) and (idle := [n for n in spec.estimated if n not in used]):
        raise ModelError(f"{spec.name}: the prior gives {quoted(idle)}, which no function of the model uses")


def _check_form(spec: Any) -> None:
    """Is it written in one of the two ways, and completely?"""
    if spec.bellman is not None:
        if others := [n for n in ("reward", "continuation", "taste") if getattr(spec, n) is not None]:
            raise ModelError(f"{spec.name}: with bellman, the operator itself, there is no {others[0]}")
        if spec.start is None:
            raise ModelError(f"{spec.name}: bellman needs start, params -> value, where the search begins")
    elif spec.follows_a_rule:
        if spec.log_probability is None and spec.motion is None:
            raise ModelError(f"{spec.name}: give reward and continuation, or the operator bellman itself")
    elif spec.reward is None or spec.continuation is None:
        raise ModelError(f"{spec.name}: give reward and continuation, or the operator bellman itself")
    elif others := [n for n in ("policy", "follow") if getattr(spec, n) is not None]:
        raise ModelError(f"{spec.name}: {others[0]} is for bellman; with reward it is the best action")
    if spec.follow is not None and spec.policy is None:
        raise ModelError(f"{spec.name}: follow needs policy, (value, params) -> what is followed")


def _check_equilibrium(spec: Any) -> None:
    """Do unknown, clearing and distribution go together?"""
    if bool(spec.unknowns) != (spec.clearing is not None):
        raise ModelError(f"{spec.name}: unknowns and clearing belong together: give both or neither")
    if len(spec.unknowns) > 1:
        raise ModelError(f"{spec.name}: one unknown is solved for, not {quoted(spec.unknowns)}")
    for name in spec.unknowns:
        if name not in spec.param_names:
            hint = did_you_mean(name, spec.param_names)
            raise ModelError(f"{spec.name}: the unknown '{name}' is not among the parameters{hint}")
        if name in spec.estimated:
            raise ModelError(
                f"{spec.name}: the unknown '{name}' has a prior; it is solved for: give a number"
            )
    if spec.population is not None and spec.motion is None:
        raise ModelError(f"{spec.name}: population is where motion begins, and there is none")
    if spec.measurement is not None and spec.motion is None:
        raise ModelError(
            f"{spec.name}: measurement is over the stationary distribution, and there is no motion"
        )


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
            policies: list[Any] = []

            def policy(result: Any) -> list[Any]:
                policies.append(
                    jax.tree.map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)), result)
                )
                return jax.tree.leaves(result)

            trace_one("policy", policy, value=kept[0], params=params)
            if spec.follow is not None:
                given = {"policy": policies[0], "value": kept[0], "params": params}
                trace_one("follow", _like(spec, "follow", kept[0]), **given)
        return used
    if spec.follows_a_rule:
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
