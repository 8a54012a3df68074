"""Steady states by Matlab code: a file `NAME_steadystate.m`, or a `steady_state_model` that calls functions.

The code is run once, at the values of the command; the levels that it finds are where a search for the root of the
static equations begins, whose derivatives are those of the implicit function. Parameters that it sets keep their
values.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from estim.dynare.matlab.errors import MatlabError
from estim.dynare.matlab.lexer import parse
from estim.dynare.matlab.values import Cell, Unknown, matrix, scalar
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.source import ModFileError


def find_steady_state(c: Contents, path: Path) -> None:
    """Levels into ``c.initial``, and parameters that the code sets into ``c.values``.

    Raises:
        ModFileError: the code fails.

    Warns:
        ModFileWarning: estimated parameters move a parameter that it sets; the model is read without its priors.
    """
    file = path.with_name(f"{path.stem}_steadystate.m")
    if len([e for e in c.equations if "static" not in e.tags]) != len(c.variables) and not c.planner:
        return  # what is wrong with it is said later
    if c.steady_code is not None:
        place, code = c.source.locate(c.steady_at), c.steady_code.text
        compute = lambda values: _from_block(c, code, values)
        name = f"{place.path}:{place.line}: steady_state_model"
    elif c.steady_state is None and file.is_file():
        compute = lambda values: _from_file(c, file, values)
        name = f"{path}: {file.name}"
    else:
        return
    try:
        levels, parameters = compute(c.values)
        if found := _moved_by_estimated(c, compute, parameters):
            why, at = found
            c.give_up_estimation(f"{name}: {why}; write a 'steady_state_model' in place of it", at)
    except MatlabError as error:
        where = f", line {error.line}" if error.line else ""
        raise ModFileError(f"{name}{where} cannot be run: {error.message}") from None
    c.set_at_rest |= {name for name, value in parameters.items() if c.values.get(name) != value}
    c.values |= parameters
    c.initial |= levels
    c.rest_by_code = compute


def _moved_by_estimated(c: Contents, compute: Any, parameters: dict[str, float]) -> tuple[str, int] | None:
    """What is wrong, and where, if a parameter that is estimated moves one that the code sets."""
    for key, prior in c.priors.items():
        if key[0] != "parameter" or not math.isfinite(before := c.values.get(key[1], math.nan)):
            continue
        if key[1] in parameters and parameters[key[1]] != before:
            return f"'{key[1]}' is estimated, yet the file sets it", prior.at
        try:
            _, moved = compute(c.values | {key[1]: before * 1.001 + 1e-6})
        except MatlabError:
            continue
        for other, value in moved.items():
            if other != key[1] and abs(value - parameters.get(other, value)) > 1e-9 * (1 + abs(value)):
                return f"'{other}' follows from '{key[1]}', which is estimated", prior.at
    return None


def _from_block(
    c: Contents, code: str, values: dict[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Run a `steady_state_model` as Matlab code."""
    m = c.workspace
    kept, m.variables, m.give_up = m.variables, {n: matrix(v) for n, v in values.items()}, None
    m.variables |= {n: matrix(c.initial.get(n, 0.0)) for n in (*c.shocks, *c.deterministic)}
    m.variables |= {n: matrix(c.initial.get(n, 0.0)) for n in c.variables}
    try:
        m.run_script(parse(code + "\n"))
        found = m.variables
    finally:
        m.variables = kept
    return {n: _real(n, found[n]) for n in c.variables}, _changed(c, found, values)


def _from_file(
    c: Contents, file: Path, values: dict[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Call the function in the file, in the old or the new way.

    ``[ys, check] = f(ys, exo)`` reads and sets parameters in the global ``M_``; ``[ys, params, check] = f(ys, exo, M_,
    options_)`` gives them back.
    """
    m = c.workspace
    m.give_up, kept = None, c.values
    c.values = dict(values)
    m._show_model()
    c.values = kept
    model = m.base["M_"]
    start = matrix([c.initial.get(n, 0.0) for n in c.variables]).T
    exogenous = matrix([c.initial.get(n, 0.0) for n in c.shocks]).T
    options = {k: v for k, v in m.variables.get("options_", {}).items()}
    m.globals |= {
        "M_": model,
        "options_": options,
        "oo_": {"steady_state": start, "exo_steady_state": exogenous},
    }
    program = parse(file.read_text(encoding="utf-8", errors="replace"))
    function = next((f for f in program.children if getattr(f, "data", "") == "function"), None)
    if function is None:
        raise MatlabError("it holds no function")
    parameters = next((t for t in function.children if getattr(t, "data", "") == "parameters"), None)
    count = len(parameters.children) if parameters is not None else 0
    results = m.call(file.stem, [start, exogenous, model, options][:count], 3 if count > 2 else 2)
    if not results:
        raise MatlabError("it gives no steady state")
    levels = matrix(results[0]).ravel()
    if len(levels) < len(c.variables):
        raise MatlabError(f"it gives {len(levels)} levels for {len(c.variables)} variables")
    moved = matrix(results[1] if count > 2 else m.globals["M_"]["params"]).ravel()
    failed = (
        results[2]
        if count > 2 and len(results) > 2
        else results[1]
        if count < 3 and len(results) > 1
        else None
    )
    if failed is not None and matrix(failed).any():
        raise MatlabError("it says that there is no steady state")
    found = {n: v for n, v in zip(c.parameters, moved, strict=False)}
    return {n: _real(n, levels[i]) for i, n in enumerate(c.variables)}, _changed(c, found, values)


def _changed(c: Contents, found: dict[str, Any], values: dict[str, float]) -> dict[str, float]:
    """The parameters that are no longer what they were."""
    new = {
        n: _real(n, v)
        for n, v in found.items()
        if n in c.parameters and not isinstance(v, Unknown | Cell | dict)
    }
    return {n: v for n, v in new.items() if not math.isnan(v) and v != values.get(n)}


def _real(name: str, value: Any) -> float:
    number = scalar(value)
    if abs(np.imag(number)) > 1e-8 * (1 + abs(number)):
        raise MatlabError(f"'{name}' is a complex number, {number:.4g}")
    return float(np.real(number))
