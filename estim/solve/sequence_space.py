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

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.model import Model
from estim.solve.blocks import Plan, Step, find_plan
from estim.solve.incidence import incidence
from estim.solve.linearize import LinearModel, linearize
from estim.solve.representations import MovingAverage
from estim.solve.stationary_equilibrium import HouseholdJacobians, solve_household_jacobians
from estim.status import Status
from estim.typing import Array

TAIL_TOLERANCE = 1e-2
_SOLVE_TOLERANCE = 1e-7


class Propagation(NamedTuple):
    """Paths that follow from given ones: block ``inputs`` ``[n_inputs, T]``, ``targets``
    ``[n_unknowns, T]``, all ``variables`` ``[n_variables, T]``."""

    inputs: Array
    targets: Array
    variables: Array


def solve_moving_average(
    model: Model, params: Any, household: HouseholdJacobians | None = None, *, horizon: int | None = None
) -> MovingAverage:
    """The MA representation of a model with heterogeneous agents.

    Args:
        params: the model's Params, in its own units.
        household: the steady state and household Jacobians, where they are known already; then
            `params` must agree with them on every parameter that moves them (`cost_split`).
        horizon: number of dates, where `household` is not given (default ``model.horizon``).
    """
    if household is None:
        household = solve_household_jacobians(model, params, horizon)
    params = params._replace(**{n: getattr(household.params, n) for n in model.unknowns})
    linear = linearize(model, params, household.variables)
    paths, status = solve_paths(model, linear, household)
    now = jnp.einsum("ov,vte->toe", linear.measured_now, paths)
    lag = jnp.einsum("ov,vte->toe", linear.measured_lag, jnp.pad(paths, ((0, 0), (1, 0), (0, 0)))[:, :-1])
    if model.measurement_error is None:
        error = jnp.zeros(len(model.observables._fields))
    else:
        error = jnp.stack([jnp.asarray(s, float) for s in model.measurement_error(params)])
    return MovingAverage(
        impulse_responses=now + lag,
        shock_cov=jnp.eye(len(model.shocks._fields)),
        obs_intercept=linear.obs_intercept,
        obs_cov=jnp.diag(error**2),
        status=status,
    )


def solve_paths(model: Model, linear: LinearModel, household: HouseholdJacobians) -> tuple[Array, Array]:
    """Responses of all variables to a unit impulse at date 0 in each shock, ``[n_variables, T, n_shocks]``."""
    plan = find_plan(model)
    jacobian = stack_jacobians(model, plan, household)  # [n_outputs, T, n_inputs, T]
    n_outputs, horizon = jacobian.shape[:2]
    n_unknowns, n_shocks = len(plan.unknowns), len(model.shocks._fields)

    def propagate(u, h, e):
        return propagate_paths(model, plan, linear, u, h, e)

    no_u, no_h = jnp.zeros((n_unknowns, horizon)), jnp.zeros((n_outputs, horizon))
    no_e = jnp.zeros((n_shocks, horizon))

    pull = jax.linear_transpose(lambda u: propagate(u, no_h, no_e).inputs, no_u)
    rows = jacobian.reshape(n_outputs * horizon, -1, horizon)
    h_u = jax.vmap(lambda row: pull(row)[0])(rows).reshape(n_outputs, horizon, -1)
    unit = jnp.eye(n_unknowns * horizon).reshape(-1, n_unknowns, horizon)
    by_unknown = jax.vmap(lambda u, h: propagate(u, h, no_e).targets, in_axes=(0, 2), out_axes=2)(unit, h_u)

    impulses = jnp.zeros((n_shocks, n_shocks, horizon)).at[jnp.arange(n_shocks), jnp.arange(n_shocks), 0].set(1.0)

    def respond(u, e):
        h = jnp.einsum("otis,is->ot", jacobian, propagate(u, no_h, e).inputs)
        return propagate(u, h, e)

    by_shock = jax.vmap(lambda e: respond(no_u, e).targets, out_axes=2)(impulses)
    matrix = by_unknown.reshape(n_unknowns * horizon, -1)
    solution = -jnp.linalg.solve(matrix, by_shock.reshape(n_unknowns * horizon, -1))
    u = solution.reshape(n_unknowns, horizon, n_shocks)
    response = jax.vmap(respond, in_axes=(2, 0), out_axes=2)(u, impulses)
    status = _status(response, linear, household)
    return response.variables, status


def propagate_paths(model: Model, plan: Plan, linear: LinearModel, u: Array, h: Array, e: Array) -> Propagation:
    """Follow the plan from paths of unknowns ``[n_unknowns, T]``, block outputs and shocks."""
    names = model.variables._fields
    outputs = _outputs(model)
    paths = dict(zip(plan.unknowns, u, strict=True))
    supplied = {names.index(o): path for o, path in zip(outputs, h, strict=True)}
    for step in plan.exogenous:
        paths |= solve_step(model, linear, step, paths, e)
    paths |= {j: supplied[j] for j in plan.supplied}
    for step in plan.steps:
        paths |= solve_step(model, linear, step, paths, e)
    left = [equation_path(model, linear, i, paths, e) for i in plan.equations]
    matched = [supplied[j] - paths[j] for j in plan.matched]
    return Propagation(
        jnp.stack([paths[names.index(i)] for i in _inputs(model)]),
        jnp.stack([*left, *matched]),
        jnp.stack([paths[j] for j in range(len(names))]),
    )


