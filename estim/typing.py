"""Array and key aliases shared by the whole package."""

from collections.abc import Callable, Mapping
from typing import Any

import jax

Array = jax.Array
"""Any JAX array; docstrings give its shape in brackets, e.g. ``[n_obs, n_states]``."""

Scalar = jax.Array
"""A JAX array of shape ``[]``."""

Key = jax.Array
"""A JAX random key."""

Position = jax.Array
"""A point in unconstrained space, shape ``[dim]``."""

ParamValues = Mapping[str, Any]
"""Parameter values by name, in the model's own units."""

LogDensity = Callable[[Position], Scalar]
"""A log-density of an unconstrained position."""
