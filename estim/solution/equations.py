"""A model's residuals and measurement as programs of a flat list of scalars, its measurement error as a matrix."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend import core

from estim.kept import kept_of, kept_on_model
from estim.model import Model
from estim.numerics import semidefinite_cholesky
from estim.solution.regimes import regimes
from estim.typing import Array


class Equations(NamedTuple):
    """What a model's functions do, as JAX traced them once.

    ``residuals`` is ``(*params, *lag, *now, *lead, *shocks) -> residuals``, whose ``names`` are the equations',
    and ``measurement`` ``(*params, *now, *lag) -> observables``.
    """

    names: tuple[str, ...]
    residuals: core.ClosedJaxpr
    measurement: core.ClosedJaxpr


@kept_on_model
def trace_equations(model: Model) -> Equations:
    """The programs of a model, in its reference regime where constraints bind at times."""
    return equations_as_written(regimes(model).reference)


@kept_on_model
def equations_as_written(model: Model) -> Equations:
    """The same without regard to constraints."""
    if "measurement" in (kept := kept_of(model)):  # traced when the model was checked
        return Equations(kept["equations"], kept["residuals"], kept["measurement"])
    scalar = jax.ShapeDtypeStruct((), float)
    names: list[str] = []

    def residuals(params, lag, now, lead, shocks):
        left = model.residuals(lag, now, lead, shocks, params)
        names[:] = left
        return [jnp.asarray(y, float) for y in left.values()]

    def measurement(params, now, lag):
        return [jnp.asarray(y, float) for y in model.measurement(now, lag, params)]

    kinds = type(model.prior), model.variables, model.shocks
    params, variables, shocks = (kind(*[scalar] * len(kind._fields)) for kind in kinds)
    at_dates = jax.make_jaxpr(residuals)(params, variables, variables, variables, shocks)
    return Equations(tuple(names), at_dates, jax.make_jaxpr(measurement)(params, variables, variables))


def trend_growth(model: Model, params: Any) -> Array | None:
    """What the observables grow by each period ``[n_obs]``, or None where the model has no trend."""
    return None if model.trend is None else jnp.stack([jnp.asarray(g, float) for g in model.trend(params)])


def shock_correlation(model: Model, params: Any) -> Array:
    """Correlation of the shocks ``[n_shocks, n_shocks]``: the identity where the model says nothing of it.

    NaN where what the model says is no correlation matrix.
    """
    if model.shock_correlation is None:
        return jnp.eye(len(model.shocks._fields))
    root = semidefinite_cholesky(jnp.asarray(model.shock_correlation(params), float))
    return root @ root.T


def measurement_covariance(model: Model, params: Any) -> Array:
    """Covariance of the measurement errors ``[n_obs, n_obs]``, of whichever form the model gives."""
    return model.measurement_covariance(params)
