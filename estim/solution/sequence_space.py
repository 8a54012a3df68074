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
from jax.scipy.linalg import lu_factor, lu_solve

from estim.heterogeneity.fixed_point import largest
from estim.model import Model
from estim.solution.assemble import System, assemble
from estim.solution.blocks import Plan, find_plan
from estim.solution.determinacy import determinacy_status
from estim.solution.equations import measurement_covariance
from estim.solution.linearize import LinearModel, linearize
from estim.solution.propagate import Propagation, process_paths
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
    """Responses of all variables to a unit impulse at date 0 in each shock, ``[n_variables, T, n_shocks]``."""
    system = assemble(model, linear, household)
    horizon = system.jacobian.shape[1]
    z, e = _impulses(model, system.plan, linear, horizon)
    u = jax.vmap(partial(_solve_unknowns, system, lu_factor(system.matrix)), -1, -1)(z, e)
    response = jax.vmap(system.respond, -1, -1)(u, z, e)
    determinate = determinacy_status(system.matrix, system.shape)
    return response.variables, _status(response, linear, household.status, determinate)


def _solve_unknowns(system: System, factors: tuple[Array, Array], z: Array, e: Array) -> Array:
    """The paths of the unknowns ``[n_unknowns, T]`` at which all targets are zero.

    With r(u, z, e) the targets, linear in all three, this solves r(u, 0, 0) = -r(0, z, e). The derivatives follow
    from the function r and never touch its matrix, which would be differentiated column by column: by the
    implicit function theorem du = -M^-1 dr, where dr is taken at the solution alone.
    """
    nothing = [jnp.zeros_like(paths) for paths in (z, e)]
    targets = lambda u, z, e: system.respond(u, z, e).targets
    solve_by = lambda trans: lambda _, b: lu_solve(factors, b.reshape(-1), trans).reshape(b.shape)
    return jax.lax.custom_linear_solve(
        lambda u: targets(u, *nothing),
        -targets(jnp.zeros(system.shape), z, e),
        solve=solve_by(0),
        transpose_solve=solve_by(1),
    )


def solve_aggregate_responses(model: Model, params: Any, household: HouseholdJacobians) -> AggregateResponses:
    """All that the observables need of the model, at given household and aggregate parameters."""
    params = params._replace(**{n: getattr(household.params, n) for n in model.unknowns})
    linear = linearize(model, params, household.variables)
    system = assemble(model, linear, household)
    horizon = system.jacobian.shape[1]
    processes = [j for step in system.plan.exogenous for j in step.variables]
    z = jnp.eye(len(processes) * horizon).reshape(len(processes), horizon, -1)
    by_process = system.pull_back(
        lambda z: system.propagate(jnp.zeros(system.shape), system.no_h, z, system.no_e), z[..., 0]
    )
    no_u = jnp.zeros(system.shape)
    targets = jax.vmap(lambda z, h: system.propagate(no_u, h, z, system.no_e).targets, -1, -1)(z, by_process)
    u = -jnp.linalg.solve(system.matrix, targets.reshape(len(system.matrix), -1)).reshape(*system.shape, -1)
    h = by_process + jnp.einsum("otk,ks->ots", system.by_unknown, u.reshape(-1, u.shape[-1]))
    response = jax.vmap(lambda u, h, z: system.propagate(u, h, z, system.no_e), -1, -1)(u, h, z)
    # Shocks that enter equations other than those of the processes.
    no_z = jnp.zeros((len(processes), horizon))
    e = _unit_impulses(model, horizon)
    direct = jax.vmap(lambda e: system.respond(no_u, no_z, e).targets, -1, -1)(e)
    u = -jnp.linalg.solve(system.matrix, direct.reshape(len(system.matrix), -1)).reshape(*system.shape, -1)
    to_shocks = jax.vmap(lambda u, e: system.respond(u, no_z, e).variables, -1, -1)(u, e)
    to_processes = _measure(linear, response.variables)
    solved = largest(response.targets) <= _SOLVE_TOLERANCE * largest(response.variables)
    return AggregateResponses(
        params=params,
        to_processes=to_processes.reshape(*to_processes.shape[:2], len(processes), horizon),
        to_shocks=_measure(linear, to_shocks),
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
    horizon = given.to_shocks.shape[1]
    z, _ = _impulses(model, find_plan(model), linear, horizon)
    responses = jnp.einsum("otzs,zse->toe", given.to_processes, z) + jnp.moveaxis(given.to_shocks, 0, 1)
    status = jnp.where(given.status == Status.OK, _tail_status(jnp.moveaxis(responses, 0, 1)), given.status)
    return _moving_average(model, params, linear, responses, status)


def _unit_impulses(model: Model, horizon: int) -> Array:
    """One at date 0 in each shock, ``[n_shocks, T, n_shocks]``."""
    n = len(model.shocks._fields)
    return jnp.zeros((n, horizon, n)).at[:, 0].set(jnp.eye(n))


def _impulses(model: Model, plan: Plan, linear: LinearModel, horizon: int) -> tuple[Array, Array]:
    """Paths of the exogenous variables, ``[n_exogenous, T, n_shocks]``, and the impulses that move them."""
    e = _unit_impulses(model, horizon)
    return jax.vmap(lambda e: process_paths(model, plan, linear, e), -1, -1)(e), e


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
        shock_cov=jnp.eye(len(model.shocks._fields)),
        obs_intercept=linear.obs_intercept,
        obs_cov=measurement_covariance(model, params),
        status=status,
    )


def _status(response: Propagation, linear: LinearModel, household_status: Array, determinate: Array) -> Array:
    """The first failure, in the order in which they would arise."""
    size, residual = largest(response.variables), largest(response.targets)
    failures = {
        Status.NOT_FINITE: ~jnp.isfinite(size),
        Status.NOT_CONVERGED: ~(residual <= _SOLVE_TOLERANCE * size),
    }
    return jnp.select(
        [
            household_status != Status.OK,
            linear.status != Status.OK,
            *failures.values(),
            determinate != Status.OK,
        ],
        [household_status, linear.status, *failures, determinate],
        _tail_status(response.variables),
    )


def _tail_status(responses: Array) -> Array:
    """HORIZON_TOO_SHORT where a response ``[n, T, n_shocks]`` ends above a hundredth of its peak."""
    peak, tail = jnp.max(jnp.abs(responses), axis=1), jnp.max(jnp.abs(responses[:, -5:]), axis=1)
    short = jnp.any(tail > TAIL_TOLERANCE * peak + 1e-9 * jnp.max(peak))
    return jnp.where(short, Status.HORIZON_TOO_SHORT, Status.OK)
