"""`calibrate`: parameters that bring moments or paths to their targets, or any loss to its minimum."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import ArgumentError, NonNegativeReal, Number, Positive, Seed, checked
from estim.descent import Calibration, as_floats, box_around, descend
from estim.typing import Scalar


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
    box = box_around(start, bounds, "calibrate")
    loss = _loss(function, as_floats(start), targets, weights)
    return descend(
        jax.jit(jax.value_and_grad(loss)),
        start,
        box,
        num_starts=num_starts,
        seed=seed,
        tolerance=tolerance,
        max_steps=max_steps,
        verb="calibrate",
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
