"""Array and key aliases shared by the whole package."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import jax

from estim.arguments import Condition

Array = jax.Array
"""Any JAX array; docstrings give its shape in brackets, e.g. ``[n_obs, n_states]``."""

Scalar = jax.Array
"""A JAX array of shape ``[]``."""


def _is_key(value: Any) -> bool:
    """A typed key, or the two 32-bit numbers of an old one."""
    if not hasattr(value, "dtype"):
        return False
    return jax.numpy.issubdtype(value.dtype, jax.dtypes.prng_key) or (
        value.dtype == "uint32" and value.shape == (2,)
    )


Key = Annotated[jax.Array, Condition("a random key such as jax.random.key(0)", _is_key, says_all=True)]
"""A JAX random key."""

Position = jax.Array
"""A point in unconstrained space, shape ``[dim]``."""

ParamValues = Mapping[str, Any]
"""Parameter values by name, in the model's own units."""

LogDensity = Callable[[Position], Scalar]
"""A log-density of an unconstrained position."""
