"""Observables, variables and shocks of a heterogeneous-agent model as the series of one moving average."""

from collections import namedtuple
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jax.scipy.linalg import block_diag

from estim.kept import kept_on_model
from estim.model import Model
from estim.representations.moving_average import MovingAverage
from estim.solution.sequence_space.linear_system import solve_moving_average
from estim.solution.sequence_space.stationary_equilibrium import HouseholdJacobians


def solve_all_series(model: Model, params: Any, household: HouseholdJacobians) -> MovingAverage:
    """The observables, then the variables in levels, then the shocks, measured without error but the first.

    Args:
        params: the model's Params, in its own units.
        household: the households at these parameters.

    Returns:
        The moving average, with the status of the model's own: how much a horizon cuts off is judged by the likelihood
        of what is observed.
    """
    found = solve_moving_average(_with_variables(model), params, household)
    horizon, _, n = found.impulse_responses.shape
    own = jnp.zeros((horizon, n, n)).at[0].set(jnp.eye(n))
    trend, tail = found.obs_trend, found.tail
    return found._replace(
        impulse_responses=jnp.concatenate([found.impulse_responses, own], axis=1),
        obs_intercept=jnp.pad(found.obs_intercept, (0, n)),
        obs_cov=jnp.pad(found.obs_cov, ((0, n), (0, n))),
        obs_trend=None if trend is None else jnp.pad(trend, (0, n)),
        status=solve_moving_average(model, params, household).status,
        tail=tail and tail._replace(loading=jnp.pad(tail.loading, ((0, n), (0, 0)))),
    )


@kept_on_model
def _with_variables(model: Model) -> Model:
    """The model whose observables are its own and all its variables."""
    names = [f"observed_{n}" for n in model.observables._fields] + [
        f"level_{n}" for n in model.variables._fields
    ]
    Series: Any = namedtuple("Series", names)  # type: ignore[misc]
    n = len(model.variables._fields)
    measurement, trend = model.measurement, model.trend
    return replace(
        model,
        observables=Series,
        measurement=lambda now, lag, p: Series(*measurement(now, lag, p), *now),
        measurement_error=lambda p: block_diag(model.measurement_covariance(p), jnp.zeros((n, n))),
        trend=None if trend is None else lambda p: Series(*trend(p), *[0.0] * n),
    )
