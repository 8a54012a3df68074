"""From a model to a representation that a likelihood can read."""

from estim.representations.linear import DecisionRule, StateSpace
from estim.representations.moving_average import MovingAverage
from estim.solution.incidence import Incidence, incidence
from estim.solution.linearize import LinearModel, linearize
from estim.solution.on_host import linearize_once, solve_decision_rule_once
from estim.solution.rational_expectations import (
    solve_decision_rule,
    solve_state_space,
    solve_state_space_in_variables,
)
from estim.solution.responses import decision_rule_responses, impulse_responses
from estim.solution.steady_state import steady_state_of

__all__ = [
    "DecisionRule",
    "Incidence",
    "LinearModel",
    "MovingAverage",
    "StateSpace",
    "decision_rule_responses",
    "impulse_responses",
    "incidence",
    "linearize",
    "linearize_once",
    "solve_decision_rule",
    "solve_decision_rule_once",
    "solve_state_space",
    "solve_state_space_in_variables",
    "steady_state_of",
]
