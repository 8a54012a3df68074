"""Agents who are seen in a state and choosing, period by period: what a `DecisionModel` says of such a panel."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def panel_of_choices(
    observables: Any, start: tuple[int, ...], move: Callable[[Any, Any, Any, Any], Any], num_periods: int
) -> dict[str, Any]:
    """The fields `observables`, `log_probability` and `draw` of a `DecisionModel` with tastes.

    The log-probability of a row is that of the action in the state: of what follows nothing is learnt that the states
    do not show, as in the second stage of Rust (1987, Econometrica 55).

    Args:
        observables: a NamedTuple of whole numbers: the state, axis by axis of the value, and last the action.
        start: the state in which a simulated agent begins.
        move: ``(key, state, action, params) -> state``, next period's, a tuple.
        num_periods: of a simulated agent.

    Returns:
        ``{field: value}``, for ``DecisionModel(**...)``; `unit` and `taste` are the model's own.
    """

    def log_probability(row: Any, solution: Any, p: Any) -> Any:
        return solution.log_choice[tuple(getattr(row, n).astype(int) for n in observables._fields)]

    def draw(key: Any, solution: Any, p: Any) -> Any:
        def period(state, key):
            choose, go = jax.random.split(key)
            action = jax.random.categorical(choose, solution.log_choice[state])
            return move(go, state, action, p), observables(*state, action)

        first = tuple(jnp.array(x) for x in start)
        return jax.lax.scan(period, first, jax.random.split(key, num_periods))[1]

    return {"observables": observables, "log_probability": log_probability, "draw": draw}
