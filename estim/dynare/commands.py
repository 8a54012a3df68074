"""The commands of a `.mod` file, run in its order, with the tables that Dynare prints."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from scipy.linalg import eigvals

from estim.data.datasets import DataError
from estim.dynare.asked import Command
from estim.dynare.drawings import Drawings
from estim.dynare.modfile import ModFile
from estim.dynare.reading.stoch_simul import StochSimul, describe, stoch_simul
from estim.model import ModelError
from estim.numerics import semidefinite_cholesky
from estim.solution import linearize_once, solve_decision_rule_once
from estim.solution.on_host import read_of_past_once
from estim.solution.perturbation import Perturbation
from estim.status import SolutionError, Status

_SMALL, _LARGE = 1e-10, 1e8
"""Roots beyond these belong to equations without a lag or a lead."""


def run_commands(mod: ModFile, figures: Path | None = None, form: str = "pdf") -> Iterator[str]:
    """What each command prints, in order.

    Args:
        mod: the file as `estim.read_mod` returns it.
        figures: a folder into which commands draw, unless they say `nograph`; None for no figures.
        form: the figures' format: "pdf", "svg" or "png".

    Returns:
        The text of one command after the other; a command that estim does not have says so.
    """
    chosen: dict[str, float] = {}  # by `osr`: the file's later commands see them
    drawings = Drawings(figures, form)
    tables: dict[str, Any] = {}  # by module
    for command in mod.commands:
        if command.refused:
            yield f"line {command.line}: {command.refused} is not supported by estim: passed over"
            continue
        command = command._replace(params=command.params | chosen)
        try:
            if command.name == "osr":
                from estim.dynare.policy_commands import best_rule, show_rule

                found = best_rule(mod, command.params)
                chosen |= found.coefficients
                command = command._replace(params=command.params | chosen)
                yield _titled("OPTIMAL SIMPLE RULE", show_rule(found))
            elif module := _MODULE_OF.get(command.name):
                if module not in tables:
                    tables[module] = import_module(module).table(mod, drawings)
                for title, text in tables[module][command.name](command).items():
                    yield _titled(title, text)
            elif command.name == "stoch_simul":
                yield _stoch_simul(mod, command, drawings)
            else:
                yield _COMMANDS[command.name](mod, command)
        except (SolutionError, ModelError, DataError) as error:
            yield f"{command.name} (line {command.line}): {error}"


def _rule(mod: ModFile, command: Command) -> Any:
    rule = solve_decision_rule_once(mod.model, mod.model.params(command.params))
    if int(rule.status):
        raise SolutionError(int(rule.status), mod.model.name)
    return jax.tree.map(
        np.asarray, rule._replace(selection=rule.selection @ semidefinite_cholesky(rule.shock_cov))
    )


def _steady(mod: ModFile, command: Command) -> str:
    linear = linearize_once(mod.model, mod.model.params(command.params))
    if int(linear.status) == Status.NO_STEADY_STATE:
        raise SolutionError(int(linear.status), mod.model.name)
    levels = pd.Series(np.asarray(linear.steady_state), index=mod.model.variables._fields)
    return _titled("STEADY-STATE RESULTS", levels.to_string())


def _check(mod: ModFile, command: Command) -> str:
    """The roots z of A z^2 + B z + C, those of equations without dynamics left out."""
    linear = linearize_once(mod.model, mod.model.params(command.params))
    n = len(linear.now)
    zero, one = np.zeros((n, n)), np.eye(n)
    left = np.block([[zero, one], [-linear.lag, -linear.now]])
    roots = eigvals(left, np.block([[one, zero], [zero, linear.lead]]))
    roots = roots[np.isfinite(roots) & (np.abs(roots) > _SMALL) & (np.abs(roots) < _LARGE)]
    roots = roots[np.argsort(np.abs(roots))]
    table = pd.DataFrame({"modulus": np.abs(roots), "real": roots.real, "imaginary": roots.imag})
    status = int(solve_decision_rule_once(mod.model, mod.model.params(command.params)).status)
    verdict = f"{int((np.abs(roots) > 1 + 1e-6).sum())} eigenvalue(s) larger than 1 in modulus: "
    verdict += "there is one stable solution" if not status else Status(status).message
    return _titled("EIGENVALUES", f"{table.to_string(index=False, float_format='{:.4g}'.format)}\n{verdict}")


def _stoch_simul(mod: ModFile, command: Command, drawings: Drawings) -> str:
    rule, asked = _rule(mod, command), mod.stoch_simul
    ours = lambda names: tuple(mod.names[name] for name in names)
    asked = asked._replace(variables=ours(asked.variables), shocks=ours(asked.shocks))
    found = stoch_simul(mod.model, command.params, asked)
    correction = None
    if asked.order > 1:
        correction, means = _risk(mod, command)
        found = found._replace(moments=found.moments.assign(mean=means[list(asked.variables)]))
    drawings.responses(command, found.responses)
    several = {}
    if mod.histories.combined:
        from estim.dynare.histories import combined_responses

        several = combined_responses(mod, command.params, asked.irf)
    more = [
        _titled(f"RESPONSES TO {name}", t[list(asked.variables)].to_string()) for name, t in several.items()
    ]
    return "\n".join(
        [_policy(mod, rule, command.params, asked.variables, correction), *_tables(found), *more]
    )


def _risk(mod: ModFile, command: Command) -> tuple[pd.Series, pd.Series]:
    """To second order, by variable: what risk adds to the rule's constant, and the means; variances stay those of first
    order, as in Dynare."""
    from estim.analysis.pruned_moments import risk_adjusted_mean

    solution = Perturbation(order=2).solve(mod.model, mod.model.params(command.params))
    if int(solution.status):
        raise SolutionError(int(solution.status), mod.model.name)
    by_name = lambda values: pd.Series(np.asarray(values), index=mod.model.variables._fields)
    return by_name(0.5 * solution.variables.risk), by_name(risk_adjusted_mean(solution))


def _policy(
    mod: ModFile,
    rule: Any,
    params: dict[str, float],
    variables: tuple[str, ...],
    correction: pd.Series | None = None,
) -> str:
    """Rows: the constant, to second order with what risk adds to it and that by itself; what the equations read of the
    past, the shocks at one standard deviation."""
    names = list(mod.model.variables._fields)
    lagged = np.flatnonzero(
        np.abs(np.asarray(linearize_once(mod.model, mod.model.params(params)).lag)).any(axis=0)
    )
    move = rule.policy @ read_of_past_once(mod.model, mod.model.params(params))[:, lagged]
    states = [f"{names[i]}(-1)" for i in lagged]
    table = pd.DataFrame(
        np.vstack([rule.steady_state, move.T, (rule.policy @ rule.selection).T]),
        index=["constant", *states, *mod.model.shocks._fields],
        columns=names,
    )
    if correction is not None:
        table.loc["constant"] += correction
        table = pd.concat([table[:1], correction.to_frame("(correction)").T, table[1:]])
    return _titled(
        "POLICY AND TRANSITION FUNCTIONS", table[list(variables)].to_string(float_format="{:.6f}".format)
    )


def _tables(found: StochSimul) -> list[str]:
    show = lambda frame: frame.to_string(float_format="{:.4f}".format)
    lags = pd.DataFrame({k: np.diag(frame) for k, frame in enumerate(found.autocorrelations, 1)})
    lags.index = found.moments.index
    tables = {
        "THEORETICAL MOMENTS": found.moments,
        "VARIANCE DECOMPOSITION (in percent)": found.decomposition,
        "CONDITIONAL VARIANCE DECOMPOSITION (in percent)": found.conditional,
        "MATRIX OF CORRELATIONS": found.correlations,
        "COEFFICIENTS OF AUTOCORRELATION": lags,
    }
    return [_titled(title, show(frame)) for title, frame in tables.items() if frame.size]


def _discretionary(mod: ModFile, command: Command) -> str:
    from estim.dynare.policy_commands import discretionary

    policy = discretionary(mod, command.params)
    ours = lambda names: tuple(mod.names[name] for name in names)
    asked = mod.stoch_simul._replace(variables=ours(mod.stoch_simul.variables))
    asked = asked._replace(shocks=ours(mod.stoch_simul.shocks))
    rule = policy.coefficients.sel(variable=list(asked.variables)).to_pandas().T
    table = _titled("POLICY AND TRANSITION FUNCTIONS", rule.to_string(float_format="{:.6f}".format))
    return "\n".join([table, *_tables(describe(mod.model, policy.rule, asked))])


def _evaluate(mod: ModFile, command: Command) -> str:
    from estim.dynare.policy_commands import planner_values, show_values

    return _titled("VALUE OF THE PLANNER'S OBJECTIVE", show_values(planner_values(mod, command.params)))


def _estimation(mod: ModFile, command: Command) -> str:
    return _titled(
        "ESTIMATION",
        f"{len(mod.model.estimated)} parameters: {', '.join(mod.model.estimated)}\n"
        f"to estimate: estim run {mod.path.name}",
    )


def _titled(title: str, text: str) -> str:
    return f"{title}\n\n{text}\n"


_COMMANDS = {
    "steady": _steady,
    "check": _check,
    "estimation": _estimation,
    "discretionary_policy": _discretionary,
    "evaluate_planner_objective": _evaluate,
}

_HOME = {
    "history_commands": (
        "calib_smoother",
        "smoother2histval",
        "shock_decomposition",
        "realtime_shock_decomposition",
        "plot_shock_decomposition",
        "forecast",
        "conditional_forecast",
        "plot_conditional_forecast",
    ),
    "occbin_commands": ("occbin_setup", "occbin_solver", "occbin_graph"),
    "foresight_commands": ("perfect_foresight_setup", "perfect_foresight_solver", "simul"),
    "map_commands": ("identification", "dynare_sensitivity", "sensitivity"),
    "model_comparison": ("model_comparison",),
    "moments": ("method_of_moments",),
    "function_commands": ("prior_function", "posterior_function"),
}
"""Commands of modules that are imported where a file has one of them, which keeps others quick: their
``table(mod, drawings)`` has by command what makes its tables."""

_MODULE_OF = {name: f"estim.dynare.{module}" for module, names in _HOME.items() for name in names}
