"""From draws of parameters to draws of what a model implies, and to bands."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import checked, within
from estim.model import Model
from estim.representations.linear import DecisionRule, StateSpace
from estim.representations.moving_average import MovingAverage
from estim.solution.rational_expectations import solve_decision_rule, solve_state_space
from estim.status import Status
from estim.typing import Array


@checked
def solve_draws(model: Model, params: Mapping[str, Array]) -> tuple[StateSpace, DecisionRule]:
    """The model solved at every draw.

    Args:
        model: a model without heterogeneous-agent blocks.
        params: draws ``[n]`` by name, in the model's own units; the others keep their defaults.

    Returns:
        A state space and a decision rule whose leaves have leading axis ``[n]``.
    """

    @jax.jit
    @jax.vmap
    def solve(values: Mapping[str, Array]) -> tuple[StateSpace, DecisionRule]:
        filled = model.params(values)
        return solve_state_space(model, filled), solve_decision_rule(model, filled)

    return solve({name: jnp.asarray(values, float) for name, values in params.items()})


def variables_state_space(rule: DecisionRule) -> StateSpace:
    """A state space that observes every variable of the model, exactly.

    With it each analysis is about the model's variables instead of its observables.
    """
    n_variables = rule.policy.shape[0]
    return StateSpace(
        transition=rule.transition,
        selection=rule.selection,
        state_cov=rule.shock_cov,
        design=rule.policy,
        obs_intercept=rule.steady_state,
        obs_cov=jnp.zeros((n_variables, n_variables)),
        status=rule.status,
    )


@checked
def over_draws(
    analysis: Callable[..., Any], state_spaces: StateSpace | MovingAverage, *per_draw: Array
) -> Any:
    """An analysis of one state space, done for each draw.

    Args:
        analysis: a function of a `StateSpace`, and of what is in ``per_draw``.
        state_spaces: leaves with leading axis ``[n]``.
        per_draw: further arrays with leading axis ``[n]``, such as random keys.

    Returns:
        What the analysis returns, with leading axis ``[n]``; NaN where a draw has no solution.
    """

    def one(state_space: StateSpace | MovingAverage, *args: Array) -> Any:
        solved = state_space.status == Status.OK
        return jax.tree.map(lambda x: jnp.where(solved, x, jnp.nan), analysis(state_space, *args))

    return jax.jit(jax.vmap(one))(state_spaces, *per_draw)


@checked
def bands(
    draws: Array, probabilities: Sequence[Annotated[float, within(0, 1)]] = (0.05, 0.5, 0.95)
) -> np.ndarray:
    """Quantiles over the first axis, ``[n_probabilities, ...]``; draws that are NaN are left out."""
    return np.nanquantile(np.asarray(draws), np.asarray(probabilities), axis=0)
