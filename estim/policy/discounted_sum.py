"""The expected discounted sum of an objective: of an economy to second order, and of a linear-quadratic one in closed
form.

The sum W is a variable with an equation of its own,

    W_t = U(x_t) + beta E_t W_{t+1},

so that its second-order approximation is that of the model's solution (Schmitt-Grohé and Uribe 2007, Journal of
Monetary Economics 54). Where the equations are linear and U is quadratic around rest, x_t - x = X m_t with
m_t = T m_{t-1} + R e_t and H half the second derivatives of U give it in closed form:

    P = X' H X + beta T' P T,        W = U(x) / (1 - beta) + m_0' P m_0 + beta / (1 - beta) tr(P R Q R').
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.analysis.pruned_moments import risk_adjusted_mean
from estim.arguments import ArgumentError, did_you_mean
from estim.model import Model
from estim.numerics import solve_discrete_lyapunov
from estim.policy.objective import Discount, Objective, discount_factor, period_objective
from estim.representations.linear import DecisionRule
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
        model.refuse_households("welfare")
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
    kind: Any = record("Variables", [*model.variables._fields, _fresh("welfare", model)])
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


def record(name: str, fields: list[str]) -> Any:
    return namedtuple(name, fields)  # type: ignore[misc]


def _fresh(name: str, model: Model) -> str:
    while name in (*model.variables._fields, *model.shocks._fields):
        name += "_"
    return name


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
