"""`prior_function` and `posterior_function`: a function written in Matlab, over draws of the parameters."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
import pandas as pd

from estim.dynare.asked import Command
from estim.dynare.drawings import Drawings
from estim.dynare.history_commands import whole
from estim.dynare.matlab.errors import MatlabError
from estim.dynare.matlab.interpreter import Interpreter
from estim.dynare.matlab.values import Cell, matrix
from estim.dynare.matlab_functions.table import FUNCTIONS
from estim.dynare.model_comparison import run_of
from estim.dynare.modfile import ModFile
from estim.model import ModelError
from estim.results.contents import finished_routes, read_route
from estim.solution.on_host import solve_decision_rule_once

_DRAWS = 500
"""Dynare's default."""


def function_of_draws(mod: ModFile, command: Command) -> dict[str, str]:
    """``posterior_function(function='NAME', sampling_draws=500);``: mean, standard deviation and quantiles of each
    number that ``NAME.m`` returns, called as ``NAME(xparam1, M_, options_, oo_,
    estim_params_, bayestopt_, dataset_, dataset_info)``.

    ``M_`` has names, parameters and ``Sigma_e`` of the draw, ``oo_`` the steady state; the others are empty but for the
    names in ``bayestopt_``. Draws of the posterior are those of the file's run beside it; a draw without a solution is
    left out.

    Raises:
        ModelError: nothing is estimated, there is no run, the function fails, or no draw has a solution.
    """
    name, model = (command.options.get("function") or "").strip("'\""), mod.model
    if not name or not model.estimated:
        lacking = "'estimated_params'" if name else "function='NAME', of a file NAME.m beside it"
        raise ModelError(f"line {command.line}: '{command.name}' needs {lacking}")
    of_prior = command.name == "prior_function"
    drawn = (
        _of_prior(mod, whole(command, "sampling_draws", _DRAWS)) if of_prior else _of_posterior(mod, command)
    )
    code = Interpreter({**FUNCTIONS, "set_all_parameters": lambda m, a, _: a[2]}, mod.path.parent)
    rows = []
    for values in drawn:
        params = model.params(command.params | values)
        rule = solve_decision_rule_once(model, params)
        if int(rule.status):
            continue
        estimated = np.array([[values[n]] for n in model.estimated])
        names = {"name": Cell.column(list(model.estimated))}
        given = [estimated, _model(mod, params, rule), {}, _results(rule), {}, names, {}, {}]
        try:
            rows.append(_numbers(code.call(name, given, 1)[0]))
        except MatlabError as error:
            raise ModelError(f"line {command.line}: {name}: {error.message}") from None
    if not rows:
        raise ModelError(f"line {command.line}: none of {len(drawn)} draws has a solution")
    found = pd.DataFrame(rows)
    shown = pd.DataFrame(
        {"mean": found.mean(), "std": found.std()} | {f"{q:.0%}": found.quantile(q) for q in (0.05, 0.95)}
    )
    title = f"{name} OVER {len(rows)} DRAWS OF THE {'PRIOR' if of_prior else 'POSTERIOR'}"
    return {title: shown.to_string(float_format="{:.6g}".format)}


def _of_prior(mod: ModFile, number: int) -> list[dict[str, float]]:
    parameters = mod.model.parameters
    positions = parameters.sample_prior(jax.random.key(0), number)
    return _by_draw(jax.jit(jax.vmap(parameters.constrain_fn))(positions))


def _of_posterior(mod: ModFile, command: Command) -> list[dict[str, float]]:
    """As many as are asked for of the run's first route, evenly spaced in its chains."""
    run = run_of(mod, mod.path.stem, command)
    routes = finished_routes(run)
    if not routes:
        raise ModelError(f"line {command.line}: {run.path} has no draws yet")
    params = read_route(run, routes[0]).params
    rows = params.reshape(-1, params.shape[-1])
    names = [entry["name"] for entry in run.read_json("model.json")["prior"]]
    if missing := set(mod.model.estimated) - set(names):
        raise ModelError(f"line {command.line}: {run.path} is of another model: it has no {min(missing)}")
    count = min(whole(command, "sampling_draws", _DRAWS), len(rows))
    chosen = rows[np.linspace(0, len(rows) - 1, count).round().astype(int)]
    return _by_draw(dict(zip(names, chosen.T, strict=False)))


def _by_draw(values: Mapping[str, Any]) -> list[dict[str, float]]:
    columns = {n: np.asarray(v, float).tolist() for n, v in values.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _model(mod: ModFile, params: Any, rule: Any) -> dict[str, Any]:
    """``M_`` at a draw."""
    model = mod.model
    names = {
        "param": list(mod.parameters),
        "endo": [n for n, ours in mod.names.items() if ours in model.variables._fields],
        "exo": [n for n, ours in mod.names.items() if ours in model.shocks._fields],
    }
    found: dict[str, Any] = {f"{k}_names": Cell(Cell.column(v).items, names=True) for k, v in names.items()}
    found |= {f"{k}_nbr": matrix(float(len(v))) for k, v in names.items()}
    found["params"] = np.array([[float(getattr(params, ours))] for ours in mod.parameters.values()])
    deviations = np.array([float(getattr(params, mod.histories.stderr[mod.names[n]])) for n in names["exo"]])
    return found | {"Sigma_e": np.outer(deviations, deviations) * np.asarray(rule.shock_cov)}


def _results(rule: Any) -> dict[str, Any]:
    """``oo_`` at a draw."""
    rest = np.asarray(rule.steady_state).reshape(-1, 1)
    return {"steady_state": rest, "dr": {"ys": rest}}


def _numbers(result: Any) -> dict[str, float]:
    """Each number of a result by its place: ``2`` in a list of cells, ``2(3)`` within the matrix there."""
    parts = [
        matrix(part).ravel(order="F").real for part in (result if isinstance(result, Cell) else [result])
    ]
    label = lambda k, i, part: f"{k}" if part.size == 1 else f"{k}({i})"
    return {label(k, i, p): float(x) for k, p in enumerate(parts, 1) for i, x in enumerate(p, 1)}


def table(mod: ModFile, drawings: Drawings) -> dict[str, Callable[[Command], dict[str, str]]]:
    """The commands of this module: each gives texts by their titles."""
    return dict.fromkeys(("prior_function", "posterior_function"), partial(function_of_draws, mod))
