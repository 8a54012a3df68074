"""Are the data in the model's units? Mean and standard deviation of each observable beside those of prior draws."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd

from estim.ladder.rung import Rung
from estim.posterior import Posterior
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.solution.simulate import simulate
from estim.status import Status

_BEYOND = 20.0
_NEAR = 3.0
_FEW = 8

# What the data may need, the simplest first: words, and what becomes of the numbers.
CHANGES: list[tuple[str, Callable[[Any], Any]]] = [
    *((f"divide it by {k}", lambda y, k=k: y / k) for k in (100, 4, 400)),
    *((f"multiply it by {k}", lambda y, k=k: y * k) for k in (100, 4, 400)),
    ("take its deviation from the mean", lambda y: y - np.nanmean(y)),
    ("take 100 times its deviation from the mean", lambda y: 100 * (y - np.nanmean(y))),
    ("take its first difference", np.diff),
    ("take 100 times its first difference", lambda y: 100 * np.diff(y)),
    ("take the first difference of its logarithm", lambda y: np.diff(_log(y))),
    ("take 100 times the first difference of its logarithm", lambda y: 100 * np.diff(_log(y))),
    ("take its logarithm", lambda y: _log(y)),
    ("take 100 times its logarithm", lambda y: 100 * _log(y)),
    ("take its exponential", lambda y: np.exp(np.clip(y, None, 100.0))),
]


def _log(y: np.ndarray) -> np.ndarray:
    """NaN throughout where some number has no logarithm."""
    return np.log(y) if np.nanmin(y) > 0 else np.full_like(y, np.nan)


class Moments(NamedTuple):
    """Means and standard deviations of a series in samples as long as the data: medians and spread over draws."""

    mean: float
    spread: float
    sd: float


def comparable(posterior: Posterior, data: Any, observables: tuple[str, ...]) -> bool:
    """Are there columns to set beside simulated ones?"""
    gives = getattr(getattr(posterior.likelihood, "solver", None), "gives", None)
    return (
        gives in (StateSpace, MovingAverage)
        and isinstance(data, pd.DataFrame)
        and set(observables) <= set(data.columns)
    )


def units(posterior: Posterior, data: pd.DataFrame, positions: np.ndarray) -> Rung:
    """Does no observable differ from the prior's by a factor of twenty or more?

    Args:
        posterior: of a model whose solution can be simulated.
        data: its observables among the columns.
        positions: draws from the prior; few are used where a solution takes long.
    """
    names = posterior.likelihood.spec.observables._fields
    simulated = _simulated(posterior, positions[: _FEW if posterior.sequential else None], len(data))
    title = "The data are in the model's units"
    if not simulated.size:
        return Rung(title, True, ("no draw from the prior has a solution to compare with",))
    lines, passed = [], True
    for i, name in enumerate(names):
        series = data[name].to_numpy(float)
        model = _moments_of_draws(simulated[:, :, i])
        mean, sd = np.nanmean(series), np.nanstd(series)
        lines.append(
            f"{name}: mean {mean:.4g} and standard deviation {sd:.4g}; in draws from the prior {model.mean:.4g} "
            f"and {model.sd:.4g}"
        )
        if _distance(series, model) > _BEYOND:
            passed = False
            lines.append(
                f"{name} differs by a factor of {_distance(series, model):.3g}: {_advice(series, model)}"
            )
    return Rung(title, passed, tuple(lines))


def _simulated(posterior: Posterior, positions: np.ndarray, num_periods: int) -> np.ndarray:
    """Samples ``[n_draws, num_periods, n_obs]``, those of draws without a solution left out."""
    samples = []
    for i, position in enumerate(positions):
        solution = posterior.likelihood.solution(position, posterior.data)
        if int(solution.status) == Status.OK:
            samples.append(np.asarray(simulate(solution, jax.random.key(i), num_periods)))
    return np.array(samples)


def _moments_of_draws(samples: np.ndarray) -> Moments:
    means, sds = samples.mean(axis=1), samples.std(axis=1)
    low, high = np.quantile(means, [0.05, 0.95])
    return Moments(float(np.median(means)), float(high - low), float(np.median(sds)))


def _distance(series: np.ndarray, model: Moments) -> float:
    """The factor by which the standard deviations differ, or the distance of the means in the model's own terms."""
    if np.isnan(series).all():
        return np.inf
    mean, sd = np.nanmean(series), np.nanstd(series)
    if sd == 0.0 or model.sd == 0.0:
        return 1.0
    away = abs(mean - model.mean) / max(model.sd, model.spread, abs(model.mean))
    return float(max(sd / model.sd, model.sd / sd, away))


def _advice(series: np.ndarray, model: Moments) -> str:
    changed = [(words, change(series)) for words, change in CHANGES]
    distances = [_distance(y, model) for _, y in changed]
    near = next((i for i, d in enumerate(distances) if d <= _NEAR), int(np.argmin(distances)))
    if not distances[near] < _BEYOND:
        return "no usual change of units brings them together"
    words, y = changed[near]
    return f"{words}, and it has mean {np.nanmean(y):.4g} and standard deviation {np.nanstd(y):.4g}"
