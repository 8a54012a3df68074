"""The exogenous processes of a sequence-space model: what moves the economy and is not moved by it.

They look back alone, z_t = F z_{t-1} + G e_t, so that after the date of a shock the economy follows the path of z and
its own inertia. If X_t is the response to z = (1, F, F^2, ...) from rest, that from the next date on is the
response to z times F, from a state which the first date has left: the *increments*

    X_{t+1} - X_t F

are the response to that state alone, and die out as the economy's own inertia does, however persistent z is. (For an
AR(1) they are the responses, quasi-differenced.) A horizon that is long enough for the increments is long enough for
all:

    X_t = X_{T-1} F^{t-T+1},   t >= T.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from estim.model import Model
from estim.numerics import solve_discrete_lyapunov, solve_linear
from estim.solution.linearize import LinearModel
from estim.solution.sequence_space.plan import Plan, find_plan
from estim.status import Status
from estim.typing import Array


class Processes(NamedTuple):
    """``transition`` F ``[n, n]`` and ``impact`` G ``[n, n_shocks]`` of the exogenous variables,
    in the plan's order."""

    transition: Array
    impact: Array


def exogenous_equations(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the equations that are the exogenous processes, and columns of their variables."""
    rows = [e for step in plan.exogenous for e in step.equations]
    columns = [j for step in plan.exogenous for j in step.variables]
    return np.array(rows, int), np.array(columns, int)


def exogenous_processes(model: Model, linear: LinearModel) -> Processes:
    """From N z_t + L z_{t-1} + D e_t = 0."""
    rows, columns = exogenous_equations(find_plan(model))
    past_and_shocks = jnp.concatenate([linear.lag[rows][:, columns], linear.shocks[rows]], axis=1)
    moved = -solve_linear(linear.now[rows][:, columns], past_and_shocks)[0]
    return Processes(moved[:, : len(rows)], moved[:, len(rows) :])


def stationarity(processes: Processes) -> Array:
    """OK, or EXPLOSIVE where a process has no finite variance: a root of one, or beyond."""
    n = len(processes.transition)
    status = solve_discrete_lyapunov(processes.transition, jnp.eye(n))[1]
    return jnp.where(status == Status.OK, Status.OK, Status.EXPLOSIVE)
