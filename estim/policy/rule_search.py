"""The search for a rule's best coefficients: objectives as functions of them, averaged over draws of the parameters.

The mean of a quadratic objective under a linear solution is U(x) + tr(H Cov x), with H half its second derivatives; of
other models and objectives it is that of the solution to second order.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.analysis.pruned_moments import risk_adjusted_mean
from estim.arguments import ArgumentError, did_you_mean
from estim.descent import Calibration, box_around, descend
from estim.model import Model, ModelError
from estim.policy.discounted_sum import quadratic_mean, welfare_of, with_sum
from estim.policy.objective import Discount, Objective, period_objective, require_quadratic
from estim.runtime import require_own_runtime
from estim.solution.perturbation import Perturbation
from estim.solution.rational_expectations import solve_decision_rule
from estim.status import Status
from estim.typing import Array, Scalar


class Criterion:
    """The means of objectives as functions of a rule's coefficients, at draws of the other parameters."""

    def __init__(
        self,
        model: Model,
        objectives: Mapping[str, Objective],
        discount: Discount | None,
        draws: Any,
        about_rest: bool,
    ) -> None:
        self.model, self.draws = model, draws
        self.names = tuple(objectives)
        each = [mean_of(model, f, discount, about_rest) for f in objectives.values()]
        self._each = lambda coefficients, draw: jnp.stack(
            [f(model.params({**draw, **coefficients})) for f in each]
        )
        self.by_draw = jax.jit(jax.vmap(self._each, in_axes=(None, 0)))
        self.value_and_gradient = jax.jit(jax.value_and_grad(self.average))

    def average(self, coefficients: Any, draws: Any, weights: Array) -> Scalar:
        """The weighted sum of the objectives, averaged over draws."""
        return jnp.sum(weights * jnp.mean(self.by_draw(coefficients, draws), axis=0))

    def by_objective(self, coefficients: Any) -> np.ndarray:
        """Each of them at each draw ``[n_objectives, n_draws]``."""
        return np.asarray(self.by_draw(coefficients, self.draws)).T


class RuleSearch:
    """For the best coefficients of a rule, whatever the weights: compiled once."""

    def __init__(
        self,
        model: Model,
        params: Any,
        objectives: Mapping[str, Objective],
        rule: Sequence[str],
        discount: Any,
        maximise: bool,
        bounds: Any,
        verb: str,
        about_rest: bool = False,
    ) -> None:
        require_own_runtime()
        model.refuse_households(verb)
        if not rule:
            raise ArgumentError(f"{verb}: rule must name the parameters that are chosen")
        for name in (n for n in rule if n not in model.param_names):
            hint = did_you_mean(name, model.param_names)
            raise ModelError(f"{model.name}: the rule's coefficient {name!r} is no parameter{hint}")
        draws, start = as_draws(model, params, {})
        self.model, self.verb, self.rule = model, verb, tuple(rule)
        self.start = {name: start[name] for name in rule}
        checked_objectives = {
            n: period_objective(model, f, "objective" if n == "loss" else f"objective '{n}'")
            for n, f in objectives.items()
        }
        if model.linearised and not about_rest:
            for f in checked_objectives.values():
                require_quadratic(model, f, model.params(start), verb)
        self.sign = -1.0 if maximise else 1.0
        self.criterion = Criterion(model, checked_objectives, discount, draws, about_rest)
        self.box = box_around(self.start, bounds, verb)

    def best(
        self,
        weights: Mapping[str, float],
        start: Any,
        num_starts: int,
        seed: int,
        tolerance: float,
        max_steps: int,
    ) -> Calibration:
        """From `start`; begun again where it stopped before it could tell that it is at a minimum."""
        criterion = self.criterion
        given = self.sign * jnp.array([float(weights.get(n, 0.0)) for n in criterion.names])
        run = lambda f: criterion.value_and_gradient(f, criterion.draws, given)
        found = None
        for _ in range(_ROUNDS):
            box = self.box._replace(start=np.array([start[n] for n in sorted(start)]))
            found = descend(
                run,
                start,
                box,
                num_starts=num_starts,
                seed=seed,
                tolerance=tolerance,
                max_steps=max_steps,
                verb=self.verb,
            )
            start, num_starts = found.values, 1
            if found.success:
                break
        assert found is not None
        return found


_ROUNDS = 3


def mean_of(
    model: Model, objective: Objective, discount: Discount | None, about_rest: bool = False
) -> Callable[[Any], Scalar]:
    """``Params -> number``: the objective's mean, or its discounted sum from rest; infinite, with a gradient of zero,
    where the model has no stable solution. `about_rest`: of a quadratic form in deviations from rest, to first
    order."""
    if discount is not None:
        of = welfare_of(model, objective, discount)

        def value(params: Any) -> tuple[Scalar, Scalar]:
            found, status = of(params)
            return found.conditional, status

    elif about_rest:

        def value(params: Any) -> tuple[Scalar, Scalar]:
            rule = solve_decision_rule(model, params)
            level = objective(model.variables(*rule.steady_state), params)
            return quadratic_mean(model, rule, objective, params) - level, rule.status

    elif model.linearised:

        def value(params: Any) -> tuple[Scalar, Scalar]:
            rule = solve_decision_rule(model, params)
            return quadratic_mean(model, rule, objective, params), rule.status

    else:
        valued = with_sum(model, objective, None)

        def value(params: Any) -> tuple[Scalar, Scalar]:
            solution = Perturbation(order=2).solve(valued, params)
            return risk_adjusted_mean(solution)[-1], solution.status

    def guarded(params: Any) -> Scalar:
        found, status = value(params)
        return jnp.where((status == Status.OK) & jnp.isfinite(found), found, jnp.inf)

    return guarded


def as_draws(
    model: Model, params: Any, fixed: Mapping[str, float]
) -> tuple[dict[str, Array], dict[str, float]]:
    """All parameters ``[n_draws]``, and their means as numbers."""
    given = dict(model.params(params)._asdict()) | dict(fixed)
    sizes = {np.shape(value) for value in given.values() if np.ndim(value)}
    if len(sizes) > 1:
        raise ArgumentError(f"draws of parameters have different shapes: {sorted(sizes)}")
    size = int(np.prod(sizes.pop())) if sizes else 1
    flat = {n: np.broadcast_to(np.asarray(v, float).reshape(-1), (size,)) for n, v in given.items()}
    for i in {0, size // 2, size - 1}:
        model.check_support({name: float(values[i]) for name, values in flat.items()})
    return {n: jnp.asarray(v) for n, v in flat.items()}, {n: float(v.mean()) for n, v in flat.items()}
