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

from estim.model import Model
from estim.numerics import follow_recursion, matrix_powers
from estim.numerics.fixed_point import largest
from estim.representations.moving_average import MovingAverage, Tail
from estim.solution.equations import measurement_covariance, shock_correlation, trend_growth
from estim.solution.incidence import incidence
from estim.solution.linearize import LinearModel, linearize
from estim.solution.sequence_space.assemble import System, assemble, stack_jacobians
from estim.solution.sequence_space.beyond import residuals_of_tail, solve_with_tail
from estim.solution.sequence_space.determinacy import determinacy_status
from estim.solution.sequence_space.horizon import horizon_status
from estim.solution.sequence_space.plan import find_plan
from estim.solution.sequence_space.processes import (
    Processes,
    exogenous_equations,
    exogenous_processes,
    stationarity,
)
from estim.solution.sequence_space.propagate import block_inputs, block_outputs, process_paths
from estim.solution.sequence_space.stationary_equilibrium import HouseholdJacobians, solve_household_jacobians
from estim.status import Status
from estim.typing import Array

TAIL_TOLERANCE = 1e-2
_SOLVE_TOLERANCE = 1e-7


class AggregateResponses(NamedTuple):
    """The model but for its exogenous processes: what the observables do when these move.

    ``params`` has the steady state's unknowns solved for; ``to_news`` ``[n_obs, T, n_exogenous, T]``, of the
    exogenous variables' paths (`_news`); ``to_shocks`` ``[n_obs, T, n]``, to impulses that enter other equations
    directly, n the number of shocks or zero; ``linear`` is the linearised model; ``status`` a `Status`.
    """

    params: Any
    to_news: Array
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
        given: what is known already and need not be solved for again. `parameter_roles` says which
            parameters may then differ: with `HouseholdJacobians` all but its household ones, with
            `AggregateResponses` its shock parameters.
        horizon: number of dates, where nothing is given (default ``model.horizon``). It must see the end of
            the economy's own inertia; exogenous processes may be more persistent (`processes`).
    """
    if given is None:
        given = solve_household_jacobians(model, params, horizon)
    params = params._replace(**{n: getattr(given.params, n) for n in model.unknowns})
    if isinstance(given, AggregateResponses):
        return _with_processes(model, params, given)
    linear = linearize(model, params, given.variables)
    found = solve_unit_responses(model, linear, given)
    increments = jnp.moveaxis(_measure(linear, found.increments), 1, 0)
    return _moving_average(model, params, linear, found.processes, increments, found.status)


def solve_paths(model: Model, linear: LinearModel, household: HouseholdJacobians) -> tuple[Array, Array]:
    """Responses of all variables to a unit impulse at date 0 in each shock, ``[n_variables, T, n_shocks]``, and a
    `Status`: HORIZON_TOO_SHORT where the economy's inertia alone leaves a hundredth of a peak at the end."""
    found = solve_unit_responses(model, linear, household)
    sizes = jnp.abs(found.increments)
    peak, end = jnp.max(sizes, axis=1), jnp.max(sizes[:, -5:], axis=1)
    short = jnp.any(end > TAIL_TOLERANCE * peak + 1e-9 * jnp.max(peak))
    status = jnp.where(short & (found.status == Status.OK), Status.HORIZON_TOO_SHORT, found.status)
    return follow_processes(found.increments, found.processes) @ found.processes.impact, status


def follow_processes(increments: Array, processes: Processes) -> Array:
    """The responses ``[n_rows, T, n]`` that these are the increments of."""
    return follow_recursion(increments.swapaxes(0, 1), processes.transition).swapaxes(0, 1)


class UnitResponses(NamedTuple):
    """Responses X of all variables to one unit of each exogenous variable at date 0, which then follows its process.

    ``processes`` F and G, with every shock that enters other equations as a process of its own that lasts one date;
    ``increments`` X_t - X_{t-1} F ``[n_variables, T, n]``; ``status`` a `Status`, but for what the horizon cuts off.
    """

    processes: Processes
    increments: Array
    status: Array


