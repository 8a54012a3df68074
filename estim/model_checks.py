"""The checks on a model as its author wrote it down, at construction: do the parts fit together?

Each function is traced once, on symbols. What is wrong is a `ModelError` that names the model, the function, and the
equation, variable or parameter.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from estim.arguments import ArgumentError, check_fields, did_you_mean, shown
from estim.heterogeneity.block import HetBlock
from estim.heterogeneity.check_block import BlockFault, check_block
from estim.kept import kept_of
from estim.specification_checks import (
    check_names,
    check_prior_tuple,
    check_values,
    is_real,
    listed,
    quoted,
    read_errors,
    read_tuple,
    scalar,
    symbols,
    trace,
    trace_each,
    without_equation,
)
from estim.tracing import ModelError


def check_model_parts(model: Any) -> None:
    """
    Raises:
        ModelError: the parts do not fit together.
    """
    check_names(model, ("variables", "shocks", "observables"))
    if both := set(model.variables._fields) & set(model.shocks._fields):
        raise ModelError(f"{model.name}: {quoted(sorted(both))} is both a variable and a shock")
    check_prior_tuple(model)
    try:
        check_fields(model)
    except ArgumentError as error:
        raise ModelError(f"{model.name}: {error}") from None
    check_values(model)
    _check_levels(model)
    _check_labels(model)
    _check_blocks(model)
    _check_unknowns(model, _check_functions(model))


def _check_labels(model: Any) -> None:
    kinds = (type(model.prior), model.variables, model.shocks, model.observables)
    names = [name for kind in kinds for name in kind._fields]
    if unknown := [name for name in model.labels if name not in names]:
        raise ModelError(
            f"{model.name}: 'labels' gives {quoted(unknown)}, no parameter, variable, shock or observable"
            f"{did_you_mean(unknown[0], names)}"
        )


def _check_levels(model: Any) -> None:
    """Levels of variables to begin a search for the steady state from."""
    levels = {name: value for name, value in model.start.items() if name not in model.param_names}
    if model.states_rest:
        if levels:
            hint = did_you_mean(next(iter(levels)), model.param_names)
            raise ModelError(f"{model.name}: 'start' gives {quoted(levels)}, not among the parameters{hint}")
        return
    if model.het_blocks:
        raise ModelError(f"{model.name}: with heterogeneous agents 'steady_state' must be given")
    known = model.variables._fields
    if both := set(known) & set(model.param_names):
        raise ModelError(
            f"{model.name}: {quoted(sorted(both))} is both a variable and a parameter, so that 'start' is not clear"
        )
    if unknown := [name for name in levels if name not in known]:
        hint = did_you_mean(unknown[0], (*known, *model.param_names))
        raise ModelError(
            f"{model.name}: 'start' gives {quoted(unknown)}, neither a parameter nor a variable{hint}"
        )


def _check_blocks(model: Any) -> None:
    """Does each heterogeneous-agent block fit together, and fit the model?"""
    made: set[str] = set()
    for block in model.het_blocks:
        if not isinstance(block, HetBlock):
            raise ModelError(f"{model.name}: het_blocks must hold HetBlocks, not {shown(block)}")
        try:
            check_block(block, model.variables._fields, symbols(type(model.prior)))
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
    """Trace each function once on abstract scalars; the names of the equations. The programs are kept on the model."""
    params, state = symbols(type(model.prior)), symbols(model.variables)
    names = {
        "prior": model.param_names,
        "variables": model.variables._fields,
        "shocks": model.shocks._fields,
    }
    used: set[str] = set()
    written: list[str] = []  # names of the equations

    def trace_one(role: str, function: Any, read: Callable[[Any], list[Any]], **arguments: Any) -> set[str]:
        """Call `function` on symbols; `read` checks what it returns. Returns the names that it reads."""
        found = trace(model, role, function, read, names, kept_of(model), **arguments)
        used.update(name for argument, name in found if argument == "params")
        return {name for argument, name in found if argument != "params"}

    def a_tuple(role: str, kind: type[Any]) -> Callable[[Any], list[Any]]:
        return read_tuple(model, role, kind)

    def a_scalar(role: str) -> Callable[[Any], list[Any]]:
        return lambda value: [scalar(model, role, value)]

    def equations(result: Any) -> list[Any]:
        if not isinstance(result, Mapping):
            raise ModelError(
                f"{model.name}: residuals must return a dict {{equation name: residual}}, not {shown(result)}"
            )
        for name in result:
            if not isinstance(name, str) or not name.strip():
                raise ModelError(f"{model.name}: the name of an equation must be text, not {shown(name)}")
        written[:] = result
        return [scalar(model, f"equation '{n}'", value) for n, value in result.items()]

    def correlation(result: Any) -> list[Any]:
        n = len(model.shocks._fields)
        if getattr(result, "shape", None) != (n, n) or not is_real(result):
            raise ModelError(
                f"{model.name}: shock_correlation must return a matrix [{n}, {n}], not {shown(result)}"
            )
        return [result]

    shocks = symbols(model.shocks)
    if model.states_rest:
        trace_one("steady_state", model.steady_state, a_tuple("steady_state", model.variables), params=params)
    dated = {"lag": state, "now": state, "lead": state}
    trace_one("residuals", model.residuals, equations, **dated, shocks=shocks, params=params)
    if len(written) != len(wanted := _wanted(model)):
        each = trace_each(
            model, "residuals", model.residuals, equations, names, **dated, shocks=shocks, params=params
        )
        raise ModelError(_uneven(model, written, wanted, each))
    kept_of(model)["equations"] = tuple(written)
    observed = a_tuple("measurement", model.observables)
    trace_one("measurement", model.measurement, observed, now=state, lag=state, params=params)
    if model.measurement_error is not None:
        trace_one("measurement_error", model.measurement_error, read_errors(model), params=params)
    if model.shock_correlation is not None:
        trace_one("shock_correlation", model.shock_correlation, correlation, params=params)
    if model.trend is not None:
        trace_one("trend", model.trend, a_tuple("trend", model.observables), params=params)
    for name, kind, function in _constraints(model, written):
        role = f"{kind} of '{name}'"
        given = dated | ({"shocks": shocks} if kind == "alternatives" else {}) | {"params": params}
        trace_one(role, function, a_scalar(role), **given)
    if model.joint_prior is not None:
        one = lambda value: [scalar(model, "joint_prior", value)]
        trace_one("joint_prior", model.joint_prior, one, params=params)
    if not model.het_blocks and (idle := [n for n in model.estimated if n not in used]):
        raise ModelError(f"{model.name}: the prior gives {quoted(idle)}, which no function of the model uses")
    return written


def _constraints(model: Any, equations: Sequence[str]) -> list[tuple[str, str, Any]]:
    """The functions of the constraints that bind at times: equation, which field's, function."""
    for field in ("complementarity", "alternatives"):
        for name in getattr(model, field):
            if name not in equations:
                hint = did_you_mean(name, equations)
                raise ModelError(
                    f"{model.name}: '{field}' has '{name}', no equation of {listed(equations)}{hint}"
                )
    if both := set(model.complementarity) & set(model.alternatives):
        raise ModelError(
            f"{model.name}: {quoted(sorted(both))} is in 'complementarity' and in 'alternatives'"
        )
    if model.complementarity or model.alternatives:
        model.refuse_households("a constraint that binds at times")
    if unknown := [name for name in model.rest_levels if name not in model.shocks._fields]:
        raise ModelError(f"{model.name}: 'rest_levels' gives {quoted(unknown)}, no shock")
    found = [(name, "complementarity", slack) for name, slack in model.complementarity.items()]
    for name, other in model.alternatives.items():
        found += [
            (name, "alternatives", other.residual),
            (name, "bind", other.bind),
            (name, "relax", other.relax),
        ]
    return found


def _wanted(model: Any) -> list[str]:
    """The variables that equations determine: those that no block supplies."""
    supplied = [n for block in model.het_blocks for n in block.outputs]
    return [n for n in model.variables._fields if n not in supplied]


def _uneven(model: Any, equations: list[str], wanted: list[str], each: list[set[tuple[str, str]]]) -> str:
    """Other than as many equations as variables, `each` of which reads what: in words."""
    words = f"{model.name}: {len(equations)} equations {listed(equations)} for {len(wanted)} variables {listed(wanted)}"
    dated = [{name for argument, name in found if argument in ("lag", "now", "lead")} for found in each]
    return words + without_equation(wanted, dated)
