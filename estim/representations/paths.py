"""What is observed along a path whose shocks are given."""

from functools import singledispatch
from typing import Any

import jax
import jax.numpy as jnp

from estim.numerics import follow_recursion
from estim.representations.pruned import PrunedStateSpace
from estim.typing import Array


@singledispatch
def observed_path(solution: Any, start: Array, shocks: Array) -> Array:
    """Observables ``[n_periods, n_obs]``, without measurement errors and trend.

    Args:
        solution: a `NonlinearStateSpace`.
        start: the state of the period before the first, as a vector ``[n]``.
        shocks: ``[n_periods, n_shocks]``, in the units of the model's file.
    """

    def step(state: Any, shock: Array) -> tuple[Any, Array]:
        state = solution.step(state, shock)
        return state, solution.observe(state)

    return jax.lax.scan(step, solution.from_vector(start), shocks)[1]


@observed_path.register
def _(solution: PrunedStateSpace, start: Array, shocks: Array) -> Array:
    return follow_parts(solution, start, shocks)[1]


def follow_parts(solution: PrunedStateSpace, start: Array, shocks: Array) -> tuple[tuple[Array, ...], Array]:
    """The states' parts before each period, ``[n_periods, n_states]`` for each order, and what is observed.

    Each part of the state follows a linear recursion, given those of lower order: all periods at once.
    """
    motion, starts = solution.motion, jnp.split(start, solution.order)
    hx = motion.linear[:, : len(solution.states)].T
    nothing = jnp.zeros((len(shocks), len(solution.states)))
    lags: list[Array] = []
    for order, first in enumerate(starts):
        known = (*lags, *[nothing] * (solution.order - order))
        increments = jax.vmap(motion.parts)(known, shocks)[order]  # of this part, beside its own past
        path = follow_recursion(increments.at[0].add(first @ hx)[:, None], hx)[:, 0]
        lags.append(jnp.concatenate([first[None], path[:-1]]))
    observed = solution.measured.level[None] + sum(jax.vmap(solution.measured.parts)(tuple(lags), shocks))
    return tuple(lags), observed
