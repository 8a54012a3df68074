"""Impulse responses of a model's variables to its shocks."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.kept import kept_on_model
from estim.model import Model
from estim.numerics import semidefinite_cholesky
from estim.representations.linear import DecisionRule, StateSpace
from estim.representations.moving_average import MovingAverage
from estim.solution.at_rest import solution_error
from estim.solution.equations import shock_correlation
from estim.solution.linearize import linearize
from estim.solution.rational_expectations import solve_decision_rule
from estim.solution.sequence_space.linear_system import solve_paths
from estim.solution.sequence_space.stationary_equilibrium import solve_household_jacobians
from estim.solution.table import default_solver
from estim.status import Status
from estim.typing import Array, ParamValues, Scalar

if TYPE_CHECKING:
    from xarray import DataArray  # loaded where it is used: a likelihood does without


@partial(jax.jit, static_argnames="horizon")
def decision_rule_responses(rule: DecisionRule, horizon: int) -> Array:
    """X T^h R Q^1/2 for h = 0, ..., horizon - 1: ``[horizon, n_variables, n_shocks]``.

    Correlated shocks are made orthogonal in their order: the first one moves all, the last one only itself
    (Sims 1980).
    """

    def ahead(state, _):
        return rule.transition @ state, rule.policy @ state

    return jax.lax.scan(ahead, rule.selection @ semidefinite_cholesky(rule.shock_cov), length=horizon)[1]


def impulse_responses(model: Model, params: ParamValues | None = None, horizon: int = 40) -> "DataArray":
    """Responses to a shock of one standard deviation, in deviations from the steady state.

    Args:
        model: the model; with heterogeneous agents, up to its own horizon.
        params: values that override the model's defaults, in its own units.
        horizon: number of periods, that of the shock included.

    Returns:
        An array with the dimensions ``horizon``, ``variable`` and ``shock``.

    Raises:
        SolutionError: the model has no unique stable solution at these parameters.
    """
    from xarray import DataArray

    responses, status = _RESPONSES[default_solver(model).gives](model, model.params(params), horizon)
    if status != Status.OK:
        raise solution_error(int(status), model, model.params(params))
    coords = {
        "horizon": np.arange(len(responses)),
        "variable": list(model.variables._fields),
        "shock": list(model.shocks._fields),
    }
    return DataArray(responses, coords, dims=("horizon", "variable", "shock"))


def _responses(model: Model, params, horizon: int) -> tuple[Array, Scalar]:
    rule = solve_decision_rule(model, params)
    return decision_rule_responses(rule, horizon), rule.status


def _household_responses(model: Model, params, horizon: int) -> tuple[Array, Scalar]:
    paths, _, status = household_paths(model)(params)
    return paths[:horizon] @ semidefinite_cholesky(shock_correlation(model, params)), status


@kept_on_model
def household_paths(model: Model) -> Callable[[Any], tuple[Array, Array, Scalar]]:
    """With heterogeneous agents: ``params ->`` what each shock by itself does to the variables over the model's horizon
    ``[horizon, n_variables, n_shocks]``, their levels at rest ``[n_variables]``, and a `Status`.
    """
    return jax.jit(partial(_household_paths, model))


def _household_paths(model: Model, params) -> tuple[Array, Array, Scalar]:
    household = solve_household_jacobians(model, params)
    params = params._replace(**{n: getattr(household.params, n) for n in model.unknowns})
    paths, status = solve_paths(model, linearize(model, params, household.variables), household)
    return jnp.moveaxis(paths, 1, 0), jnp.stack(household.variables), status


_RESPONSES: dict[type, Callable[[Model, Any, int], tuple[Array, Scalar]]] = {
    StateSpace: _responses,
    MovingAverage: _household_responses,
}