def solve_unit_responses(model: Model, linear: LinearModel, household: HouseholdJacobians) -> UnitResponses:
    """All responses, as those of an infinite horizon but for the economy's inertia at its end.

    With R x the residuals of all equations and blocks at paths that go on as their processes do (`beyond`), R x = b.
    Derivatives follow by the implicit function theorem from R, which is a few products (`_residuals`), and never pass
    through how x is found: dx = R^-1 (db - dR x).
    """
    jacobian = stack_jacobians(model, household)
    processes, units = _all_processes(model, linear)
    impulses = jnp.pad(units[:, None], ((0, jacobian.shape[0]), (0, jacobian.shape[1] - 1), (0, 0)))

    def residuals(linear: LinearModel, jacobian: Array, transition: Array, paths: Array) -> Array:
        beyond = residuals_of_tail(model, linear, jacobian, transition, paths[:, -1])
        return _residuals(model, linear, jacobian, paths) + beyond

    fixed = jax.lax.stop_gradient((linear, jacobian, processes.transition))
    system = assemble(model, fixed[0], jax.lax.stop_gradient(household))
    by_column = jax.vmap(partial(_solve_residuals, model, fixed[0], system), -1, -1)
    solve = solve_with_tail(model, by_column, partial(residuals_of_tail, model, *fixed), impulses)
    paths = jax.lax.custom_linear_solve(
        partial(residuals, linear, jacobian, processes.transition),
        impulses,
        solve=lambda _, b: solve(b),
        transpose_solve=lambda _, b: jax.linear_transpose(solve, b)(b)[0],
    )
    before = jnp.pad(paths, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    left = residuals(*fixed, paths) - impulses
    determinate = determinacy_status(system.matrix, system.shape)
    status = _status(paths, left, linear, household.status, determinate, stationarity(processes))
    return UnitResponses(processes, paths - before @ processes.transition, status)


def _all_processes(model: Model, linear: LinearModel) -> tuple[Processes, Array]:
    """The exogenous processes, with every shock that enters another equation as one that lasts one date, and
    what brings a unit of each into the equations at date 0, ``[n_equations, n]``."""
    plan, n_shocks = find_plan(model), linear.shocks.shape[1]
    rows, columns = exogenous_equations(plan)
    elsewhere = np.setdiff1d(np.arange(len(linear.now)), rows)
    processes = exogenous_processes(model, linear)
    units = jnp.zeros((len(linear.now), len(rows))).at[rows].set(linear.now[rows][:, columns])
    if not incidence(model).shocks[elsewhere].any():
        return processes, units
    direct = jnp.zeros_like(linear.shocks).at[elsewhere].set(-linear.shocks[elsewhere])
    transition = jnp.pad(processes.transition, (0, n_shocks))
    impact = jnp.concatenate([processes.impact, jnp.eye(n_shocks)])
    return Processes(transition, impact), jnp.concatenate([units, direct], axis=1)


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
    elsewhere = -_all_processes(model, linear)[1][:, n_processes:]
    wedges = jnp.pad(elsewhere[:, None], ((0, 0), (0, horizon - 1), (0, 0)))
    direct = jax.vmap(lambda wedges: system.solve(no_z, wedges, no_gaps), -1, -1)(wedges)
    solved = largest(response.targets) <= _SOLVE_TOLERANCE * largest(response.variables)
    observed = _measure(linear, response.variables).reshape(-1, horizon, n_processes, horizon)
    return AggregateResponses(
        params=params,
        to_news=_news(observed),
        to_shocks=_measure(linear, direct.variables),
        linear=linear,
        status=jnp.select(
            [household.status != Status.OK, linear.status != Status.OK, ~solved],
            [household.status, linear.status, Status.NOT_CONVERGED],
            determinacy_status(system.matrix, system.shape),
        ),
    )


def _news(observed: Array) -> Array:
    """What is known a date earlier changes the response by: N[t, s] = Y[t, s] - Y[t-1, s-1], of ``[n_obs, T, n, T]``.

    It dies out in t with the economy's inertia and in s with its foresight; where t + s > T nothing is left of it but
    the end of the horizon.
    """
    horizon = observed.shape[1]
    dates = np.arange(horizon)
    before = jnp.pad(observed, ((0, 0), (1, 0), (0, 0), (1, 0)))[:, :-1, :, :-1]
    return jnp.where((dates[:, None] + dates < horizon)[:, None], observed - before, 0.0)


def _with_processes(model: Model, params: Any, given: AggregateResponses) -> MovingAverage:
    """The solution where only parameters of the exogenous processes (and of the measurement) have moved."""
    linear = linearize(model, params, model.variables(*given.linear.steady_state))
    processes, _ = _all_processes(model, linear)
    n, horizon = given.to_news.shape[2:]
    ahead = matrix_powers(processes.transition[:n, :n], horizon)
    increments = jnp.einsum("otzs,szk->tok", given.to_news, ahead)
    increments = jnp.concatenate([increments, jnp.moveaxis(given.to_shocks, 0, 1)], axis=2)
    status = jnp.where(given.status == Status.OK, stationarity(processes), given.status)
    return _moving_average(model, params, linear, processes, increments, status)


def _measure(linear: LinearModel, paths: Array) -> Array:
    """Observables from paths of all variables ``[n_variables, T, n]``."""
    before = jnp.pad(paths, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    return jnp.einsum("ov,vtn->otn", linear.measured_now, paths) + jnp.einsum(
        "ov,vtn->otn", linear.measured_lag, before
    )


def _moving_average(
    model: Model, params: Any, linear: LinearModel, processes: Processes, increments: Array, status: Array
) -> MovingAverage:
    """From the increments of the observables ``[T, n_obs, n]`` after a unit of each process."""
    units, n = (
        follow_recursion(increments, processes.transition),
        len(exogenous_equations(find_plan(model))[0]),
    )
    transition, impact = processes.transition[:n, :n], processes.impact[:n]
    obs_cov = measurement_covariance(model, params)
    return MovingAverage(
        impulse_responses=units @ processes.impact,
        shock_cov=shock_correlation(model, params),
        obs_intercept=linear.obs_intercept,
        obs_cov=obs_cov,
        status=jnp.where(status == Status.OK, horizon_status(increments, processes, obs_cov), status),
        obs_trend=trend_growth(model, params),
        tail=Tail(units[-1, :, :n] @ transition, transition, impact) if n else None,
    )


def _status(
    paths: Array,
    left: Array,
    linear: LinearModel,
    household_status: Array,
    determinate: Array,
    stationary: Array,
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
        stationary,
    )
