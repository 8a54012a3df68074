"""What a policy is worth: the expected discounted sum of an objective, to second order, and in units of consumption.

The sum W is a variable with an equation of its own,

    W_t = U(x_t) + beta E_t W_{t+1},

so that its second-order approximation is that of the model's solution (Schmitt-Grohé and Uribe 2007, Journal of
Monetary Economics 54). Where the equations are linear and U is quadratic around rest, x_t - x = X m_t with m_t = T
m_{t-1} + R e_t and H half the second derivatives of U give it in closed form:

    P = X' H X + beta T' P T,        W = U(x) / (1 - beta) + m_0' P m_0 + beta / (1 - beta) tr(P R Q R').
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.analysis.pruned_moments import risk_adjusted_mean
from estim.arguments import ArgumentError, Number, checked, did_you_mean
from estim.model import Model, ModelError
from estim.models import load_model
from estim.numerics import solve_discrete_lyapunov
from estim.policy.objective import (
    Discount,
    Objective,
    discount_factor,
    period_objective,
    require_quadratic,
)
from estim.representations.linear import DecisionRule
from estim.runtime import require_own_runtime
from estim.solution.at_rest import solution_error
from estim.solution.perturbation import Perturbation
from estim.solution.rational_expectations import read_of_past, solve_decision_rule
from estim.solution.regimes import regimes
from estim.solution.steady_state import steady_state_of
from estim.status import Status
from estim.typing import Array, Scalar


class Welfare(NamedTuple):
    """The expected discounted sum of an objective: ``steady`` without any shock ever, ``conditional`` on where the
    economy is in the period before the first and no shock in the first, and ``unconditional``, its mean."""

    steady: Any
    conditional: Any
    unconditional: Any


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
    found, status = welfare_of(model, objective, discount, start, order)(given)
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

    def gap(share: Scalar) -> tuple[Scalar, Scalar]:
        found, status = at(richer[0].params({**given._asdict(), SHARE: share}))
        return getattr(found, measure) - wanted, status

    slope = jax.jit(jax.value_and_grad(gap, has_aux=True))
    share = 0.0
    for _ in range(_STEPS):
        (left, status), by_share = slope(jnp.asarray(share))
        if int(status):
            raise solution_error(int(status), model, given)
        step = float(left / by_share)
        share = max(share - step, 0.5 * (share - 1.0))  # a loss of all consumption is never reached
        if abs(step) <= _TOLERANCE * (1.0 + abs(share)):
            return share
    raise ArgumentError("consumption_equivalent: no share of consumption makes up for the difference")


_STEPS, _TOLERANCE = 60, 1e-12
SHARE = "share_of_consumption_added"


def checked_params(model: Model, params: Any) -> Any:
    """The model's Params as numbers, once known to be valid."""
    given = model.params(params)
    model.check_support(given._asdict())
    return type(given)(*map(float, given))


def welfare_of(
    model: Model,
    objective: Objective,
    discount: Discount,
    start: Mapping[str, float] | None = None,
    order: int = 2,
) -> Callable[[Any], tuple[Welfare, Scalar]]:
    """``Params -> (Welfare, Status)``, which JAX traces; where the status is not OK the numbers are finite and useless.

    Args:
        model: whose linearised equations, if that is what they are, and objective are a linear-quadratic problem.
        objective, discount, start, order: as in `welfare`.

    Raises:
        ModelError, ArgumentError: as `welfare`.
    """
    sum_of = DiscountedSum(model, objective, discount, order)
    begun = sum_of.positions(start)

    def found(params: Any) -> tuple[Welfare, Scalar]:
        solved = sum_of.solve(params)
        return sum_of.welfare(solved, params, begun), solved.status

    return found


class _Solved(NamedTuple):
    """A pruned state space whose last variable is the sum; of a linear-quadratic problem the rule, and what its state
    reads of the past."""

    solution: Any
    past: Any
    status: Scalar


