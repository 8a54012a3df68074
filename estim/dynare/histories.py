"""The past and the future of a file's variables: smoothed histories, what each shock did, forecasts free and given.

Everything is of all variables of the model, in levels (logs of them where the file is log-linear), and shocks are in
the units of the file.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from scipy.special import ndtri

from estim.dynare.modfile import ModFile
from estim.dynare.reading.settings import STARTS
from estim.likelihood.state_space.smoothing import smooth
from estim.likelihood.state_space.start import STARTS as DISTRIBUTIONS
from estim.model import ModelError
from estim.numerics.interpreted import interpreted
from estim.representations.linear import StateSpace
from estim.solution.equations import measurement_covariance, trend_growth
from estim.solution.on_host import read_of_past_once, solve_decision_rule_once
from estim.status import SolutionError


class History(NamedTuple):
    """Smoothed, by date: ``variables``, ``shocks``, and ``parts`` ``[n_periods, n_variables, n_shocks + 1]``, what each
    shock and the past before the sample did to the variables, which with ``rest`` ``[n_variables]`` add up to them;
    ``last`` is the state of the last period."""

    variables: pd.DataFrame
    shocks: pd.DataFrame
    parts: np.ndarray
    rest: np.ndarray
    last: tuple[np.ndarray, np.ndarray]


class Beginning(NamedTuple):
    """The state from which a forecast begins, before the shocks of its first period: mean ``[n_states]`` and
    covariance ``[n_states, n_states]``."""

    mean: np.ndarray
    cov: np.ndarray


def solved(mod: ModFile, params: dict[str, float]) -> Any:
    """The first-order solution at some values; its ``selection`` has shocks of unit variance.

    Raises:
        SolutionError: there is none.
    """
    rule = solve_decision_rule_once(mod.model, mod.model.params(params))
    if int(rule.status):
        raise SolutionError(int(rule.status), mod.model.name)
    return jax.tree.map(np.asarray, rule)


def smoothed(mod: ModFile, params: dict[str, float], until: int | None = None) -> History:
    """The history that the file's data tell, of the first ``until`` periods only where that is given.

    Args:
        mod: the file; its data are read.
        params: the values, by the model's names.
        until: later periods are unobserved, and their history is what is expected.

    Raises:
        ModelError: the file begins its filter in a way that the smoother does not have.
        DataError: the data cannot be read.
        SolutionError: the model has no solution, or its data are stochastically singular.
    """
    rule, frame = solved(mod, params), mod.load_data()
    space, observed = _state_space(mod, params, rule), frame.to_numpy(float)
    if until is not None:
        observed = np.where(np.arange(len(observed))[:, None] < until, observed, np.nan)
    start = STARTS[mod.estimation.lik_init]
    if start == "approximate_diffuse":
        raise ModelError(f"{mod.model.name}: no smoother begins with 'lik_init=2'; take 1 or 3")
    given = DISTRIBUTIONS[start](space) if start == "riccati" else None
    if mod.estimation.shock_scales:
        space = space._replace(shock_scales=jnp.asarray(mod.estimation.shock_scales))
    found = smooth(space, jnp.asarray(observed), given)
    states, shocks = np.asarray(found.states.mean), np.asarray(found.shocks.mean)
    rest = rule.steady_state
    parts = np.zeros((len(states), len(rest), shocks.shape[1] + 1))
    moved = np.zeros((states.shape[1], shocks.shape[1]))
    for t, shock in enumerate(shocks):
        moved = rule.transition @ moved + rule.selection * shock[None, :]
        parts[t, :, :-1] = rule.policy @ moved
        parts[t, :, -1] = rule.policy @ (states[t] - moved.sum(axis=1))
    names, spread = mod.model.shocks._fields, units(mod, params)
    variables = pd.DataFrame(rest + states @ rule.policy.T, frame.index, mod.model.variables._fields)
    last = states[-1], np.asarray(found.states.cov)[-1]
    return History(variables, pd.DataFrame(shocks * spread, frame.index, names), parts, rest, last)


def units(mod: ModFile, params: dict[str, float]) -> np.ndarray:
    """The standard deviation of each shock ``[n_shocks]``."""
    values = mod.model.params(params)
    stderr = mod.histories.stderr
    return np.array(
        [float(getattr(values, stderr[s])) if s in stderr else 1.0 for s in mod.model.shocks._fields]
    )


def in_deviations(mod: ModFile, params: dict[str, float], shocks: np.ndarray, where: str) -> np.ndarray:
    """Shocks ``[..., n_shocks]`` in the units of the file as multiples of their standard deviations.

    Raises:
        ModelError: one that is not zero has no variance.
    """
    spread = units(mod, params)
    moved = np.any(shocks != 0, axis=tuple(range(shocks.ndim - 1)))
    if still := [s for s, x, u in zip(mod.model.shocks._fields, moved, spread, strict=True) if x and not u]:
        raise ModelError(f"{mod.model.name}: '{still[0]}' in '{where}' has no variance")
    return shocks / np.where(spread > 0, spread, 1.0)


def _state_space(mod: ModFile, params: dict[str, float], rule: Any) -> StateSpace:
    model = mod.model
    values = model.params(params)
    values = type(values)(*map(float, values))
    rest = model.variables(*rule.steady_state)
    level: Any = interpreted(lambda r, p: model.measurement(r, r, p), rest, values)(rest, values)
    rows = [model.variables._fields.index(name) for name in model.observables._fields]
    trend = interpreted(partial(trend_growth, model), values)(values) if model.trend else None
    arrays = {
        "transition": rule.transition,
        "selection": rule.selection,
        "state_cov": rule.shock_cov,
        "design": rule.policy[rows],
        "obs_intercept": np.array(level, float),
        "obs_cov": interpreted(partial(measurement_covariance, model), values)(values),
        "status": rule.status,
    }
    found = StateSpace(**{name: jnp.asarray(value) for name, value in arrays.items()})
    return found if trend is None else found._replace(obs_trend=jnp.asarray(trend))


# --- what comes after ---


def beginning(mod: ModFile, params: dict[str, float], after: History | None = None) -> Beginning:
    """Where forecasts begin: after a history, else after the past that `histval` gives, else at rest.

    Raises:
        ModelError: `histval` speaks of more than one period before, which the model's state does not hold.
    """
    rule = solved(mod, params)
    n = len(rule.transition)
    if after is not None:
        mean, cov = after.last
        return Beginning(rule.transition @ mean, rule.transition @ cov @ rule.transition.T)
    before = mod.histories.before
    if early := [name for name, lag in before if lag < 0]:
        raise ModelError(f"{mod.model.name}: 'histval' gives '{early[0]}' before period 0")
    names, deviation = mod.model.variables._fields, np.zeros(len(rule.steady_state))
    for (name, _), value in before.items():
        if name in names:
            deviation[names.index(name)] = value - rule.steady_state[names.index(name)]
    combination = read_of_past_once(mod.model, mod.model.params(params))
    return Beginning(combination @ deviation, np.zeros((n, n)))


def forecast(
    mod: ModFile, params: dict[str, float], begin: Beginning, periods: int, probability: float = 0.9
) -> dict[str, pd.DataFrame]:
    """Means and bounds of all variables, one row a period: what is expected, and within which bounds the variables lie
    with the given probability."""
    rule = solved(mod, params)
    root = rule.selection @ rule.shock_cov @ rule.selection.T
    mean, cov, means, deviations = begin.mean, begin.cov, [], []
    for _ in range(periods):
        cov = cov + root
        means.append(rule.steady_state + rule.policy @ mean)
        deviations.append(np.sqrt(np.maximum(np.einsum("is,st,it->i", rule.policy, cov, rule.policy), 0.0)))
        mean, cov = rule.transition @ mean, rule.transition @ cov @ rule.transition.T
    width = ndtri(0.5 + probability / 2) * np.array(deviations)
    middle = np.array(means)
    rows = pd.RangeIndex(1, periods + 1, name="period")
    frame = lambda values: pd.DataFrame(values, rows, mod.model.variables._fields)
    return {"mean": frame(middle), "low": frame(middle - width), "high": frame(middle + width)}


def conditional_forecast(
    mod: ModFile, params: dict[str, float], begin: Beginning, periods: int, controlled: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The path that the ``controlled`` shocks bring about, each period's a surprise, so that variables have the values
    that are imposed on them; all variables, and the controlled shocks in the units of the file.

    Raises:
        ModelError: in some period there are not as many variables as shocks, or the shocks do not move them.
    """
    rule, model = solved(mod, params), mod.model
    columns = [model.shocks._fields.index(name) for name in controlled]
    impact, mean, levels, found = rule.policy @ rule.selection[:, columns], begin.mean, [], []
    for t in range(1, periods + 1):
        wanted = {name: path[t] for name, path in mod.histories.imposed.items() if t in path}
        rows = [model.variables._fields.index(name) for name in wanted]
        expected, shocks = rule.steady_state + rule.policy @ mean, np.zeros(len(columns))
        if rows:
            if len(rows) != len(columns):
                given = f"{len(rows)} variables are given in period {t}"
                raise ModelError(f"{model.name}: {given}, and {len(columns)} shocks are controlled")
            if np.linalg.cond(impact[rows]) > 1e12:
                raise ModelError(
                    f"{model.name}: {', '.join(controlled)} do not move {', '.join(wanted)} apart"
                )
            shocks = np.linalg.solve(impact[rows], np.array(list(wanted.values())) - expected[rows])
        state = mean + rule.selection[:, columns] @ shocks
        levels.append(rule.steady_state + rule.policy @ state)
        found.append(shocks * units(mod, params)[columns])
        mean = rule.transition @ state
    rows_ = pd.RangeIndex(1, periods + 1, name="period")
    return pd.DataFrame(levels, rows_, model.variables._fields), pd.DataFrame(found, rows_, list(controlled))


