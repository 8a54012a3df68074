"""The steady state that a model states in closed form."""

import jax.numpy as jnp

from estim.model import Model
from estim.typing import Array


def solve_steady_state(model: Model, params) -> Array:
    """The model's variables at rest, ``[n_variables]``, in the order of ``model.variables``."""
    return jnp.stack([jnp.asarray(x, float) for x in model.steady_state(params)])