def equation_path(model: Model, linear: LinearModel, equation: int, paths: dict[int, Array], e: Array) -> Array:
    """The residual of one equation at every date, from the paths that are there."""
    found = incidence(model)
    total = jnp.zeros(e.shape[1])
    for j, path in paths.items():
        if found.lag[equation, j]:
            total += linear.lag[equation, j] * lagged(path)
        if found.now[equation, j]:
            total += linear.now[equation, j] * path
        if found.lead[equation, j]:
            total += linear.lead[equation, j] * led(path)
    for k in range(e.shape[0]):
        if found.shocks[equation, k]:
            total += linear.shocks[equation, k] * e[k]
    return total


def solve_step(
    model: Model, linear: LinearModel, step: Step, paths: dict[int, Array], e: Array
) -> dict[int, Array]:
    """Paths of the step's variables: L x_{t-1} + N x_t + F x_{t+1} = b_t, zero before and after the horizon."""
    found = incidence(model)
    rows, columns = list(step.equations), list(step.variables)
    b = -jnp.stack([equation_path(model, linear, i, paths, e) for i in rows], axis=1)
    at = jnp.ix_(jnp.array(rows), jnp.array(columns))
    inverse = jnp.linalg.inv(linear.now[at]) if len(rows) > 1 else 1 / linear.now[at]
    has_lag = any(found.lag[i, j] for i in rows for j in columns)
    has_lead = any(found.lead[i, j] for i in rows for j in columns)
    if has_lag and has_lead:
        x = solve_block_tridiagonal(linear.lag[at], linear.now[at], linear.lead[at], b)
    elif has_lag or has_lead:
        gain = -inverse @ (linear.lag[at] if has_lag else linear.lead[at])
        x = _recursion(gain, b @ inverse.T, reverse=has_lead)
    else:
        x = b @ inverse.T
    return dict(zip(columns, x.T, strict=True))


def solve_block_tridiagonal(lag: Array, now: Array, lead: Array, b: Array) -> Array:
    """Block Thomas algorithm for constant ``[m, m]`` blocks and ``b`` ``[T, m]``."""

    def down(state, b_t):
        gain, x = state  # x_{t-1} = x - gain x_t
        pivot = now - lag @ gain
        gain, x = jnp.linalg.solve(pivot, lead), jnp.linalg.solve(pivot, b_t - lag @ x)
        return (gain, x), (gain, x)

    start = (jnp.zeros_like(now), jnp.zeros(now.shape[0]))
    _, (gains, xs) = jax.lax.scan(down, start, b)

    def up(ahead, at):
        gain, x = at
        x = x - gain @ ahead
        return x, x

    return jax.lax.scan(up, jnp.zeros(now.shape[0]), (gains, xs), reverse=True)[1]


def _recursion(gain: Array, b: Array, reverse: bool) -> Array:
    """x_t = gain x_{t-1} + b_t (or x_{t+1}, from the end), ``b`` ``[T, m]``."""

    def step(x, b_t):
        x = gain @ x + b_t
        return x, x

    return jax.lax.scan(step, jnp.zeros(b.shape[1]), b, reverse=reverse)[1]


def lagged(path: Array) -> Array:
    return jnp.concatenate([jnp.zeros(1), path[:-1]])


def led(path: Array) -> Array:
    return jnp.concatenate([path[1:], jnp.zeros(1)])


def stack_jacobians(model: Model, plan: Plan, household: HouseholdJacobians) -> Array:
    """The household Jacobians as one array ``[n_outputs, T, n_inputs, T]``, zero between different blocks."""
    horizon = next(iter(household.jacobians.values())).shape[0]
    nothing = jnp.zeros((horizon, horizon))
    rows = [
        jnp.stack([household.jacobians.get((o, i), nothing) for i in _inputs(model)], axis=1)
        for o in _outputs(model)
    ]
    return jnp.stack(rows)


def _inputs(model: Model) -> list[str]:
    return list(dict.fromkeys(i for block in model.het_blocks for i in block.inputs))


def _outputs(model: Model) -> list[str]:
    return [o for block in model.het_blocks for o in block.outputs]


def _status(response: Propagation, linear: LinearModel, household: HouseholdJacobians) -> Array:
    """The first failure, in the order in which they would arise."""
    size = jnp.max(jnp.abs(response.variables))
    residual = jnp.max(jnp.abs(response.targets))
    tail = jnp.max(jnp.abs(response.variables[:, -5:]), axis=1)
    peak = jnp.max(jnp.abs(response.variables), axis=1)
    return jnp.select(
        [
            household.status != Status.OK,
            linear.status != Status.OK,
            ~jnp.isfinite(size),
            ~(residual <= _SOLVE_TOLERANCE * size),
            jnp.any(tail > TAIL_TOLERANCE * peak + 1e-9 * size),
        ],
        [household.status, linear.status, Status.NOT_FINITE, Status.NOT_CONVERGED, Status.HORIZON_TOO_SHORT],
        Status.OK,
    )
