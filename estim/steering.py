"""`control` and `frontier`: the policy that serves its objectives best, by gradients through an economy's path."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from estim.arguments import ArgumentError, NonNegativeReal, Number, Positive, Seed, checked, did_you_mean
from estim.descent import as_floats, box_around, descend


@dataclass(frozen=True)
class Control:
    """A policy, and what it does to each objective.

    Attributes:
        policy: like the start, where the weighted sum of the objectives is least.
        loss: that sum there.
        objectives: each of them there, by name.
        weights: what each counts in the sum, by name.
        gradients: of each objective with respect to the policy there, by name, each like the policy.
        success: whether the search ended at a minimum, as far as it can tell.
        message: why it ended.
        num_evaluations: of the objectives with the sum's gradient, over all starts.
    """

    policy: Any
    loss: float
    objectives: Mapping[str, float]
    weights: Mapping[str, float]
    gradients: Mapping[str, Any]
    success: bool
    message: str
    num_evaluations: int


@checked
def control(
    objectives: Callable[[Any], Any],
    start: Any,
    *,
    weights: Mapping[str, Number] | None = None,
    bounds: Mapping[str, tuple[Number, Number]] | None = None,
    num_starts: Positive = 1,
    seed: Seed = 0,
    tolerance: NonNegativeReal = 1e-9,
    max_steps: Positive = 500,
) -> Control:
    """Choose a policy, a few parameters or whole paths, that minimises a weighted sum of objectives.

    Args:
        objectives: of a policy like `start`: a loss, or several by name, ``{"unemployment": ..., "debt": ...}``.
            JAX traces it, through as many periods as it has.
        start: the policy where the search begins: a pytree of numbers and paths.
        weights: by objective; one where left out.
        bounds: ``{name: (low, high)}`` of a `start` that is a mapping or a NamedTuple, for each number of a path; an
            end may be infinite.
        num_starts, seed, tolerance, max_steps: of the search, as in `calibrate`.

    Returns:
        The best policy found, what each objective is there, and the gradient of each.

    Raises:
        ArgumentError: an objective is no scalar, a weight is of none of them, or a bound is of no part of the policy
            or does not contain the start.
        ValueError: the sum is finite at no start.

    Source: Byrd, Lu, Nocedal and Zhu (1995), SIAM Journal on Scientific Computing 16 (L-BFGS-B).
    """
    steer = _Steering(objectives, start, bounds, "control")
    settings = {"num_starts": num_starts, "seed": seed, "tolerance": tolerance, "max_steps": max_steps}
    return steer.search(start, weights, **settings)


@checked
def frontier(
    objectives: Callable[[Any], Any],
    start: Any,
    *,
    weights: Sequence[Mapping[str, Number]] | Positive = 11,
    bounds: Mapping[str, tuple[Number, Number]] | None = None,
    tolerance: NonNegativeReal = 1e-9,
    max_steps: Positive = 500,
) -> list[Control]:
    """What one objective costs another: the best policy at one set of weights after another.

    Each search begins where the last ended, and they share one compiled program. A weighted sum finds the convex
    parts of the frontier, all of it where the objectives are convex in the policy.

    Args:
        objectives: of a policy like `start`: several by name, as in `control`.
        start: the policy where the first search begins.
        weights: a sequence of them, each by objective; or, of two objectives, how many: from all on the second to
            all on the first, which sum to one.
        bounds, tolerance, max_steps: as in `control`.

    Returns:
        The best policies, in the order of the weights.

    Raises:
        ArgumentError: as `control`, or a number of weights stands for objectives that are not two.
        ValueError: a sum is not finite at its start.

    Source: Das and Dennis (1997), Structural Optimization 14, on what a weighted sum can find.
    """
    steer = _Steering(objectives, start, bounds, "frontier")
    if isinstance(weights, int):
        if len(steer.names) != 2:
            raise ArgumentError(
                f"frontier: a number of weights is for two objectives, not ({', '.join(steer.names)}): give a "
                "sequence of weights by objective"
            )
        shares = np.linspace(0.0, 1.0, weights)
        weights = [dict(zip(steer.names, (share, 1 - share), strict=True)) for share in shares]
    found: list[Control] = []
    settings = {"num_starts": 1, "seed": 0, "tolerance": tolerance, "max_steps": max_steps}
    for given in weights:
        found.append(steer.search(found[-1].policy if found else start, given, **settings))
    return found


class _Steering:
    """The objectives of a policy by name, compiled once for all weights."""

    def __init__(self, objectives: Callable[[Any], Any], start: Any, bounds: Any, verb: str) -> None:
        self.verb = verb
        self.box = box_around(start, bounds, verb)
        traced: list[Any] = []  # JAX would return a mapping by the alphabet
        jax.eval_shape(lambda policy: traced.append(objectives(policy)), as_floats(start))
        returned = traced[0]
        several = isinstance(returned, Mapping)
        shapes = {name: jnp.shape(value) for name, value in returned.items()} if several else {}
        if not several and [jnp.shape(leaf) for leaf in jax.tree.leaves(returned)] != [()]:
            raise ArgumentError(f"{verb}: objectives must return a number, or numbers by name")
        if wrong := [name for name, shape in shapes.items() if shape != ()]:
            raise ArgumentError(
                f"{verb}: objective '{wrong[0]}' has shape {shapes[wrong[0]]}, not one number"
            )
        self.names = tuple(shapes) if several else ("loss",)

        def parts(policy: Any) -> dict[str, Any]:
            found = objectives(policy)
            return dict(found) if several else {"loss": jax.tree.leaves(found)[0]}

        def weighted(policy: Any, weights: Mapping[str, Any]) -> Any:
            return sum(weights[name] * value for name, value in parts(policy).items())

        self._value_and_gradient = jax.jit(jax.value_and_grad(weighted))
        self._parts = jax.jit(lambda policy: (parts(policy), jax.jacrev(parts)(policy)))

    def search(self, start: Any, weights: Mapping[str, float] | None, **settings: Any) -> Control:
        """From `start`, in the units of the first one."""
        if unknown := [name for name in weights or {} if name not in self.names]:
            raise ArgumentError(
                f"{self.verb}: weights give {unknown[0]!r}, which is not in the objectives "
                f"({', '.join(self.names)}){did_you_mean(unknown[0], self.names)}"
            )
        full = {name: float((weights or {}).get(name, 1.0)) for name in self.names}
        traced = {name: jnp.asarray(weight) for name, weight in full.items()}
        run = lambda policy: self._value_and_gradient(policy, traced)
        box = self.box._replace(start=np.asarray(ravel_pytree(as_floats(start))[0]))
        found = descend(run, start, box, verb=self.verb, **settings)
        objectives, gradients = self._parts(as_floats(found.values))
        return Control(
            policy=found.values,
            loss=found.loss,
            objectives={name: float(value) for name, value in objectives.items()},
            weights=full,
            gradients={name: jax.tree.map(np.asarray, slope) for name, slope in gradients.items()},
            success=found.success,
            message=found.message,
            num_evaluations=found.num_evaluations,
        )
