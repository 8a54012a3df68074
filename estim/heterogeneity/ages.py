"""Lives that end: values of each age by backward induction, and a population of all ages.

Age is the first axis of values, policies and distributions. A `DecisionModel` of finite lives has the operator
``bellman=lambda value, p: solve_ages(...)``, which does not depend on the value and so is its own fixed point; or, with
reward and continuation, ``later(value)`` in its continuation, and every method of solution ends after as many steps
as there are ages.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from estim.typing import Array


def later(values: Any, last: Any = 0.0) -> Any:
    """Next year's value at each age: that of the age above, and after the last age `last`.

    Args:
        values: a pytree of ``[n_ages, ...]``.
        last: the value after the last age: a pytree like one age's, or a number for all.
    """

    def shift(x: Array, end: Any) -> Array:
        return jnp.concatenate([x[1:], jnp.broadcast_to(jnp.asarray(end, x.dtype), (1, *x.shape[1:]))])

    return jax.tree.map(shift, values, jax.tree.broadcast(last, values))


def solve_ages(decide: Callable[[Any, Array], Any], last: Any, n_ages: int) -> Any:
    """Values of all ages, from the last to the first; differentiable as it stands, as nothing converges.

    Args:
        decide: ``(next year's value, age) -> value``, of one age; ages are whole numbers from 0.
        last: the value after the last age, in the shape of `decide`'s.
        n_ages: how many.

    Returns:
        The values, with a leading axis ``[n_ages]``.
    """

    def step(ahead: Any, age: Array) -> tuple[Any, Any]:
        value = decide(ahead, age)
        return value, value

    last = jax.tree.map(lambda x: jnp.asarray(x, float), last)
    _, values = jax.lax.scan(step, last, jnp.arange(n_ages), reverse=True)
    return values


def grow_older(moved: Array, survival: Array | float, entrants: Array) -> Array:
    """Next year's population of all ages: survivors are a year older, and each who dies is followed by an entrant.

    Args:
        moved: ``[n_ages, ...]``, this year's population at next year's individual states, before anybody dies.
        survival: to the next age, ``[n_ages]`` or a number; after the last age nobody does.
        entrants: ``[...]``, the individual states of the youngest, of mass one.

    Returns:
        ``[n_ages, ...]`` of the same mass.
    """
    shares = jnp.broadcast_to(jnp.asarray(survival, float), (moved.shape[0],)).at[-1].set(0.0)
    alive = shares.reshape(-1, *[1] * (moved.ndim - 1)) * moved
    born = (moved.sum() - alive.sum()) * entrants
    return jnp.concatenate([born[None], alive[:-1]])
