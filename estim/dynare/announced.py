"""What an announced path of deterministic variables (`varexo_det`) does to a forecast."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import pandas as pd

from estim.dynare.modfile import ModFile
from estim.solution.on_host import linearize_once, solve_decision_rule_once
from estim.status import SolutionError


def announced(
    mod: ModFile, params: Mapping[str, float], paths: Mapping[str, Mapping[int, float]], periods: int
) -> pd.DataFrame:
    """By how much each variable is moved by paths that are known from the first period on, one row a period.

    With A E_t x_{t+1} + B x_t + C x_{t-1} + D d_t = 0 and the solution x_t = G x_{t-1} of what is not announced,

        x_t = G x_{t-1} + w_t,    w_t = -(A G + B)^{-1} (D d_t + A w_{t+1}).

    Args:
        mod: the file.
        params: the values, by the model's names.
        paths: levels of deterministic variables by period; in others they are at rest, where `initval` has them.
        periods: of the forecast; what is announced for later ones counts.

    Raises:
        SolutionError: the model has no solution.
    """
    names = mod.model.variables._fields
    rows = pd.RangeIndex(1, periods + 1, name="period")
    found = pd.DataFrame(0.0, rows, names)
    if mod.with_announced is None:
        return found
    model = mod.with_announced()
    given = {name: path for name, path in paths.items() if name in model.shocks._fields}
    given = {name: path for name, path in given.items() if name not in mod.model.shocks._fields}
    if not given:
        return found
    at = model.params({name: value for name, value in params.items() if name in model.param_names})
    linear = linearize_once(model, at)
    rule: Any = jax.tree.map(np.asarray, solve_decision_rule_once(model, at))
    if int(rule.status):
        raise SolutionError(int(rule.status), model.name)
    A, B, C, D = (np.asarray(x) for x in (linear.lead, linear.now, linear.lag, linear.shocks))
    lagged = np.flatnonzero(np.abs(C).any(axis=0))
    G = np.zeros_like(B)
    G[:, lagged] = rule.policy @ rule.transition @ np.linalg.pinv(rule.policy[lagged])
    last = max(max(path) for path in given.values())
    d = np.zeros((last, len(model.shocks._fields)))
    for name, path in given.items():
        for t, level in path.items():
            d[t - 1, model.shocks._fields.index(name)] = level - mod.announced_rest[name]
    w, known = np.zeros(len(B)), []
    for now in d[::-1]:
        w = -np.linalg.solve(A @ G + B, D @ now + A @ w)
        known.append(w)
    x, column = np.zeros(len(B)), [model.variables._fields.index(name) for name in names]
    known = known[::-1] + [np.zeros(len(B))] * periods
    for t in rows:
        x = G @ x + known[t - 1]
        found.loc[t] = x[column]
    return found
