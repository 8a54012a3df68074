"""A model to first order around its steady state, with derivatives by JAX."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.model import Model
from estim.solution.equations import trace_equations
from estim.solution.sparse_derivatives import dense, differentiate, evaluate
from estim.solution.steady_state import steady_state_of
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
    """
    n, e = len(model.variables._fields), len(model.shocks._fields)
    equations = trace_equations(model)
    residual, params = _residual_at_rest(model, params, variables)
    steady = _scalars(steady_state_of(model)(params) if variables is None else variables)

    at = [*params, *steady, *steady, *steady, *[0.0] * e]
    jacobian = dense(differentiate(equations.residuals, at, range(len(params), len(at))), 3 * n + e)
    at = [*params, *steady, *steady]
    measured = dense(differentiate(equations.measurement, at, range(len(params), len(at))), 2 * n)
    intercept = jnp.stack(evaluate(equations.measurement, at))
    return judged(jnp, jacobian, measured, intercept, jnp.stack(steady), residual)


def judged(xp: Any, jacobian: Any, measured: Any, intercept: Any, rest: Any, residual: Any) -> LinearModel:
    """The derivatives by date, with their status; of arrays of NumPy, or of JAX, as `xp` says.

    Args:
        xp: `numpy` or `jax.numpy`.
        jacobian: of the residuals by lag, now, lead and shocks ``[n_variables, 3 n_variables + n_shocks]``.
        measured: of the measurement by now and lag ``[n_obs, 2 n_variables]``.
        intercept, rest, residual: as in `LinearModel`.
    """
    n = len(rest)
    lag, now, lead, shocks = xp.split(jacobian, [n, 2 * n, 3 * n], axis=1)
    measured_now, measured_lag = xp.split(measured, 2, axis=1)
    # What an equation leaves is judged against the size of the terms in it.
    scale = 1.0 + (xp.abs(lag) + xp.abs(now) + xp.abs(lead)) @ xp.abs(rest)
    status = xp.select(
        [
            ~xp.all(xp.abs(residual) <= _TOLERANCE * scale),
            ~(xp.isfinite(jacobian).all() & xp.isfinite(measured).all() & xp.isfinite(intercept).all()),
        ],
        [Status.NO_STEADY_STATE, Status.NOT_FINITE],
        Status.OK,
    )
    return LinearModel(lead, now, lag, shocks, measured_now, measured_lag, intercept, rest, residual, status)


def _residual_at_rest(model: Model, params, variables: Any | None) -> tuple[Array, Any]:
    """What each equation leaves at the steady state, and parameters to differentiate at.

    A derivative that is not finite stays so when it is multiplied by zero later. So where the
    steady state or a residual is not finite, the model's default parameters take over.
    """
    vector = jnp.stack(_scalars(params))  # one operation where forty parameters would take one each
    fixed = type(params)(*jnp.unstack(jax.lax.stop_gradient(vector)))
    steady = _scalars(
        steady_state_of(model)(fixed) if variables is None else jax.lax.stop_gradient(variables)
    )
    at = [*fixed, *steady, *steady, *steady, *[0.0] * len(model.shocks._fields)]
    residual = jnp.stack(evaluate(trace_equations(model).residuals, at))
    finite = jnp.isfinite(residual).all() & jnp.isfinite(jnp.stack(steady)).all()
    residual = jnp.where(finite, residual, jnp.nan)
    return residual, type(params)(*jnp.unstack(jnp.where(finite, vector, np.array(model.params(), float))))


def _scalars(values: Iterable[Any]) -> list[Scalar]:
    return [jnp.asarray(x, float) for x in values]
