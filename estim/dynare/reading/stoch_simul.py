"""The tables of `stoch_simul`: impulse responses, theoretical moments, variance decomposition.

Shocks have one standard deviation; correlated ones are orthogonalised by the Cholesky factor of
their covariance, in the order of their declaration, as in Dynare. Moments that do not exist
(of a variable with a unit root) are NaN.
"""

from typing import NamedTuple

import jax
import numpy as np
import pandas as pd
from scipy.linalg import schur, solve_discrete_lyapunov

from estim.dynare.reading.settings import StochSimulSettings
from estim.model import Model
from estim.numerics import semidefinite_cholesky
from estim.solution import DecisionRule, solve_decision_rule_once
from estim.status import SolutionError
from estim.typing import ParamValues

_UNIT = 1.0 - 1e-6
_ROUNDING = 1e-12
_FREQUENCIES = 512


class StochSimul(NamedTuple):
    """Tables by variable name.

    ``responses`` has one row a period and columns (shock, variable); ``moments`` the columns mean,
    std and variance; ``correlations`` and each of ``autocorrelations`` (lag 1 first, E x_t x_{t-k}')
    are square; ``decomposition`` holds percentages by shock, and ``conditional`` those of the
    variance of forecasts, with rows (period, variable).
    """

    responses: pd.DataFrame
    moments: pd.DataFrame
    correlations: pd.DataFrame
    autocorrelations: list[pd.DataFrame]
    decomposition: pd.DataFrame
    conditional: pd.DataFrame


def stoch_simul(model: Model, params: ParamValues, asked: StochSimulSettings) -> StochSimul:
    """Solve a model and describe the solution.

    Args:
        model: the model.
        params: values that override the model's defaults.
        asked: what to describe, by the model's names of variables and shocks.

    Raises:
        SolutionError: the model has no unique stable solution.
    """
    rule = solve_decision_rule_once(model, model.params(params))
    if int(rule.status):
        raise SolutionError(int(rule.status), model.name)
    return describe(model, rule, asked)


