"""First-order solution in sequence space, for the shock paths that are needed and no others.

Variables are paths over dates 0 ... horizon-1, in deviations from the steady state. The model's
own equations are banded in time (lag, now, lead) and cost a recursion each; only the household
Jacobians are dense. With paths u of the unknowns, h of the block outputs and impulses e,

    inputs  = P_u u + P_e e                 (recursions)
    h       = J inputs                      (household Jacobians)
    targets = Q_u u + Q_h h + Q_e e = 0     (recursions)

so that (Q_u + Q_h J P_u) u = -(Q_e + Q_h J P_e) e. The product J P_u is formed by pulling the rows
of J back through the transposed recursions: no product of two dense matrices occurs, and the only
dense solve has as many rows as there are unknowns times dates, and as many right-hand sides as shocks.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.heterogeneity.fixed_point import largest
from estim.model import Model
from estim.solution.assemble import System, assemble, stack_jacobians
from estim.solution.blocks import find_plan
from estim.solution.determinacy import determinacy_status
from estim.solution.equations import measurement_covariance, shock_correlation, trend_growth
from estim.solution.linearize import LinearModel, linearize
from estim.solution.propagate import block_inputs, block_outputs, process_paths
from estim.solution.representations import MovingAverage
from estim.solution.stationary_equilibrium import HouseholdJacobians, solve_household_jacobians
from estim.status import Status
from estim.typing import Array

TAIL_TOLERANCE = 1e-2
_SOLVE_TOLERANCE = 1e-7


class AggregateResponses(NamedTuple):
    """The model but for its exogenous processes: what the observables do when these move.

    ``params`` has the steady state's unknowns solved for; ``to_processes`` maps paths of the
    exogenous variables to observables, ``[n_obs, T, n_exogenous, T]``; ``to_shocks``
    ``[n_obs, T, n_shocks]`` holds responses to impulses that enter other equations directly;
    ``linear`` is the linearised model; ``status`` a `Status`.
    """

    params: Any
    to_processes: Array
    to_shocks: Array
    linear: LinearModel
    status: Array


def solve_moving_average(
    model: Model,
    params: Any,
    given: HouseholdJacobians | AggregateResponses | None = None,
    *,
    horizon: int | None = None,
) -> MovingAverage:
    """The MA representation of a model with heterogeneous agents.

    Args:
        params: the model's Params, in its own units.
        given: what is known already and need not be solved for again. `cost_split` says which
            parameters may then differ: with `HouseholdJacobians` all but its household ones, with
            `AggregateResponses` its shock parameters.
        horizon: number of dates, where nothing is given (default ``model.horizon``).
    """
    if given is None:
        given = solve_household_jacobians(model, params, horizon)
    params = params._replace(**{n: getattr(given.params, n) for n in model.unknowns})
    if isinstance(given, AggregateResponses):
        return _with_processes(model, params, given)
    linear = linearize(model, params, given.variables)
    paths, status = solve_paths(model, linear, given)
    responses = jnp.moveaxis(_measure(linear, paths), 0, 1)
    return _moving_average(model, params, linear, responses, status)


def solve_paths(model: Model, linear: LinearModel, household: HouseholdJacobians) -> tuple[Array, Array]:
    """Responses of all variables to a unit impulse at date 0 in each shock, ``[n_variables, T, n_shocks]``.

    They solve R x = -D e, where R x are the residuals of all equations and blocks. Derivatives follow by the implicit
    function theorem from R, which is a few products (`_residuals`), and never pass through how x is found:
    dx = -R^-1 (dR x + dD e).
    """
    fixed_linear, fixed_household = jax.lax.stop_gradient((linear, household))
    system = assemble(model, fixed_linear, fixed_household)
    jacobian = stack_jacobians(model, household)
    solve = jax.vmap(partial(_solve_residuals, model, fixed_linear, system), -1, -1)
    impulses = jnp.pad(_at_date_0(linear.shocks, jacobian.shape[1]), ((0, jacobian.shape[0]), (0, 0), (0, 0)))
    paths = jax.lax.custom_linear_solve(
        partial(_residuals, model, linear, jacobian),
        -impulses,
        solve=lambda _, b: solve(b),
        transpose_solve=lambda _, b: jax.linear_transpose(solve, b)(b)[0],
    )
    left = _residuals(model, fixed_linear, jacobian, paths) + impulses
    determinate = determinacy_status(system.matrix, system.shape)
    return paths, _status(paths, left, linear, household.status, determinate)


def _residuals(model: Model, linear: LinearModel, jacobian: Array, paths: Array) -> Array:
    """What equations without shocks, and then blocks (h - J inputs), leave at ``paths`` ``[n_variables, T, n]``."""
    names = model.variables._fields
    before, after = (jnp.pad(paths, ((0, 0), around, (0, 0))) for around in ((1, 0), (0, 1)))
    equations = sum(
        jnp.einsum("ij,jtn->itn", matrix, x)
        for matrix, x in ((linear.lag, before[:, :-1]), (linear.now, paths), (linear.lead, after[:, 1:]))
    )
    inputs, outputs = ([names.index(n) for n in of(model)] for of in (block_inputs, block_outputs))
    blocks = paths[np.array(outputs)] - jnp.einsum("otis,isn->otn", jacobian, paths[np.array(inputs)])
    return jnp.concatenate([equations, blocks])


def _solve_residuals(model: Model, linear: LinearModel, system: System, b: Array) -> Array:
    """All paths ``[n_variables, T]`` at which the residuals are ``b`` ``[n_equations + n_outputs, T]``."""
    wedges, gaps = -b[: len(linear.now)], b[len(linear.now) :]
    return system.solve(process_paths(model, system.plan, linear, wedges), wedges, gaps).variables


def solve_aggregate_responses(model: Model, params: Any, household: HouseholdJacobians) -> AggregateResponses:
    """All that the observables need of the model, at given household and aggregate parameters."""
    params = params._replace(**{n: getattr(household.params, n) for n in model.unknowns})
    linear = linearize(model, params, household.variables)
    system = assemble(model, linear, household)
    horizon = system.shape[1]
    n_processes = sum(len(step.variables) for step in system.plan.exogenous)
    z = jnp.eye(n_processes * horizon).reshape(n_processes, horizon, -1)
    no_z, no_gaps = jnp.zeros((n_processes, horizon)), jnp.zeros((len(block_outputs(model)), horizon))
    no_wedges = jnp.zeros((len(linear.now), horizon))
    response = jax.vmap(lambda z: system.solve(z, no_wedges, no_gaps), -1, -1)(z)
    # Shocks that enter equations other than those of the processes.
    wedges = _at_date_0(linear.shocks, horizon)
    direct = jax.vmap(lambda wedges: system.solve(no_z, wedges, no_gaps), -1, -1)(wedges)
    solved = largest(response.targets) <= _SOLVE_TOLERANCE * largest(response.variables)
    return AggregateResponses(
        params=params,
        to_processes=_measure(linear, response.variables).reshape(-1, horizon, n_processes, horizon),
        to_shocks=_measure(linear, direct.variables),
        linear=linear,
        status=jnp.select(
            [household.status != Status.OK, linear.status != Status.OK, ~solved],
            [household.status, linear.status, Status.NOT_CONVERGED],
            determinacy_status(system.matrix, system.shape),
        ),
    )


def _with_processes(model: Model, params: Any, given: AggregateResponses) -> MovingAverage:
    """The solution where only parameters of the exogenous processes (and of the measurement) have moved."""
    linear = linearize(model, params, model.variables(*given.linear.steady_state))
    wedges = _at_date_0(linear.shocks, given.to_shocks.shape[1])
    z = jax.vmap(partial(process_paths, model, find_plan(model), linear), -1, -1)(wedges)
    responses = jnp.einsum("otzs,zse->toe", given.to_processes, z) + jnp.moveaxis(given.to_shocks, 0, 1)
    status = jnp.where(given.status == Status.OK, _tail_status(jnp.moveaxis(responses, 0, 1)), given.status)
    return _moving_average(model, params, linear, responses, status)


def _at_date_0(shocks: Array, horizon: int) -> Array:
    """A unit impulse in each shock as wedges of the equations, ``[n_equations, T, n_shocks]``."""
    return jnp.pad(shocks[:, None], ((0, 0), (0, horizon - 1), (0, 0)))


def _measure(linear: LinearModel, paths: Array) -> Array:
    """Observables from paths of all variables ``[n_variables, T, n]``."""
    before = jnp.pad(paths, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    return jnp.einsum("ov,vtn->otn", linear.measured_now, paths) + jnp.einsum(
        "ov,vtn->otn", linear.measured_lag, before
    )


def _moving_average(
    model: Model, params: Any, linear: LinearModel, responses: Array, status: Array
) -> MovingAverage:
    return MovingAverage(
        impulse_responses=responses,
        shock_cov=shock_correlation(model, params),
        obs_intercept=linear.obs_intercept,
        obs_cov=measurement_covariance(model, params),
        status=status,
        obs_trend=trend_growth(model, params),
    )


def _status(
    paths: Array, left: Array, linear: LinearModel, household_status: Array, determinate: Array
) -> Array:
    """The first failure, in the order in which they would arise."""
    size = largest(paths)
    failures = {
        Status.NOT_FINITE: ~jnp.isfinite(size),
        Status.NOT_CONVERGED: ~(largest(left) <= _SOLVE_TOLERANCE * size),
    }
    return jnp.select(
        [
            household_status != Status.OK,
            linear.status != Status.OK,
            *failures.values(),
            determinate != Status.OK,
        ],
        [household_status, linear.status, *failures, determinate],
        _tail_status(paths),
    )


def _tail_status(responses: Array) -> Array:
    """HORIZON_TOO_SHORT where a response ``[n, T, n_shocks]`` ends above a hundredth of its peak."""
    peak, tail = jnp.max(jnp.abs(responses), axis=1), jnp.max(jnp.abs(responses[:, -5:]), axis=1)
    short = jnp.any(tail > TAIL_TOLERANCE * peak + 1e-9 * jnp.max(peak))
    return jnp.where(short, Status.HORIZON_TOO_SHORT, Status.OK)
