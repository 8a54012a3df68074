"""`calibrate`: parameters that bring moments or paths to their targets, or any loss to its minimum."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from estim.arguments import ArgumentError, NonNegativeReal, Number, Positive, Seed, checked, did_you_mean
from estim.typing import Scalar


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


@checked
def calibrate(
    function: Callable[[Any], Any],
    start: Any,
    *,
    targets: Any = None,
    weights: Any = None,
    bounds: Mapping[str, tuple[Number, Number]] | None = None,
    num_starts: Positive = 1,
    seed: Seed = 0,
    tolerance: NonNegativeReal = 1e-9,
    max_steps: Positive = 500,
) -> Calibration:
    """Search for the arguments of a function that bring it closest to targets, or of a loss for its minimum.

    Args:
        function: of a pytree of floats like `start`: to a scalar loss, or, with `targets`, to a pytree of moments or
            paths like these, whose loss is the sum of ``weight * (value - target)^2``. JAX traces it.
        start: where the search begins, in the arguments' own units.
        targets: a pytree of numbers; NaN counts as no target. None where the function is the loss.
        weights: like the targets, or one number for all; one where None.
        bounds: ``{name: (low, high)}`` of a `start` that is a mapping or a NamedTuple; an end may be infinite.
        num_starts: searches; the first from `start`, the others from points drawn between the bounds where both are
            finite, and elsewhere around the start, by as much as its own size (by one where it is zero).
        seed: of these draws.
        tolerance: the largest derivative at which a search ends, in the loss per unit of scale: the width of the
            bounds, or the size of the start.
        max_steps: of each search.

    Returns:
        The best of the minima found.

    Raises:
        ArgumentError: a bound is of no argument or does not contain the start, or targets or weights are not like
            what the function returns.
        ValueError: the loss is finite at no start.

    Source: Byrd, Lu, Nocedal and Zhu (1995), SIAM Journal on Scientific Computing 16 (L-BFGS-B).
    """
    from scipy.optimize import minimize

    flat, unravel = ravel_pytree(jax.tree.map(lambda x: jnp.asarray(x, float), start))
    x0 = np.asarray(flat)
    low, high = _bounds(start, bounds or {})
    if outside := [
        name for name, l, x, h in zip(_names(start), low, x0, high, strict=True) if not l <= x <= h
    ]:
        raise ArgumentError(f"calibrate: start lies outside the bounds of {outside[0]!r}")
    closed = np.isfinite(low) & np.isfinite(high)
    size = np.where(x0 != 0, np.abs(x0), 1.0)
    scale = np.where(closed, np.where(closed, high, 1.0) - np.where(closed, low, 0.0), size)
    scale = np.where(scale > 0, scale, 1.0)
    loss = _loss(function, jax.tree.map(lambda x: jnp.asarray(x, float), start), targets, weights)
    value_and_gradient = jax.jit(jax.value_and_grad(lambda x: loss(unravel(x))))

    def scaled(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = (np.asarray(a, float) for a in value_and_gradient(x0 + scale * u))
        well = np.isfinite(value) and np.isfinite(gradient).all()
        return (float(value), scale * gradient) if well else (np.inf, np.zeros_like(u))

    limits = list(zip((low - x0) / scale, (high - x0) / scale, strict=True))
    options = {"gtol": tolerance, "ftol": 0.0, "maxiter": max_steps, "maxls": 50}
    found = []
    for begin in _starts(x0, scale, low, high, closed, num_starts, seed):
        result = minimize(scaled, begin, jac=True, method="L-BFGS-B", bounds=limits, options=options)
        found.append(result)
    losses = np.array([r.fun for r in found], float)
    if not np.isfinite(losses).any():
        raise ValueError("calibrate: the loss is not finite at the start" + "s" * (num_starts > 1))
    best = found[int(np.nanargmin(losses))]
    flat_enough = float(np.max(np.abs(_projected(best, limits)), initial=0.0)) <= np.sqrt(np.finfo(float).eps)
    return Calibration(
        values=jax.tree.map(_plain, unravel(jnp.asarray(x0 + scale * best.x))),
        loss=float(best.fun),
        success=bool(best.success) or flat_enough,
        message=str(best.message),
        num_evaluations=sum(int(r.nfev) for r in found),
        losses=losses,
    )


def _loss(function: Callable[[Any], Any], start: Any, targets: Any, weights: Any) -> Callable[[Any], Scalar]:
    shapes = lambda tree: [np.shape(leaf) for leaf in jax.tree.leaves(tree)]
    returned = jax.eval_shape(function, start)
    if targets is None:
        if shapes(returned) != [()]:
            raise ArgumentError(
                f"calibrate: without targets the function must return one number, not the shapes {shapes(returned)}"
            )
        return lambda x: jax.tree.leaves(function(x))[0]
    if not _alike(returned, targets) or shapes(returned) != shapes(targets):
        raise ArgumentError(
            f"calibrate: targets must be like what the function returns, of shapes {shapes(returned)}, "
            f"not {shapes(targets)}"
        )
    given = [jnp.asarray(t, float) for t in jax.tree.leaves(targets)]
    if weights is None or (np.ndim(weights) == 0 and not isinstance(weights, Mapping)):
        factors = [jnp.full(t.shape, 1.0 if weights is None else weights) for t in given]
    elif not _alike(weights, targets):
        raise ArgumentError("calibrate: weights must be like the targets, or one number")
    else:
        factors = [jnp.broadcast_to(w, t.shape) for w, t in zip(jax.tree.leaves(weights), given, strict=True)]

    def loss(x: Any) -> Scalar:
        terms = []
        for value, target, weight in zip(jax.tree.leaves(function(x)), given, factors, strict=True):
            gap = jnp.where(jnp.isnan(target), 0.0, value - jnp.where(jnp.isnan(target), 0.0, target))
            terms.append(jnp.sum(weight * gap * gap))
        return jnp.sum(jnp.stack(terms))

    return loss


def _alike(one: Any, other: Any) -> bool:
    return str(jax.tree.structure(one)) == str(jax.tree.structure(other))


def _names(start: Any) -> list[str]:
    """The first name on the way to each number."""
    names = []
    for path, leaf in jax.tree.leaves_with_path(start):
        name = jax.tree_util.keystr(path[:1], simple=True) if path else ""
        names += [name] * int(np.size(leaf))
    return names


def _bounds(start: Any, bounds: Mapping[str, tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    names = _names(start)
    if unknown := [name for name in bounds if name not in names]:
        raise ArgumentError(
            f"calibrate: bounds give {unknown[0]!r}, which is not in the start{did_you_mean(unknown[0], names)}"
        )
    wide = (-np.inf, np.inf)
    low, high = np.array([bounds.get(name, wide) for name in names], float).reshape(-1, 2).T
    return low, high


def _starts(
    x0: np.ndarray,
    scale: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    closed: np.ndarray,
    num: int,
    seed: int,
) -> list[np.ndarray]:
    """In units of the scale, from the start on."""
    rng = np.random.default_rng(np.abs(seed))
    starts = [np.zeros_like(x0)]
    for _ in range(num - 1):
        between = np.where(closed, low, 0.0) + rng.random(x0.size) * np.where(closed, scale, 0.0)
        around = np.clip(x0 + scale * rng.normal(size=x0.size), low, high)
        starts.append((np.where(closed, between, around) - x0) / scale)
    return starts


def _projected(result: Any, limits: list[tuple[float, float]]) -> np.ndarray:
    """The gradient, without what only a bound holds up."""
    at = np.array([np.clip(x - g, *limit) for x, g, limit in zip(result.x, result.jac, limits, strict=True)])
    return np.asarray(result.x) - at


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else np.asarray(value)
