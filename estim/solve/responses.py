"""Impulse responses of a model's variables to its shocks."""

from functools import partial

import jax
import jax.numpy as jnp
from xarray import DataArray

from estim.model import Model
from estim.solve.rational_expectations import solve_decision_rule
from estim.solve.representations import DecisionRule
from estim.status import SolutionError, Status
from estim.typing import Array, ParamValues


def decision_rule_responses(rule: DecisionRule, horizon: int) -> Array:
    """X T^h R for h = 0, ..., horizon - 1: ``[horizon, n_variables, n_shocks]``."""

    def ahead(state, _):
        return rule.transition @ state, rule.policy @ state

    return jax.lax.scan(ahead, rule.selection, length=horizon)[1]


def impulse_responses(model: Model, params: ParamValues | None = None, horizon: int = 40) -> DataArray:
    """Responses to a shock of one standard deviation, in deviations from the steady state.

    Args:
        model: a model without heterogeneous-agent blocks.
        params: values that override the model's defaults, in its own units.
        horizon: number of periods, that of the shock included.

    Returns:
        An array with the dimensions ``horizon``, ``variable`` and ``shock``.

    Raises:
        SolutionError: the model has no unique stable solution at these parameters.
    """
    rule, responses = _respond(model, model.params(params), horizon)
    if rule.status != Status.OK:
        raise SolutionError(int(rule.status), model.name)
    coords = {
        "horizon": jnp.arange(horizon),
        "variable": list(model.variables._fields),
        "shock": list(model.shocks._fields),
    }
    return DataArray(responses, coords, dims=("horizon", "variable", "shock"))


@partial(jax.jit, static_argnums=(0, 2))
def _respond(model: Model, params, horizon: int) -> tuple[DecisionRule, Array]:
    rule = solve_decision_rule(model, params)
    return rule, decision_rule_responses(rule, horizon)
