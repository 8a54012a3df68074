"""`optimal_rule`: the coefficients of a rule that serve an objective best, at given parameters or on average over
draws of them; `rule_frontier`: what one objective costs another.

Gradients by the coefficients are exact, and so is how the best coefficients move with the parameters: where dL/df = 0,
df/dp = -(d2L/df2)^-1 d2L/df dp.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from estim.arguments import ArgumentError, NonNegativeReal, Number, Positive, Seed, checked, did_you_mean
from estim.descent import Calibration
from estim.model import Model
from estim.models import load_model
from estim.policy.rule_search import Criterion, RuleSearch, as_draws


@dataclass(frozen=True)
class OptimalRule:
    """The coefficients of a rule that serve an objective best.

    Attributes:
        coefficients: by parameter.
        loss: of the objective there; the mean over draws, where draws of parameters were given.
        losses: at each draw ``[n_draws]``; one of them where parameters were given.
        gradient: of the loss by each coefficient, zero inside of the bounds.
        model: with these coefficients as its calibration.
        success, message: whether the search ended at a minimum, and why it ended.
    """

    coefficients: Mapping[str, float]
    loss: float
    losses: np.ndarray
    gradient: Mapping[str, float]
    model: Model
    success: bool
    message: str
    _criterion: "Criterion"

    def loss_at(self, params: Any = None) -> float:
        """The loss of these coefficients at other parameters, or its mean over other draws, such as at the mode.

        Args:
            params: values that override the model's defaults, draws of them too.

        Returns:
            The loss, infinite where the model has no stable solution under the rule.
        """
        draws, _ = as_draws(self._criterion.model, params, self.coefficients)
        return float(np.mean(self._criterion.by_draw(dict(self.coefficients), draws)))

    def sensitivities(self) -> xr.DataArray:
        """How the best coefficients move with the parameters, ``[coefficient, parameter]``, where no bound holds them
        up.

        Returns:
            Of draws, how they move when a parameter of all draws does.
        """
        criterion, names = self._criterion, tuple(self.coefficients)
        draws = criterion.draws
        shifts = {n: 0.0 for n in draws if n not in names}
        moved = lambda shift: {n: draws[n] + shift[n] if n in shift else draws[n] for n in draws}
        slope = jax.grad(lambda f, shift: criterion.average(f, moved(shift), jnp.ones(1)))
        by_both = jax.jit(jax.jacfwd(lambda both: slope(*both)))
        found = by_both(jax.tree.map(jnp.asarray, (dict(self.coefficients), shifts)))
        table = lambda which, columns: np.array([[float(found[a][which][b]) for b in columns] for a in names])
        found = -np.linalg.solve(table(0, names), table(1, tuple(shifts)))
        return xr.DataArray(
            found, {"coefficient": list(names), "parameter": list(shifts)}, ("coefficient", "parameter")
        )


@checked
def optimal_rule(
    model: Model | str,
    params: Any = None,
    objective: Any = None,
    *,
    rule: Sequence[str],
    discount: Any = None,
    maximise: bool = False,
    bounds: Mapping[str, tuple[Number, Number]] | None = None,
    num_starts: Positive = 1,
    seed: Seed = 0,
    tolerance: NonNegativeReal = 1e-10,
    max_steps: Positive = 500,
) -> OptimalRule:
    """The coefficients of a model's own rule that minimise an objective, by its gradient.

    Args:
        model: a `Model`, or the name of one in the gallery.
        params: values that override the model's defaults, in its own units: a mapping of numbers, or of draws, arrays
            of
            one shape such as those of a posterior. Of draws the mean of the objective is minimised: the rule that is
            best on average over what is not known of the parameters.
        objective: ``(now, params) -> number``, what a period costs: ``now.pi**2 + 0.25 * now.y**2``.
        rule: the parameters that are chosen; the search begins at their values, of draws at the mean.
        discount: None to minimise the objective's unconditional mean, a weighted sum of variances where it is
            quadratic;
            else a discount factor, to minimise the expected discounted sum from rest.
        maximise: whether the objective is worth something, and is to be as high as can be.
        bounds: ``{coefficient: (low, high)}``; an end may be infinite.
        num_starts, seed, tolerance, max_steps: of the search, as in `estim.calibrate`.

    Returns:
        The coefficients, their loss at every draw, and the model with them.

    Raises:
        ModelError: a coefficient is no parameter, or the objective does not fit the model.
        ArgumentError: draws of different shapes.
        ValueError: at no start has the model a stable solution at every draw.

    Source: Taylor and Williams (2010), Handbook of Monetary Economics 3; Levin, Wieland and Williams (2003), American
    Economic Review 93, on rules that are robust to what is not known.
    """
    model = load_model(model) if isinstance(model, str) else model
    search = RuleSearch(model, params, {"loss": objective}, rule, discount, maximise, bounds, "optimal_rule")
    found = search.best({"loss": 1.0}, search.start, num_starts, seed, tolerance, max_steps)
    return rule_found(search, found)


def rule_found(search: RuleSearch, found: Calibration) -> OptimalRule:
    """What a search for one objective found."""
    criterion, values = search.criterion, {name: float(found.values[name]) for name in search.rule}
    _, gradient = criterion.value_and_gradient(
        jax.tree.map(jnp.asarray, values), criterion.draws, jnp.ones(1)
    )
    return OptimalRule(
        coefficients=values,
        loss=search.sign * found.loss,
        losses=criterion.by_objective(values)[0],
        gradient={name: float(gradient[name]) for name in search.rule},
        model=search.model.with_values(values),
        success=found.success,
        message=found.message,
        _criterion=criterion,
    )


@checked
def rule_frontier(
    model: Model | str,
    params: Any = None,
    objectives: Any = None,
    *,
    rule: Sequence[str],
    weights: Sequence[Mapping[str, Number]] | Positive = 11,
    bounds: Mapping[str, tuple[Number, Number]] | None = None,
    tolerance: NonNegativeReal = 1e-10,
    max_steps: Positive = 500,
) -> xr.Dataset:
    """What one objective costs another under the best rules, at every draw of the parameters.

    Args:
        model, params, rule, bounds, tolerance, max_steps: as in `optimal_rule`.
        objectives: functions ``(now, params) -> number`` by name, each of which costs something.
        weights: a sequence of them, each by objective (zero where left out); or, of two objectives, how many: weights
            that sum to one, the first and the last of them a hundredth.

    Returns:
        ``objective`` ``[weights, of, draw]``, the means of the objectives under the rule that is best for the weights
        on average over the draws, ``coefficient`` ``[weights, name]``, and whether each search ended at a minimum,
        ``success`` ``[weights]``. Bands are
        ``frontier.objective.quantile([0.05, 0.95], "draw")``.

    Raises:
        ModelError, ArgumentError, ValueError: as `optimal_rule`; or a number of weights stands for objectives that are
            not two.
    """
    model = load_model(model) if isinstance(model, str) else model
    if not isinstance(objectives, Mapping) or not objectives:
        raise ArgumentError("rule_frontier: objectives must be functions by name")
    search = RuleSearch(model, params, objectives, rule, None, False, bounds, "rule_frontier")
    names, chosen = tuple(objectives), _weights(weights, tuple(objectives))
    start, coefficients, values, success = search.start, [], [], []
    for given in chosen:
        found = search.best(given, start, 1, 0, tolerance, max_steps)
        start = found.values
        success.append(found.success)
        coefficients.append([start[name] for name in rule])
        values.append(search.criterion.by_objective(start))
    coords = {
        "weights": np.arange(len(chosen)),
        "of": list(names),
        "draw": np.arange(np.shape(values)[-1]),
        "name": list(rule),
        "weight": (("weights", "of"), np.array([[w.get(n, 0.0) for n in names] for w in chosen])),
    }
    data: dict[str, Any] = {
        "objective": (("weights", "of", "draw"), values),
        "coefficient": (("weights", "name"), coefficients),
    }
    data["success"] = ("weights", success)
    return xr.Dataset(data, coords)


_EDGE = 0.01


def _weights(given: Any, names: tuple[str, ...]) -> list[Mapping[str, float]]:
    if not isinstance(given, int):
        if unknown := [n for w in given for n in w if n not in names]:
            raise ArgumentError(
                f"rule_frontier: weights give {unknown[0]!r}, no objective{did_you_mean(unknown[0], names)}"
            )
        return [dict(w) for w in given]
    if len(names) != 2:
        raise ArgumentError(
            f"rule_frontier: a number of weights is for two objectives, not ({', '.join(names)})"
        )
    shares = np.linspace(_EDGE, 1 - _EDGE, given)
    return [dict(zip(names, (float(s), float(1 - s)), strict=True)) for s in shares]
