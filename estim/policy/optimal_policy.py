"""`optimal_policy`: what a planner does who sets a model's instruments, with commitment or without."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from estim.arguments import ArgumentError, Number, Positive, checked
from estim.model import Model
from estim.models import load_model
from estim.numerics.interpreted import interpreted
from estim.policy.discounted_sum import DiscountedSum, quadratic_welfare
from estim.policy.discretion import discretionary_rule
from estim.policy.first_order_conditions import ramsey_model
from estim.policy.objective import (
    discount_factor,
    period_objective,
    replaced_equations,
    require_quadratic,
)
from estim.policy.welfare import checked_params
from estim.representations.linear import DecisionRule
from estim.runtime import require_own_runtime
from estim.solution.at_rest import solution_error
from estim.solution.equations import trace_equations
from estim.solution.rational_expectations import read_of_past, solve_decision_rule
from estim.solution.responses import decision_rule_responses
from estim.status import Status
from estim.typing import Scalar

Method = Literal["ramsey", "commitment", "discretion"]


class PolicyValue(NamedTuple):
    """The expected discounted sum of the objective: ``steady`` without shocks; ``timeless`` from rest, the planner's
    promises of the past included; ``from_zero`` from the same levels with multipliers of zero, when no promise is kept;
    and ``unconditional``, its mean. Without commitment there are no promises, and the second and third are the same."""

    steady: Any
    timeless: Any
    from_zero: Any
    unconditional: Any


@dataclass(frozen=True)
class OptimalPolicy:
    """What a planner does, and what that is worth.

    Attributes:
        method: "ramsey", "commitment" or "discretion".
        model: the model that the planner closes, a `Model` for every verb; under discretion the model as it was, whose
            variables follow the `rule` instead of its equations for the instruments.
        params: the parameters at which it was found, by name.
        rule: the linear decision rule of all variables.
        value_fn: ``params -> PolicyValue`` of `model`, which JAX traces and differentiates; the worst there is where
            the
            policy does not exist.
        rule_fn: ``params -> DecisionRule``, too, with its status.
    """

    method: str
    model: Model
    params: Mapping[str, float]
    rule: DecisionRule
    value_fn: Callable[[Any], PolicyValue]
    rule_fn: Callable[[Any], DecisionRule]
    _past: np.ndarray
    _value: Callable[[], PolicyValue]

    @cached_property
    def value(self) -> PolicyValue:
        """Of the objective, computed when it is first asked for."""
        return PolicyValue(*map(float, self._value()))

    @property
    def coefficients(self) -> xr.DataArray:
        """How each variable's deviation from rest answers to last period's, ``x(-1)``, and to today's shocks: an array
        with the dimensions ``variable`` and ``to``; what nothing answers to is left out."""
        rule, names = self.rule, self.model.variables._fields
        to_past = np.asarray(rule.policy) @ self._past
        of = np.flatnonzero(np.abs(to_past).max(axis=0) > 0)
        values = np.concatenate(
            [to_past[:, of], np.asarray(rule.policy) @ np.asarray(rule.selection)], axis=1
        )
        to = [*(f"{names[i]}(-1)" for i in of), *self.model.shocks._fields]
        return xr.DataArray(values, {"variable": list(names), "to": to}, ("variable", "to"))

    def impulse_responses(self, horizon: Positive = 40) -> xr.DataArray:
        """Of every variable to a shock of one standard deviation, in deviations from rest.

        Args:
            horizon: number of periods, that of the shock included.

        Returns:
            An array with the dimensions ``horizon``, ``variable`` and ``shock``.
        """
        coords = {
            "horizon": np.arange(horizon),
            "variable": list(self.model.variables._fields),
            "shock": list(self.model.shocks._fields),
        }
        responses = np.asarray(decision_rule_responses(self.rule, horizon))
        return xr.DataArray(responses, coords, ("horizon", "variable", "shock"))


@checked
def optimal_policy(
    model: Model | str,
    params: Any = None,
    objective: Any = None,
    *,
    instruments: Mapping[str, str],
    discount: Any,
    method: Method = "ramsey",
    maximise: bool = False,
    start: Mapping[str, Number] | None = None,
) -> OptimalPolicy:
    """The policy of a planner who sets a model's instruments, at given parameters.

    Args:
        model: a `Model`, or the name of one in the gallery, with an equation for every variable.
        params: values that override the model's defaults, in its own units.
        objective: ``(now, params) -> number``, what a period costs the planner, or is worth.
        instruments: the variables that the planner sets, each with the equation whose place that takes:
            ``{"R": "taylor rule"}``.
        discount: the planner's discount factor: a number, the name of a parameter, or ``params -> number``.
        method: "ramsey", a planner who keeps promises, in any model (`ramsey_model`), whose value is of second order;
            "commitment", the same where the objective is a quadratic loss around the steady state, the linear-quadratic
            problem; "discretion", the Markov-perfect policy of that, who keeps none.
        maximise: whether the objective is worth something; see `ramsey_model`.
        start: levels from which the search for the planner's steady state begins.

    Returns:
        The policy. Its `value_fn` and `rule_fn` have derivatives with respect to the parameters.

    Raises:
        ModelError: an instrument, an equation or the objective does not fit the model; or the problem is not
            linear-quadratic where it must be.
        SolutionError: there is no such policy at these parameters; the message says why.

    Source: Woodford (2003), Interest and Prices, ch. 7; Dennis (2007), Macroeconomic Dynamics 11.
    """
    require_own_runtime()
    model = load_model(model) if isinstance(model, str) else model
    model.refuse_households("a planner")
    if method == "discretion" and start is not None:
        raise ArgumentError(
            "optimal_policy: under discretion the economy rests where the model does; leave start out"
        )
    replaced_equations(model, instruments, trace_equations(model).names)
    given = checked_params(model, params)
    if method != "ramsey" or model.linearised:
        require_quadratic(
            model, period_objective(model, objective), given, f"optimal_policy(method='{method}')"
        )
    worst = -np.inf if maximise else np.inf
    if method == "discretion":
        return _without_commitment(model, given, objective, instruments, discount, worst)
    closed = ramsey_model(
        model, objective, instruments=instruments, discount=discount, maximise=maximise, start=start
    )
    known = {name: value for name, value in given._asdict().items() if name in closed.param_names}
    return _with_commitment(closed, closed.params(known), objective, discount, method, worst)


def _with_commitment(
    closed: Model, given: Any, objective: Any, discount: Any, method: str, worst: float
) -> OptimalPolicy:
    sum_of = DiscountedSum(closed, objective, discount)
    zero = sum_of.positions({name: 0.0 for name in closed.variables._fields if name.startswith("mult_")})

    @jax.jit
    def value_of(solved: Any, params: Any) -> PolicyValue:
        steady, timeless, mean = sum_of.welfare(solved, params, {})
        from_zero = sum_of.welfare(solved, params, zero).conditional
        return _or_worst(PolicyValue(steady, timeless, from_zero, mean), solved.status, worst)

    def value(params: Any) -> PolicyValue:
        params = closed.params(params)
        return value_of(sum_of.solve(params), params)

    rule_fn = lambda params: solve_decision_rule(closed, closed.params(params))
    rule = rule_fn(given)
    _require(rule.status, closed, given)
    return OptimalPolicy(
        method=method,
        model=closed,
        params=given._asdict(),
        rule=rule,
        value_fn=value,
        rule_fn=rule_fn,
        _past=np.asarray(read_of_past(closed, given)),
        _value=lambda: interpreted(value, given)(given),
    )


def _without_commitment(
    model: Model, given: Any, objective: Any, instruments: Mapping[str, str], discount: Any, worst: float
) -> OptimalPolicy:
    loss, beta = period_objective(model, objective), discount_factor(model, discount)
    of_params = discretionary_rule(model, loss, beta, instruments)
    rule = of_params(given)
    _require(rule.status, model, given)

    @jax.jit
    def value_of(rule: DecisionRule, params: Any) -> PolicyValue:
        at_rest = jnp.zeros_like(rule.steady_state)
        found = quadratic_welfare(model, rule, at_rest, loss, beta(params), params)
        value = PolicyValue(found.steady, found.conditional, found.conditional, found.unconditional)
        return _or_worst(value, rule.status, worst)

    def value_fn(params: Any) -> PolicyValue:
        params = model.params(params)
        return value_of(of_params(params), params)

    return OptimalPolicy(
        method="discretion",
        model=model,
        params=given._asdict(),
        rule=rule,
        value_fn=value_fn,
        rule_fn=lambda params: of_params(model.params(params)),
        _past=np.asarray(rule.transition),
        _value=lambda: value_of(rule, given),
    )


def _or_worst(value: PolicyValue, status: Scalar, worst: float) -> PolicyValue:
    return PolicyValue(*(jnp.where(status == Status.OK, x, worst) for x in value))


def _require(status: Any, model: Model, params: Any) -> None:
    if int(status) != Status.OK:
        raise solution_error(int(status), model, params)
