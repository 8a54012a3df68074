"""What a person can move: the parameters of a model, and the shocks that hit it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from estim.specification import Specification

_DRAWS = 500
_INNER = (0.01, 0.99)
_LARGEST_SHOCK = 3.0


class Lever(NamedTuple):
    """A number and between which others it moves: ``group`` is "estimated", "calibrated" or "shocks", ``title`` its
    name in words, ``likely`` the ends of its posterior's 90 % where there is one."""

    name: str
    group: str
    title: str
    low: float
    high: float
    start: float
    likely: tuple[float, float] | None = None


def levers_of(model: Specification, draws: np.ndarray | None = None) -> list[Lever]:
    """The levers of a model: its estimated parameters between quantiles of prior and posterior, its calibrated ones
    by half either way, and the size of each shock in the first period, in standard deviations, which begins at one
    for the first.

    Args:
        model: a `Model` or a `Simulation`.
        draws: of the posterior ``[n_draws, n_estimated]``, or None.
    """
    start = {n: v for n, v in model.params()._asdict().items() if np.ndim(v) == 0}
    ranges, likely = _prior_ranges(model, start), dict[str, tuple[float, float]]()
    for name, values in zip(model.estimated, [] if draws is None else np.transpose(draws), strict=False):
        low, high = np.quantile(values, (0.05, 0.95))
        likely[name] = float(low), float(high)
        start[name] = float(np.median(values))
        ranges[name] = min(ranges[name][0], float(values.min())), max(ranges[name][1], float(values.max()))
    found = []
    for name, value in start.items():
        group = "estimated" if name in model.estimated else "calibrated"
        low, high = ranges.get(name) or _around(float(value))
        low, high = min(low, float(value)), max(high, float(value))
        found.append(Lever(name, group, _title(model, name), low, high, float(value), likely.get(name)))
    found.sort(key=lambda lever: lever.group != "estimated")
    for i, name in enumerate(model.shocks._fields):
        title, size = f"shock: {_title(model, name)}", float(i == 0)
        found.append(Lever(name, "shocks", title, -_LARGEST_SHOCK, _LARGEST_SHOCK, size))
    return found


def _prior_ranges(model: Specification, start: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Of the estimated parameters, between quantiles of draws from their prior; by half either way where it has
    none."""
    try:
        parameters = model.parameters
        positions = parameters.sample_prior(jax.random.key(0), _DRAWS)
        values = jax.vmap(parameters.constrain_fn)(positions)
    except NotImplementedError:  # an improper prior
        return {name: _around(float(start[name])) for name in model.estimated}
    ends = {name: np.quantile(np.asarray(values[name]), _INNER) for name in model.estimated}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def _around(value: float) -> tuple[float, float]:
    reach = 0.5 * abs(value) or 1.0
    return value - reach, value + reach


def _title(model: Any, name: str) -> str:
    words: Sequence[str] = getattr(model, "labels", {}).get(name, ("",))
    return words[0] or name
