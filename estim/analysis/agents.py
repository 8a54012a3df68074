"""What agents of a solved dynamic program are worth, do and are, state by state."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from estim.representations.stationary import StationaryEquilibrium
from estim.typing import Array

SEVERAL = 6
"""So many actions have a picture each; more would fill pages."""


def of_agents(solution: StationaryEquilibrium) -> dict[str, Array]:
    """Values, policies and the distribution by name, each ``[*states]``.

    Args:
        solution: of a `DecisionModel`; of agents who differ for good each array has a leading axis ``[n_types]``.

    Returns:
        ``value``, ``policy`` or with taste shocks ``probability of action 0`` and so on (of more than six actions the
        ``mean action``, by number, and the ``probability of the likeliest action``), and ``distribution`` where the
        model has one; a tuple's fields by their names. What is no array over states is left out.
    """
    if solution.shares is not None:
        return jax.vmap(of_agents)(replace(solution, shares=None))
    spec = solution.specification
    found = _named("value", solution.value)
    if spec.chooses and spec.taste is not None:
        choice = solution.choice
        if choice.shape[-1] <= SEVERAL:
            found |= {f"probability of action {k}": choice[..., k] for k in range(choice.shape[-1])}
        else:
            found["mean action"] = choice @ jnp.arange(choice.shape[-1], dtype=float)
            found["probability of the likeliest action"] = choice.max(axis=-1)
    elif solution.policy is not None:
        found |= _named("policy", solution.policy)
    if solution.distribution is not None:
        found["distribution"] = solution.distribution
    return {name: jnp.asarray(x, float) for name, x in found.items()}


def _named(name: str, tree: Any) -> dict[str, Array]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {name + jax.tree_util.keystr(path): x for path, x in leaves if jnp.ndim(x) and jnp.size(x) > 1}