def combined_responses(mod: ModFile, params: dict[str, float], periods: int) -> dict[str, pd.DataFrame]:
    """By its name, the responses of all variables to the shocks of each line of `generate_irfs`, one row a period.

    Raises:
        ModelError: a shock has no variance.
    """
    model, found = mod.model, {}
    for name, sizes in mod.histories.combined.items():
        shocks = np.zeros((periods, len(model.shocks._fields)))
        shocks[0] = [sizes.get(shock, 0.0) for shock in model.shocks._fields]
        path = follow(mod, params, in_deviations(mod, params, shocks, "generate_irfs"), level=0.0)
        rows = pd.RangeIndex(1, periods + 1, name="period")
        found[name] = pd.DataFrame(path, rows, model.variables._fields)
    return found


def follow(
    mod: ModFile, params: dict[str, float], shocks: np.ndarray, level: float | None = None
) -> np.ndarray:
    """The path of all variables ``[n_periods, n_variables]`` after shocks ``[n_periods, n_shocks]`` in standard
    deviations, from rest, in levels, or around the ``level`` that is given."""
    rule = solved(mod, params)
    state, path = np.zeros(len(rule.transition)), []
    for shock in shocks:
        state = rule.transition @ state + rule.selection @ shock
        path.append((rule.steady_state if level is None else level) + rule.policy @ state)
    return np.array(path)
