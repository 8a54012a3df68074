"""A model to first order around its steady state, with derivatives by JAX."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.model import Model
from estim.solve.incidence import incidence
from estim.solve.steady_state import solve_steady_state
from estim.status import Status
from estim.typing import Array, Scalar

_TOLERANCE = 1e-8


class LinearModel(NamedTuple):
    """Equations and measurement in deviations from the steady state.

        A x_{t+1} + B x_t + C x_{t-1} + D e_t = 0
        y_t = d + M x_t + N x_{t-1}

    Shapes: ``lead`` A, ``now`` B, ``lag`` C ``[n_variables, n_variables]``, ``shocks`` D
    ``[n_variables, n_shocks]``, ``measured_now`` M, ``measured_lag`` N
    ``[n_obs, n_variables]``, ``obs_intercept`` d ``[n_obs]``, ``steady_state`` and
    ``residual`` ``[n_variables]`` (what each equation leaves at the steady state),
    ``status`` ``[]``: OK, NOT_FINITE or NO_STEADY_STATE.
    """

    lead: Array
    now: Array
    lag: Array
    shocks: Array
    measured_now: Array
    measured_lag: Array
    obs_intercept: Array
    steady_state: Array
    residual: Array
    status: Array


def linearize(model: Model, params, variables: Any | None = None) -> LinearModel:
    """Derivatives of the model's residuals and measurement at its steady state.

    Args:
        model: the model.
        params: its Params, in the model's own units.
        variables: the steady state, where `model.steady_state` does not give all of it.

    A column is computed if its variable occurs at that date in some equation.
    """
    if variables is None:
        params, steady_state_found = _cleaned(model, params)
        steady = solve_steady_state(model, params)
    else:
        steady = jnp.stack([jnp.asarray(x, float) for x in variables])
        steady_state_found = jnp.isfinite(steady).all()
    found = incidence(model)
    n, e = len(model.variables._fields), len(model.shocks._fields)

    def residuals(x):
        lag, now, lead = (model.variables(*x[k * n : (k + 1) * n]) for k in range(3))
        values = model.residuals(lag, now, lead, model.shocks(*x[3 * n :]), params)
        return jnp.stack([jnp.asarray(values[name], float) for name in found.equations])

    def measurement(x):
        observed = model.measurement(model.variables(*x[:n]), model.variables(*x[n:]), params)
        return jnp.stack([jnp.asarray(y, float) for y in observed])

    pattern = np.concatenate([found.lag, found.now, found.lead, found.shocks], axis=1)
    at_rest = jnp.concatenate([steady, steady, steady, jnp.zeros(e)])
    residual, jacobian = _jacobian(residuals, at_rest, pattern)
    lag, now, lead, shocks = jnp.split(jacobian, [n, 2 * n, 3 * n], axis=1)

    pattern = np.concatenate([found.measured_now, found.measured_lag], axis=1)
    intercept, measured = _jacobian(measurement, at_rest[: 2 * n], pattern)
    measured_now, measured_lag = jnp.split(measured, 2, axis=1)

    # What an equation leaves is judged against the size of the terms in it.
    scale = 1.0 + (jnp.abs(lag) + jnp.abs(now) + jnp.abs(lead)) @ jnp.abs(steady)
    finite = jnp.isfinite(jacobian).all() & jnp.isfinite(measured).all() & jnp.isfinite(intercept).all()
    status = jnp.select(
        [~steady_state_found | jnp.any(jnp.abs(residual) > _TOLERANCE * scale), ~finite],
        [Status.NO_STEADY_STATE, Status.NOT_FINITE],
        Status.OK,
    )
    return LinearModel(
        lead, now, lag, shocks, measured_now, measured_lag, intercept, steady, residual, status
    )


def _jacobian(fn, x: Array, pattern: np.ndarray) -> tuple[Array, Array]:
    """``fn(x)`` and its Jacobian, of which the columns that `pattern` holds are computed."""
    columns = np.flatnonzero(pattern.any(axis=0))
    value, computed = jax.vmap(lambda dx: jax.jvp(fn, (x,), (dx,)), out_axes=(None, 1))(
        np.eye(x.size)[columns]
    )
    return value, jnp.zeros(pattern.shape).at[:, columns].set(computed)


def _cleaned(model: Model, params) -> tuple[Any, Scalar]:
    """`params`, or the model's defaults where the equations have no value at rest, and which it is.

    A derivative that is multiplied by zero later is not zero if it is not finite: so the
    parameters are replaced before any is taken.
    """
    fixed = jax.tree.map(jax.lax.stop_gradient, params)
    steady = model.steady_state(fixed)
    residuals = model.residuals(
        steady, steady, steady, model.shocks(*[0.0] * len(model.shocks._fields)), fixed
    )
    values = jnp.stack([jnp.asarray(x, float) for x in (*steady, *residuals.values())])
    found = jnp.isfinite(values).all()
    return jax.tree.map(lambda p, default: jnp.where(found, p, default), params, model.params()), found
