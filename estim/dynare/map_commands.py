"""`identification` and `dynare_sensitivity`: what moments say of parameters, where a model is solved."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
import pandas as pd
import scipy

from estim.analysis.identification import local_identification
from estim.dynare.asked import Command
from estim.dynare.drawings import Drawings
from estim.dynare.history_commands import whole
from estim.dynare.modfile import ModFile
from estim.model import ModelError
from estim.solution.on_host import solve_decision_rule_once
from estim.solution.rational_expectations import solve_state_space
from estim.status import Status

_DRAWS = 2048
"""Dynare's default."""


def identification(mod: ModFile, command: Command) -> dict[str, str]:
    """Rank, strengths and the weakest directions, at the values above the command, of what is estimated, or of all
    parameters.

    Raises:
        SolutionError: the model has no solution there, or an observable no moments.
    """
    model = mod.model
    values = {k: float(v) for k, v in model.params(command.params)._asdict().items()}
    asked = model.estimated or tuple(k for k, v in values.items() if v)

    def solve(given: Mapping[str, Any]) -> Any:
        return solve_state_space(model, model.params({**values, **given}))

    found = local_identification(solve, {name: values[name] for name in asked}, whole(command, "ar", 1))
    table = pd.Series(found.sensitivity, found.param_names).to_string(float_format="{:.4g}".format)
    lines = [
        f"{found.rank} of {len(found.param_names)} directions are identified by means and {found.num_lags + 1} "
        f"autocovariances of {', '.join(model.observables._fields)}"
    ]
    weak = range(max(found.rank - 1, 0), len(found.param_names))
    for i in weak:
        parts = sorted(zip(found.moves[i], found.param_names, strict=True), key=lambda p: -abs(p[0]))
        size = max(abs(parts[0][0]), 1e-300)
        words = ", ".join(f"{x / size:+.3g} {name}" for x, name in parts if abs(x) > 0.05 * size)
        kind = "not identified" if i >= found.rank else "weakest"
        lines.append(f"{kind} (singular value {found.singular_values[i]:.2g}): {words}")
    return {"IDENTIFICATION": "\n".join(lines), "SENSITIVITY OF THE MOMENTS": table}


def sensitivity(mod: ModFile, command: Command) -> dict[str, str]:
    """Of draws of the prior: the shares with one stable solution and without, and by how much the parameters of the two
    differ (the two-sample statistic of Kolmogorov and Smirnov; Ratto 2008, Computational Economics 31).

    Raises:
        ModelError: nothing is estimated.
    """
    model = mod.model
    if not model.estimated:
        raise ModelError(f"{model.name}: '{command.name}' (line {command.line}) needs 'estimated_params'")
    number = whole(command, "nsam", _DRAWS)
    parameters = model.parameters
    positions = parameters.sample_prior(jax.random.key(0), number)
    drawn = {k: np.asarray(v) for k, v in jax.jit(jax.vmap(parameters.constrain_fn))(positions).items()}
    fixed = command.params
    status = np.array([
        int(solve_decision_rule_once(model, model.params({**fixed, **{k: v[i] for k, v in drawn.items()}})).status)
        for i in range(number)
    ])  # fmt: skip
    counts = {Status(int(s)).message: int((status == s).sum()) for s in np.unique(status)}
    shares = "\n".join(
        f"{n / number:7.1%}  {what}" for what, n in sorted(counts.items(), key=lambda p: -p[1])
    )
    tables = {f"STABILITY OF {number} DRAWS OF THE PRIOR": shares}
    good = status == Status.OK
    if good.any() and not good.all():
        rows = {name: scipy.stats.ks_2samp(v[good], v[~good]) for name, v in drawn.items()}
        table = pd.DataFrame(
            {
                "statistic": {n: r.statistic for n, r in rows.items()},
                "p-value": {n: r.pvalue for n, r in rows.items()},
            }
        )
        ordered = table.sort_values("statistic", ascending=False)
        tables["WHAT TELLS THE TWO APART"] = ordered.to_string(float_format="{:.3g}".format)
    return tables


def table(mod: ModFile, drawings: Drawings) -> dict[str, Callable[[Command], dict[str, str]]]:
    """The commands of this module: each gives texts by their titles."""
    return {
        "identification": partial(identification, mod),
        **dict.fromkeys(("dynare_sensitivity", "sensitivity"), partial(sensitivity, mod)),
    }
