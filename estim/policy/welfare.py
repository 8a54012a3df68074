"""`welfare` and `consumption_equivalent`: what a policy is worth, to second order, and in units of consumption."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from estim.arguments import ArgumentError, Number, checked, did_you_mean
from estim.model import Model, ModelError
from estim.models import load_model
from estim.numerics.interpreted import interpreted
from estim.policy.discounted_sum import Welfare, record, welfare_of
from estim.policy.objective import Objective, discount_factor, period_objective, require_quadratic
from estim.runtime import require_own_runtime
from estim.solution.at_rest import solution_error
from estim.solution.regimes import regimes
from estim.solution.steady_state import steady_state_of


@checked
def welfare(
    model: Model | str,
    params: Any = None,
    objective: Any = None,
    *,
    discount: Any,
    start: Mapping[str, Number] | None = None,
    order: Literal[1, 2] = 2,
) -> Welfare:
    """The expected discounted sum of an objective in a model.

    Args:
        model: a `Model`, or the name of one in the gallery. Linearised equations need a quadratic objective.
        params: values that override the model's defaults, in its own units.
        objective: ``(now, params) -> number``, what a period is worth, or costs.
        discount: a number, the name of a parameter, or ``params -> number``.
        start: levels of variables in the period before the first; by default, and for those left out, at rest.
        order: of the approximation; to first order risk does not matter.

    Returns:
        The sum without shocks, given the start, and on average.

    Raises:
        ModelError: the objective or the discount factor does not fit the model.
        ArgumentError: a start is of no variable.
        SolutionError: the model has no solution there; the message says why.

    Source: Schmitt-Grohé and Uribe (2007), Journal of Monetary Economics 54.
    """
    require_own_runtime()
    model = load_model(model) if isinstance(model, str) else model
    given = checked_params(model, params)
    if model.linearised:
        require_quadratic(model, period_objective(model, objective), given, "welfare of linearised equations")
    found, status = interpreted(welfare_of(model, objective, discount, start, order), given)(given)
    if int(status):
        raise solution_error(int(status), model, given)
    return Welfare(*map(float, found))


@checked
def consumption_equivalent(
    model: Model | str,
    other: Model | str,
    params: Any = None,
    objective: Any = None,
    *,
    discount: Any,
    consumption: str = "c",
    other_params: Any = None,
    measure: Literal["steady", "conditional", "unconditional"] = "conditional",
) -> float:
    """By which share consumption would have to be higher in every period of a model for it to be as good as another,
    such as a planner's (`ramsey_model`), to second order.

    Args:
        model, other: two `Model`s, or names of models in the gallery, both in levels.
        params: values that override the defaults of the first; those that the other has too are its own as well.
        objective: ``(now, params) -> number``, what a period is worth in both.
        discount: a number, the name of a parameter, or ``params -> number``.
        consumption: the variable whose share is asked for.
        other_params: values that override the defaults of the other; by default those of `params`.
        measure: of welfare: without shocks, given that both begin at rest, or on average.

    Returns:
        The share: 0.01 where a hundredth more consumption would do; negative where the first is the better one.

    Raises:
        ModelError: the equations are linearised, or the objective does not fit the models.
        ArgumentError: consumption is no variable, or no share makes up for the difference.
        SolutionError: a model has no solution there; the message says why.

    Source: Lucas (1987), Models of Business Cycles; Schmitt-Grohé and Uribe (2007).
    """
    model, other = (load_model(m) if isinstance(m, str) else m for m in (model, other))
    if linear := next((m for m in (model, other) if m.linearised), None):
        raise ModelError(
            f"{linear.name}: a share of consumption needs levels, and its equations are linearised"
        )
    if consumption not in model.variables._fields:
        hint = did_you_mean(consumption, model.variables._fields)
        raise ArgumentError(f"consumption_equivalent: {consumption!r} is no variable of {model.name}{hint}")
    given = checked_params(model, params)
    theirs = {n: v for n, v in given._asdict().items() if n in other.param_names}
    wanted = getattr(
        welfare(other, theirs if other_params is None else other_params, objective, discount=discount),
        measure,
    )
    richer = _with_share(model, period_objective(model, objective), consumption)
    at = welfare_of(richer[0], richer[1], discount_factor(model, discount), None, 2)

    params_at = lambda share: richer[0].params({**given._asdict(), SHARE: share})
    run = interpreted(at, params_at(0.0))

    def gap(share: float) -> float:
        found, status = run(params_at(share))
        if int(status):
            raise solution_error(int(status), model, given)
        return float(getattr(found, measure)) - wanted

    shares, gaps = [0.0, _FIRST], [gap(0.0), gap(_FIRST)]
    for _ in range(_STEPS):  # a line through the last two points
        slope = (gaps[-1] - gaps[-2]) / (shares[-1] - shares[-2])
        step = gaps[-1] / slope if slope else np.nan
        share = max(shares[-1] - step, 0.5 * (shares[-1] - 1.0))  # a loss of all consumption is never reached
        if abs(step) <= _TOLERANCE * (1.0 + abs(share)):
            return share
        shares, gaps = [shares[-1], share], [gaps[-1], gap(share)]
    raise ArgumentError("consumption_equivalent: no share of consumption makes up for the difference")


_FIRST, _STEPS, _TOLERANCE = 1e-3, 60, 1e-11
SHARE = "share_of_consumption_added"


def checked_params(model: Model, params: Any) -> Any:
    """The model's Params as numbers, once known to be valid."""
    given = model.params(params)
    model.check_support(given._asdict())
    return type(given)(*map(float, given))


def _with_share(model: Model, objective: Objective, consumption: str) -> tuple[Model, Objective]:
    """With a parameter for that share, and the objective at so much more consumption."""
    kind: Any = record("Params", [*model.param_names, SHARE])
    own = lambda params: type(model.prior)(*params[:-1])
    of = lambda function: None if function is None else lambda params: function(own(params))
    base = regimes(model).reference
    richer = replace(
        model,
        prior=kind(*model.prior, 0.0),
        steady_state=lambda params: steady_state_of(model)(own(params)),
        residuals=lambda lag, now, lead, shocks, params: base.residuals(lag, now, lead, shocks, own(params)),
        measurement=lambda now, lag, params: model.measurement(now, lag, own(params)),
        shock_correlation=of(model.shock_correlation),
        joint_prior=of(model.joint_prior),
        measurement_error=of(model.measurement_error),
        trend=of(model.trend),
        start=model.start_values,
        complementarity={},
        alternatives={},
    )

    def worth(now: Any, params: Any) -> Any:
        more = getattr(now, consumption) * (1 + getattr(params, SHARE))
        return objective(now._replace(**{consumption: more}), own(params))

    return richer, worth