def describe(model: Model, rule: DecisionRule, asked: StochSimulSettings) -> StochSimul:
    """The tables of a linear rule of the model's variables; arguments as in `stoch_simul`."""
    root = semidefinite_cholesky(rule.shock_cov)
    rule = jax.tree.map(np.asarray, rule._replace(selection=rule.selection @ root))
    variables, shocks = list(asked.variables), list(model.shocks._fields)
    rows = [model.variables._fields.index(name) for name in variables]
    policy = np.asarray(rule.policy)[rows]

    def table(values: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(values, index=variables, columns=variables)

    moments_of = (
        _filtered(rule, policy, asked.hp_filter, asked.ar)
        if asked.hp_filter
        else _moments(rule, policy, asked.ar)
    )
    total, *lagged = moments_of(rule.selection)
    by_shock = np.stack([np.diag(moments_of(rule.selection[:, [j]])[0]) for j in range(len(shocks))], axis=1)
    variance = np.diag(total)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt(np.where(variance > 0, variance, np.nan))
        correlate = lambda cov: table(cov / np.outer(scale, scale))
        decomposition = pd.DataFrame(100 * by_shock / variance[:, None], index=variables, columns=shocks)
    horizon = max([asked.irf, *asked.conditional])
    responses = _responses(rule, policy, horizon)
    return StochSimul(
        responses=_paths(responses[: asked.irf], shocks, variables)[list(asked.shocks)],
        moments=pd.DataFrame(
            {
                "mean": np.where(np.isnan(variance), np.nan, rule.steady_state[rows]),
                "std": np.sqrt(variance),
                "variance": variance,
            },
            index=variables,
        ),
        correlations=correlate(total),
        autocorrelations=[correlate(cov) for cov in lagged],
        decomposition=decomposition,
        conditional=_conditional(responses, asked.conditional, shocks, variables),
    )


def _responses(rule: DecisionRule, policy: np.ndarray, periods: int) -> np.ndarray:
    """Responses to unit shocks ``[periods, n_variables, n_shocks]``."""
    found, state = [], rule.selection
    for _ in range(periods):
        found.append(policy @ state)
        state = rule.transition @ state
    return np.reshape(found, (periods, len(policy), rule.selection.shape[1]))


def _paths(responses: np.ndarray, shocks: list[str], variables: list[str]) -> pd.DataFrame:
    columns = pd.MultiIndex.from_product([shocks, variables], names=["shock", "variable"])
    rows = pd.RangeIndex(1, len(responses) + 1, name="period")
    values = responses.transpose(0, 2, 1).reshape(len(rows), len(columns))
    return pd.DataFrame(values, index=rows, columns=columns)


def _conditional(
    responses: np.ndarray, periods: tuple[int, ...], shocks: list[str], variables: list[str]
) -> pd.DataFrame:
    """Shares of the variance of x_{t+h} given what is known at t: the sum of squared responses."""
    variance = np.cumsum(responses**2, axis=0)[[h - 1 for h in periods]]
    rows = pd.MultiIndex.from_product([periods, variables], names=["period", "variable"])
    with np.errstate(invalid="ignore"):
        shares = 100 * variance / variance.sum(axis=2, keepdims=True)
    return pd.DataFrame(shares.reshape(len(rows), len(shocks)), index=rows, columns=shocks)


def _moments(rule: DecisionRule, policy: np.ndarray, ar: int):
    """E x_t x_{t-k}' for k = 0, ..., ar as a function of the selection R.

    In an ordered Schur form T = Q S Q' with the unit roots first, Q2' m is stationary on its own;
    a variable is stationary if it does not load on Q1.
    """
    S, Q, unit = schur(rule.transition, sort=lambda re, im=0.0: abs(complex(re, im)) > _UNIT)
    stable, loads = Q[:, unit:], policy @ Q[:, :unit]
    stationary = (np.abs(loads) < 1e-9).all(axis=1)
    observe = np.where(stationary[:, None], policy @ stable, np.nan)

    def moments(selection: np.ndarray) -> list[np.ndarray]:
        impact = stable.T @ selection
        cov = solve_discrete_lyapunov(S[unit:, unit:], impact @ impact.T)
        # A variable that does not move has a variance of rounding errors, of either sign.
        size = np.abs(observe) @ np.sqrt(np.maximum(np.diag(cov), 0.0))
        at_rest = np.einsum("is,st,it->i", observe, cov, observe) <= _ROUNDING * size**2
        seen = np.where(at_rest[:, None], 0.0, observe)
        power, found = np.eye(len(cov)), []
        for _ in range(ar + 1):
            found.append(seen @ power @ cov @ seen.T)
            power = S[unit:, unit:] @ power
        return found

    return moments


def _filtered(rule: DecisionRule, policy: np.ndarray, smoothing: float, ar: int):
    """The same of filtered variables, from their spectrum on a grid of frequencies.

    The gain of the filter is h = 4 lambda (1 - cos w)^2 / (1 + 4 lambda (1 - cos w)^2)
    (King and Rebelo 1993); at frequency zero it removes everything, unit roots too.
    """
    w = 2 * np.pi * np.arange(1, _FREQUENCIES) / _FREQUENCIES
    weight = 4 * smoothing * (1 - np.cos(w)) ** 2
    gain = weight / (1 + weight)
    inverse = np.linalg.inv(np.eye(len(rule.transition)) - rule.transition * np.exp(-1j * w)[:, None, None])

    def moments(selection: np.ndarray) -> list[np.ndarray]:
        transfer = gain[:, None, None] * (policy @ inverse @ selection)
        spectrum = transfer @ transfer.conj().transpose(0, 2, 1)
        lag = lambda k: (np.exp(1j * w * k)[:, None, None] * spectrum).sum(axis=0).real / _FREQUENCIES
        return [lag(k) for k in range(ar + 1)]

    return moments
