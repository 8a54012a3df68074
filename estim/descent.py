"""Descent by L-BFGS within a box, from one start or many: what `calibrate` and `control` have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from estim.arguments import ArgumentError, did_you_mean
from estim.typing import Array


@dataclass(frozen=True)
class Calibration:
    """What a calibration found.

    Attributes:
        values: like the start, where the loss is least.
        loss: there.
        success: whether the search ended at a minimum, as far as it can tell.
        message: why it ended.
        num_evaluations: of the loss with its gradient, over all starts.
        losses: that each start led to ``[num_starts]``, infinite where the loss is not finite at the start.
    """

    values: Any
    loss: float
    success: bool
    message: str
    num_evaluations: int
    losses: np.ndarray


class Box(NamedTuple):
    """Where a descent may go: its start, the unit of each number, and the bounds, ``[n]`` each."""

    start: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def closed(self) -> np.ndarray:
        return np.isfinite(self.low) & np.isfinite(self.high)

    @property
    def limits(self) -> list[tuple[float, float]]:
        """In units of the scale, from the start on."""
        ends = ((end - self.start) / self.scale for end in (self.low, self.high))
        return list(zip(*ends, strict=True))


def descend(
    value_and_gradient: Callable[[Any], tuple[Any, Any]],
    start: Any,
    box: Box,
    *,
    num_starts: int,
    seed: int,
    tolerance: float,
    max_steps: int,
    verb: str,
) -> Calibration:
    """The deepest of the minima that are found from `num_starts` starts.

    Args:
        value_and_gradient: of a pytree like `start`, a number and a pytree like `start`.
        start, num_starts, seed, tolerance, max_steps: as in `estim.calibration.calibrate`.
        box: around the start.
        verb: who asks, for errors.

    Raises:
        ValueError: the value is finite at no start.
    """
    from scipy.optimize import minimize

    unravel = ravel_pytree(as_floats(start))[1]

    def scaled(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = value_and_gradient(unravel(jnp.asarray(box.start + box.scale * u)))
        slope = np.asarray(ravel_pytree(gradient)[0], float)
        well = np.isfinite(value) and np.isfinite(slope).all()
        return (float(value), box.scale * slope) if well else (np.inf, np.zeros_like(u))

    options = {"gtol": tolerance, "ftol": 0.0, "maxiter": max_steps, "maxls": 50}
    found = [
        minimize(scaled, begin, jac=True, method="L-BFGS-B", bounds=box.limits, options=options)
        for begin in _starts(box, num_starts, seed)
    ]
    losses = np.array([r.fun for r in found], float)
    if not np.isfinite(losses).any():
        raise ValueError(f"{verb}: the loss is not finite at the start" + "s" * (num_starts > 1))
    best = found[int(np.nanargmin(losses))]
    left = np.max(np.abs(_projected(best, box.limits)), initial=0.0)
    return Calibration(
        values=jax.tree.map(_plain, unravel(jnp.asarray(box.start + box.scale * best.x))),
        loss=float(best.fun),
        success=bool(best.success) or bool(left <= np.sqrt(np.finfo(float).eps)),
        message=str(best.message),
        num_evaluations=sum(int(r.nfev) for r in found),
        losses=losses,
    )


def as_floats(tree: Any) -> Any:
    """The same pytree, its leaves arrays of floats."""
    return jax.tree.map(lambda x: jnp.asarray(x, float), tree)


def box_around(start: Any, bounds: Mapping[str, tuple[float, float]] | None, verb: str) -> Box:
    """Bounds by the first name on the way to a number; the unit is their width, or the size of the start.

    Raises:
        ArgumentError: a bound is of no number of the start, or does not contain it.
    """
    x0, names, bounds = np.asarray(ravel_pytree(as_floats(start))[0]), _names(start), bounds or {}
    if unknown := [name for name in bounds if name not in names]:
        raise ArgumentError(
            f"{verb}: bounds give {unknown[0]!r}, which is not in the start{did_you_mean(unknown[0], names)}"
        )
    wide = (-np.inf, np.inf)
    low, high = np.array([bounds.get(name, wide) for name in names], float).reshape(-1, 2).T
    if outside := [name for name, l, x, h in zip(names, low, x0, high, strict=True) if not l <= x <= h]:
        raise ArgumentError(f"{verb}: start lies outside the bounds of {outside[0]!r}")
    closed = np.isfinite(low) & np.isfinite(high)
    size = np.where(x0 != 0, np.abs(x0), 1.0)
    scale = np.where(closed, np.where(closed, high, 1.0) - np.where(closed, low, 0.0), size)
    return Box(x0, np.where(scale > 0, scale, 1.0), low, high)


def _names(start: Any) -> list[str]:
    """The first name on the way to each number."""
    names = []
    for path, leaf in jax.tree.leaves_with_path(start):
        name = jax.tree_util.keystr(path[:1], simple=True) if path else ""
        names += [name] * int(np.size(leaf))
    return names


def _starts(box: Box, num: int, seed: int) -> list[np.ndarray]:
    """In units of the scale, from the start on."""
    rng, closed, x0, scale = np.random.default_rng(np.abs(seed)), box.closed, box.start, box.scale
    starts = [np.zeros_like(x0)]
    for _ in range(num - 1):
        between = np.where(closed, box.low, 0.0) + rng.random(x0.size) * np.where(closed, scale, 0.0)
        around = np.clip(x0 + scale * rng.normal(size=x0.size), box.low, box.high)
        starts.append((np.where(closed, between, around) - x0) / scale)
    return starts


def _projected(result: Any, limits: list[tuple[float, float]]) -> np.ndarray:
    """The gradient, without what only a bound holds up."""
    at = np.array([np.clip(x - g, *limit) for x, g, limit in zip(result.x, result.jac, limits, strict=True)])
    return np.asarray(result.x) - at


def _plain(value: Array) -> Any:
    return float(value) if np.ndim(value) == 0 else np.asarray(value)
