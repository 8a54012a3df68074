"""The commands of optimal policy: `discretionary_policy`, `osr` and `evaluate_planner_objective`."""

from typing import Any

import jax.numpy as jnp
import pandas as pd

from estim.dynare.modfile import ModFile
from estim.model import Model, ModelError
from estim.numerics.interpreted import interpreted
from estim.policy.discounted_sum import DiscountedSum
from estim.policy.optimal_policy import OptimalPolicy, optimal_policy
from estim.policy.rule_search import RuleSearch
from estim.policy.simple_rules import OptimalRule, rule_found
from estim.status import SolutionError


def discretionary(mod: ModFile, params: Any) -> OptimalPolicy:
    """The policy without commitment that a file asks for.

    Raises:
        ModelError: the objective is no quadratic loss around rest, or reads other periods.
        SolutionError: there is no such policy.
    """
    planner = _planner(mod)
    asked: Any = {"instruments": planner.instruments, "discount": planner.discount, "method": "discretion"}
    return optimal_policy(mod.model, params, planner.objective, **asked)


def best_rule(mod: ModFile, params: Any) -> OptimalRule:
    """The coefficients that `osr` looks for.

    Raises:
        ModelError: a coefficient is none of the model's parameters.
        ValueError: the model has no stable solution at the start.
    """
    asked = mod.rule_search
    if asked is None:
        raise ModelError(f"{mod.model.name}: 'osr' chooses parameters that no equation reads")

    def weighted(now: Any, params: Any) -> Any:
        products = (w * getattr(now, a) * getattr(now, b) for (a, b), w in asked.weights.items())
        return sum(products, jnp.zeros(()))

    objectives, bounds = {"loss": weighted}, asked.bounds or None
    search = RuleSearch(
        mod.model, params, objectives, asked.rule, None, False, bounds, "osr", about_rest=True
    )
    return rule_found(search, search.best({"loss": 1.0}, search.start, 1, 0, 1e-10, 500))


def planner_values(mod: ModFile, params: Any) -> dict[str, float]:
    """What the policy of the model's planner is worth: on average, and from rest with multipliers at zero and at
    rest."""
    planner, model = _planner(mod), mod.model
    given = model.params(params)
    given = type(given)(*map(float, given))
    if planner.instruments:
        value = discretionary(mod, params).value
        return {"unconditional": value.unconditional, "conditional": value.timeless}
    sums = DiscountedSum(model, planner.objective, planner.discount)
    zero = sums.positions({name: 0.0 for name in _multipliers(model)})

    def values(params: Any) -> Any:
        solved = sums.solve(params)
        return sums.welfare(solved, params, {}), sums.welfare(solved, params, zero).conditional, solved.status

    at_rest, from_zero, status = interpreted(values, given)(given)
    if int(status):
        raise SolutionError(int(status), model.name)
    return {
        "unconditional": float(at_rest.unconditional),
        "conditional, multipliers at zero": float(from_zero),
        "conditional, multipliers at rest": float(at_rest.conditional),
    }


def _planner(mod: ModFile) -> Any:
    if mod.planner is None:
        raise ModelError(f"{mod.model.name}: the planner's objective must be of today's variables alone")
    return mod.planner


def _multipliers(model: Model) -> list[str]:
    return [name for name in model.variables._fields if name.startswith("MULT_")]


def show_rule(found: OptimalRule) -> str:
    """The coefficients and the objective."""
    table = pd.Series(found.coefficients).to_string(float_format="{:.6f}".format)
    note = "" if found.success else f"\n(the search did not end at a minimum: {found.message})"
    return f"{table}\n\nObjective function: {found.loss:.10g}{note}"


def show_values(values: dict[str, float]) -> str:
    """A line for each."""
    width = max(map(len, values))
    return "\n".join(f"{name:{width}}  {value:.10g}" for name, value in values.items())
