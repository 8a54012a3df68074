"""`SequenceSpace`: heterogeneous agents at first order, by the Jacobians of their decisions over time."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax

from estim.kept import kept_on_model
from estim.model import Model
from estim.representations.moving_average import MovingAverage
from estim.solution.sequence_space.linear_system import (
    AggregateResponses,
    solve_aggregate_responses,
    solve_moving_average,
)
from estim.solution.sequence_space.parameter_roles import parameter_roles
from estim.solution.sequence_space.stationary_equilibrium import (
    HouseholdJacobians,
    default_household_jacobians,
    solve_household_jacobians,
)
from estim.solution.solver import Solver
from estim.status import SolutionError, Status


@dataclass(frozen=True)
class SequenceSpace(Solver):
    """Auclert, Bardóczy, Rognlie and Straub (2021): households once, or at the draws that move them.

    Where no household parameter is estimated their Jacobians are found once, and where only parameters of shocks are
    the aggregate responses too.
    """

    gives: ClassVar[type] = MovingAverage
    sequential: ClassVar[bool] = True
    states_rest: ClassVar[bool] = False

    def solve_once(self, spec: Model) -> HouseholdJacobians | AggregateResponses | None:
        """What the estimated parameters leave as it is; None where some of them are the household's.

        Raises:
            SolutionError: there is no solution at the calibrated parameters.
        """
        return None if self.slow(spec) else _solve_once(spec)

    def at_defaults(self, spec: Model) -> HouseholdJacobians:
        """The households at the default parameters, whose steady state others are searched from."""
        return default_household_jacobians(spec)

    def slow(self, spec: Model) -> tuple[str, ...]:
        """The estimated parameters that move the problem of a heterogeneous-agent block."""
        return tuple(n for n in spec.estimated if n in parameter_roles(spec).household)

    def prepare(self, spec: Model, params: Any, once: None) -> HouseholdJacobians:
        """Steady state and Jacobians of the households."""
        return solve_household_jacobians(spec, params)

    def solve(
        self, spec: Model, params: Any, given: HouseholdJacobians | AggregateResponses | None = None
    ) -> MovingAverage:
        """The moving average at `params`, the model's Params, with its status."""
        return _solve(spec)(params, given)


@kept_on_model
def _solve(model: Model) -> Any:
    return jax.jit(partial(solve_moving_average, model))


@kept_on_model
def _solve_once(model: Model) -> HouseholdJacobians | AggregateResponses:
    params, roles = model.params(), parameter_roles(model)
    given: Any = default_household_jacobians(model)
    if not set(model.estimated) & set(roles.aggregate):
        given = jax.jit(partial(solve_aggregate_responses, model))(params, given)
    if int(given.status) != Status.OK:
        raise SolutionError(int(given.status), model.name)
    return given
