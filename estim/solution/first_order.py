"""`FirstOrder`: equations linearised around the steady state, solved as a state space."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import jax.numpy as jnp

from estim.arguments import check_fields
from estim.model import Model
from estim.representations.linear import StateSpace
from estim.solution.rational_expectations import solve_state_space, solve_state_space_in_variables
from estim.solution.solver import Solver


@dataclass(frozen=True)
class FirstOrder(Solver):
    """Linearisation at the steady state, and the unique stable solution of what is linear.

    Attributes:
        state: "minimal", as few states as the model has, or "variables", all variables of the model that have a lag:
            for what is said of the state in the variables' own units, such as a variance of its start.
        shock_scales: by period of the sample and shock, what standard deviations are multiplied by, see `StateSpace`;
            a likelihood says so (`estim.Kalman`).
    """

    state: Literal["minimal", "variables"] = "minimal"
    shock_scales: tuple[tuple[float, ...], ...] | None = None

    gives: ClassVar[type] = StateSpace
    sequential: ClassVar[bool] = False
    states_rest: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_fields(self)

    def solve(self, spec: Model, params: Any, given: None = None) -> StateSpace:
        """The state space at `params`, the model's Params, with its status."""
        solve = solve_state_space if self.state == "minimal" else solve_state_space_in_variables
        solution = solve(spec, params)
        if self.shock_scales is None:
            return solution
        return solution._replace(shock_scales=jnp.asarray(self.shock_scales))
