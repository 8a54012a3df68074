"""The checks on a model as its author wrote it down, at construction: do the parts fit together?

Each function is traced once, on symbols. What is wrong is a `ModelError` that names the model, the function, and the
equation, variable or parameter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro.distributions import Distribution

from estim.arguments import ArgumentError, check_fields, did_you_mean, is_finite, shown
from estim.heterogeneity.block import HetBlock
from estim.heterogeneity.check_block import BlockFault, check_block
from estim.prior_checks import check_prior
from estim.priors import Component, PriorError
from estim.tracing import ModelError, call

RESERVED = {
    "observables": {"date": "the column of the dates has this name"},
    "parameters": {"chain": "draws are numbered by it", "draw": "draws are numbered by it"},
}


def check_model_parts(model: Any) -> None:
    """
    Raises:
        ModelError: the parts do not fit together.
    """
    _check_names(model)
    _check_prior(model)
    try:
        check_fields(model)
    except ArgumentError as error:
        raise ModelError(f"{model.name}: {error}") from None
    _check_values(model)
    _check_blocks(model)
    _check_unknowns(model, _check_functions(model))


def _check_names(model: Any) -> None:
    if not isinstance(model.name, str) or not model.name.strip():
        raise ModelError(f"a model's name must be text, not {shown(model.name)}")
    for role in ("variables", "shocks", "observables"):
        kind = getattr(model, role)
        if not (isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")):
            instead = f"; give {type(kind).__name__} itself" if hasattr(kind, "_fields") else ""
            raise ModelError(f"{model.name}: '{role}' must be a NamedTuple type, not {shown(kind)}{instead}")
        if not kind._fields:
            raise ModelError(f"{model.name}: '{role}' is empty")
    if both := set(model.variables._fields) & set(model.shocks._fields):
        raise ModelError(f"{model.name}: {quoted(sorted(both))} is both a variable and a shock")
    for name, why in RESERVED["observables"].items():
        if name in model.observables._fields:
            raise ModelError(f"{model.name}: an observable cannot be called '{name}': {why}")


def _check_prior(model: Any) -> None:
    prior: Any = model.prior
    if isinstance(prior, type) and hasattr(prior, "_fields"):
        raise ModelError(
            f"{model.name}: 'prior' must be a NamedTuple of parameters: write {prior.__name__}()"
        )
    if not isinstance(prior, tuple) or not hasattr(prior, "_fields"):
        raise ModelError(
            f"{model.name}: 'prior' must be a NamedTuple of parameters, not {type(prior).__name__}"
        )
    for name, leaf in zip(model.prior._fields, model.prior, strict=True):
        if name in RESERVED["parameters"]:
            raise ModelError(
                f"{model.name}: a parameter cannot be called '{name}': {RESERVED['parameters'][name]}"
            )
        if isinstance(leaf, Distribution):
            if leaf.shape() != ():
                raise ModelError(
                    f"{model.name}: the prior of '{name}' has shape {leaf.shape()}; it must be scalar, "
                    f"for several parameters take `jointly` of a distribution"
                )
            try:
                check_prior(name, leaf)
            except PriorError as error:
                raise ModelError(f"{model.name}: {error}") from None
        elif isinstance(leaf, Component):
            names, size = components(prior, leaf.joint), leaf.joint.shape()[0]
            if [getattr(prior, n).place for n in names] != list(range(size)):
                raise ModelError(
                    f"{model.name}: {quoted(names)} share a joint prior of {size} parameters; "
                    "give each of its components to one of them"
                )
        elif not is_number(leaf):
            call_it = f"; write {leaf.__name__}(...)" if callable(leaf) and hasattr(leaf, "__name__") else ""
            raise ModelError(
                f"{model.name}: the prior of '{name}' is {shown(leaf)}; give a number or a distribution{call_it}"
            )
        elif not is_finite(leaf):
            raise ModelError(f"{model.name}: the prior of '{name}' is {shown(leaf)}; give a finite number")


def _check_values(model: Any) -> None:
    """Values by the names of parameters."""
    for role, values in (("start", model.start), ("published", model.published)):
        if unknown := [n for n in values if n not in model.param_names]:
            hint = did_you_mean(unknown[0], model.param_names)
            raise ModelError(
                f"{model.name}: '{role}' gives {quoted(unknown)}, not among the parameters{hint}"
            )
    model.check_support({n: v for n, v in model.start.items() if n in model.estimated})


def components(prior: Any, joint: Distribution) -> tuple[str, ...]:
    """The parameters that share a joint prior, in the order of its components."""
    leaves = [(name, leaf) for name, leaf in prior._asdict().items() if isinstance(leaf, Component)]
    mine = [(leaf.place, name) for name, leaf in leaves if leaf.joint is joint]
    return tuple(name for _, name in sorted(mine))


def _check_blocks(model: Any) -> None:
    """Does each heterogeneous-agent block fit together, and fit the model?"""
    made: set[str] = set()
    for block in model.het_blocks:
        if not isinstance(block, HetBlock):
            raise ModelError(f"{model.name}: het_blocks must hold HetBlocks, not {shown(block)}")
        try:
            check_block(block, model.variables._fields, _symbols(type(model.prior)))
        except BlockFault as fault:
            raise ModelError(f"{model.name}: block '{block.name}': {fault}") from fault
        if both := made & set(block.outputs):
            raise ModelError(f"{model.name}: two blocks have the output {quoted(sorted(both))}")
        made |= set(block.outputs)


def _check_unknowns(model: Any, equations: Sequence[str]) -> None:
    if len(model.unknowns) != len(model.targets):
        raise ModelError(
            f"{model.name}: {len(model.unknowns)} unknowns {listed(model.unknowns)} for "
            f"{len(model.targets)} targets {listed(model.targets)}"
        )
    outputs = [n for block in model.het_blocks for n in block.outputs]
    if wrong := [t for t in model.targets if t not in (*outputs, *equations)]:
        raise ModelError(
            f"{model.name}: the target {wrong[0]!r} is neither a block's output {listed(outputs)} nor an equation "
            f"{listed(equations)}"
        )
    for name, bounds in model.unknowns.items():
        low, high = bounds
        if name not in model.param_names or name in model.estimated:
            raise ModelError(f"{model.name}: the unknown '{name}' must be a parameter that has a number")
        if not low < getattr(model.prior, name) < high:
            raise ModelError(
                f"{model.name}: the unknown '{name}' starts at {getattr(model.prior, name)}, "
                f"outside its bounds ({low}, {high})"
            )


def _check_functions(model: Any) -> list[str]:
    """Trace each function once on abstract scalars; the names of the equations."""
    params, state = _symbols(type(model.prior)), _symbols(model.variables)
    names = {
        "prior": model.param_names,
        "variables": model.variables._fields,
        "shocks": model.shocks._fields,
    }
    used: set[str] = set()
    written: list[str] = []  # names of the equations

    def trace(role: str, function: Any, read: Callable[[Any], list[Any]], **arguments: Any) -> set[str]:
        """Call `function` on symbols; `read` checks what it returns. Returns the names that it reads."""

        def traced(given: dict[str, Any]) -> list[Any]:
            ordered = {name: given[name] for name in arguments}
            return [jnp.asarray(y, float) for y in read(call(function, ordered, model.name, role, names))]

        try:
            program = jax.make_jaxpr(traced)(arguments).jaxpr
        except ModelError as error:
            raise ModelError(str(error)) from error.__cause__  # without JAX's note on its own frames
        read_by = {id(v) for equation in program.eqns for v in equation.invars} | set(
            map(id, program.outvars)
        )
        leaves = zip(jax.tree.leaves_with_path(arguments), program.invars, strict=True)
        found = {(path[0].key, path[1].name) for (path, _), variable in leaves if id(variable) in read_by}
        used.update(name for argument, name in found if argument == "params")
        return {name for argument, name in found if argument != "params"}

    def a_tuple(role: str, kind: type[Any], instead: str = "") -> Callable[[Any], list[Any]]:
        def read(result: Any) -> list[Any]:
            if not isinstance(result, kind):
                what = f"{kind.__name__}{kind._fields}{instead}"
                raise ModelError(f"{model.name}: {role} must return {what}, not {shown(result)}")
            return [_scalar(model, f"{role}: '{n}'", value) for n, value in result._asdict().items()]

        return read

    def equations(result: Any) -> list[Any]:
        if not isinstance(result, Mapping):
            raise ModelError(
                f"{model.name}: residuals must return a dict {{equation name: residual}}, not {shown(result)}"
            )
        for name in result:
            if not isinstance(name, str) or not name.strip():
                raise ModelError(f"{model.name}: the name of an equation must be text, not {shown(name)}")
        written[:] = result
        return [_scalar(model, f"equation '{n}'", value) for n, value in result.items()]

    def error_terms(result: Any) -> list[Any]:
        n = len(model.observables._fields)
        if not isinstance(result, tuple) and getattr(result, "shape", None) == (n, n) and _is_real(result):
            return [result]
        return a_tuple("measurement_error", model.observables, f" or a covariance matrix [{n}, {n}]")(result)

    def correlation(result: Any) -> list[Any]:
        n = len(model.shocks._fields)
        if getattr(result, "shape", None) != (n, n) or not _is_real(result):
            raise ModelError(
                f"{model.name}: shock_correlation must return a matrix [{n}, {n}], not {shown(result)}"
            )
        return [result]

    shocks = _symbols(model.shocks)
    trace("steady_state", model.steady_state, a_tuple("steady_state", model.variables), params=params)
    dated = {"lag": state, "now": state, "lead": state}
    found = trace("residuals", model.residuals, equations, **dated, shocks=shocks, params=params)
    _check_count(model, written, found)
    observed = a_tuple("measurement", model.observables)
    trace("measurement", model.measurement, observed, now=state, lag=state, params=params)
    if model.measurement_error is not None:
        trace("measurement_error", model.measurement_error, error_terms, params=params)
    if model.shock_correlation is not None:
        trace("shock_correlation", model.shock_correlation, correlation, params=params)
    if model.trend is not None:
        trace("trend", model.trend, a_tuple("trend", model.observables), params=params)
    if model.joint_prior is not None:
        one = lambda value: [_scalar(model, "joint_prior", value)]
        trace("joint_prior", model.joint_prior, one, params=params)
    if not model.het_blocks and (idle := [n for n in model.estimated if n not in used]):
        raise ModelError(f"{model.name}: the prior gives {quoted(idle)}, which no function of the model uses")
    return written


def _symbols(kind: type[Any]) -> Any:
    """An abstract scalar for each name."""
    return kind(*[jax.ShapeDtypeStruct((), float)] * len(kind._fields))


def _check_count(model: Any, equations: list[str], found: set[str]) -> None:
    """As many equations as variables; `found` are the variables that stand in one."""
    supplied = [n for block in model.het_blocks for n in block.outputs]
    wanted = [n for n in model.variables._fields if n not in supplied]
    if len(equations) != len(wanted):
        absent = [n for n in wanted if n not in found]
        raise ModelError(
            f"{model.name}: {len(equations)} equations {listed(equations)} for {len(wanted)} variables {listed(wanted)}"
            + (f"; none contains {quoted(absent)}" if absent else "")
        )


def _scalar(model: Any, what: str, value: Any) -> Any:
    if not is_number(value) and not _is_real(value):
        words = f"of type {value.dtype}" if hasattr(value, "dtype") else shown(value)
        raise ModelError(f"{model.name}: {what} is {words}, not a real number")
    if np.shape(value) != ():
        raise ModelError(f"{model.name}: {what} has shape {np.shape(value)}; it must be a scalar")
    return value


def is_number(value: Any) -> bool:
    """A real number, as Python, NumPy or JAX have them (traced ones too); no truth value, no text."""
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return value.shape == () and _is_real(value)
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_real(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic | jax.Array) and value.dtype.kind in "iuf"


def quoted(names: Iterable[Any]) -> str:
    return ", ".join(f"'{n}'" for n in names)


def listed(names: Iterable[Any]) -> str:
    return "(" + ", ".join(map(str, names)) + ")"
