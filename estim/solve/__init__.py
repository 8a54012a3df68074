"""From a model to a representation that a likelihood can read."""

from estim.solve.incidence import Incidence, incidence
from estim.solve.linearize import LinearModel, linearize
from estim.solve.rational_expectations import solve_decision_rule, solve_state_space
from estim.solve.representations import DecisionRule, MovingAverage, StateSpace
from estim.solve.responses import decision_rule_responses, impulse_responses
from estim.solve.steady_state import solve_steady_state

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
    "solve_decision_rule",
    "solve_state_space",
    "solve_steady_state",
]