class DiscountedSum:
    """Of an objective in a model: solved once at given parameters, evaluated from any start."""

    def __init__(self, model: Model, objective: Objective, discount: Discount, order: int = 2) -> None:
        if model.het_blocks:
            raise ModelError(
                f"{model.name}: welfare is that of models of equations, without household blocks"
            )
        self.model, self.order = model, order
        self.objective, self.beta = period_objective(model, objective), discount_factor(model, discount)
        self._valued = None if model.linearised else with_sum(model, self.objective, self.beta)

    def positions(self, start: Mapping[str, float] | None) -> dict[int, float]:
        """Levels by the positions of their variables.

        Raises:
            ArgumentError: a level is of no variable.
        """
        names = self.model.variables._fields
        if unknown := [name for name in start or {} if name not in names]:
            raise ArgumentError(
                f"welfare: start gives {unknown[0]!r}, no variable{did_you_mean(unknown[0], names)}"
            )
        return {names.index(name): float(level) for name, level in (start or {}).items()}

    def solve(self, params: Any) -> _Solved:
        """At Params of the model."""
        if self._valued is None:
            rule = solve_decision_rule(self.model, params)
            return _Solved(rule, read_of_past(self.model, params), rule.status)
        solution = Perturbation(order=2 if self.order == 2 else 1).solve(self._valued, params)
        return _Solved(solution, None, solution.status)

    def welfare(self, solved: _Solved, params: Any, begun: Mapping[int, float]) -> Welfare:
        """From the levels of `begun`, the others at rest."""
        solution = solved.solution
        rest = solution.steady_state if self._valued is None else solution.variables.level
        deviation = jnp.zeros_like(rest)
        for i, level in begun.items():
            deviation = deviation.at[i].set(level - rest[i])
        if self._valued is None:
            past, beta = solved.past @ deviation, self.beta(params)
            return quadratic_welfare(self.model, solution, past, self.objective, beta, params, self.order)
        first = deviation[np.array(solution.states, int)]
        parts = (first, *[jnp.zeros_like(first)] * (self.order - 1))
        moved = solution.variables.parts(parts, jnp.zeros(solution.num_shocks))
        return Welfare(rest[-1], rest[-1] + sum(part[-1] for part in moved), risk_adjusted_mean(solution)[-1])


def with_sum(model: Model, objective: Objective, beta: Callable[[Any], Any] | None) -> Model:
    """The model in its reference regime with one more variable, the last: the sum of the objective, discounted by
    `beta`, or the objective itself where that is None."""
    base, n = regimes(model).reference, len(model.variables._fields)
    kind: Any = _record("Variables", [*model.variables._fields, _fresh("welfare", model)])
    old = lambda variables: model.variables(*variables[:n])

    def steady_state(params: Any) -> Any:
        rest = steady_state_of(model)(params)
        worth = objective(rest, params)
        return kind(*rest, worth if beta is None else worth / (1 - beta(params)))

    def residuals(lag: Any, now: Any, lead: Any, shocks: Any, params: Any) -> dict[str, Any]:
        left = base.residuals(old(lag), old(now), old(lead), shocks, params)
        ahead = 0.0 if beta is None else beta(params) * lead[n]
        return {**left, "sum": now[n] - objective(old(now), params) - ahead}

    return replace(
        model,
        variables=kind,
        steady_state=steady_state,
        residuals=residuals,
        measurement=lambda now, lag, params: model.measurement(old(now), old(lag), params),
        start=model.start_values,
        complementarity={},
        alternatives={},
        labels={},
    )


def _record(name: str, fields: list[str]) -> Any:
    return namedtuple(name, fields)  # type: ignore[misc]


def _fresh(name: str, model: Model) -> str:
    while name in (*model.variables._fields, *model.shocks._fields):
        name += "_"
    return name


def _with_share(model: Model, objective: Objective, consumption: str) -> tuple[Model, Objective]:
    """With a parameter for that share, and the objective at so much more consumption."""
    kind: Any = _record("Params", [*model.param_names, SHARE])
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


def quadratic_welfare(
    model: Model,
    rule: DecisionRule,
    past: Array,
    objective: Objective,
    beta: Scalar,
    params: Any,
    order: int = 2,
) -> Welfare:
    """The sum of a quadratic objective under a linear rule, whose state in the first period is `past`
    ``[n_states]``."""
    steady, half = _around_rest(model, rule, objective, params)
    forever = steady / (1 - beta)
    if order == 1:
        return Welfare(forever, forever, forever)
    T, R = rule.transition, rule.selection
    news = R @ rule.shock_cov @ R.T
    P, _ = solve_discrete_lyapunov(jnp.sqrt(beta) * T.T, half)
    conditional = forever + past @ P @ past + beta / (1 - beta) * jnp.sum(P * news)
    return Welfare(forever, conditional, (steady + _mean(T, news, half)) / (1 - beta))


def quadratic_mean(model: Model, rule: DecisionRule, objective: Objective, params: Any) -> Scalar:
    """The mean of a quadratic objective under a linear rule; NaN where it has none."""
    steady, half = _around_rest(model, rule, objective, params)
    return steady + _mean(rule.transition, rule.selection @ rule.shock_cov @ rule.selection.T, half)


def _mean(transition: Array, news: Array, half: Array) -> Scalar:
    cov, status = solve_discrete_lyapunov(transition, news)
    return jnp.where(status == Status.OK, jnp.sum(half * cov), jnp.nan)


def _around_rest(model: Model, rule: DecisionRule, objective: Objective, params: Any) -> tuple[Scalar, Array]:
    """U at rest, and half its second derivatives by the rule's state."""
    of = lambda x: objective(model.variables(*x), params)
    rest = rule.steady_state
    return of(rest), 0.5 * rule.policy.T @ jax.hessian(of)(rest) @ rule.policy
