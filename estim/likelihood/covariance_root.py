"""A root of a covariance that may be singular."""

import jax
import jax.numpy as jnp

from estim.typing import Array

_ROUNDING = 1e-15


@jax.custom_jvp
def covariance_root(cov: Array) -> Array:
    """S with S S' = ``cov`` ``[n, n]``, which may be singular; NaN where it is not a covariance."""
    return _root(cov)[0]


def _root(cov: Array) -> tuple[Array, Array]:
    sizes = jnp.sqrt(jnp.abs(jnp.diagonal(cov)))  # small beside its own variance is zero, in whatever units
    sizes = jnp.where(sizes > 0, sizes, 1.0)
    values, vectors = jnp.linalg.eigh(cov / jnp.outer(sizes, sizes))
    floor = _ROUNDING * cov.shape[0] * jnp.max(jnp.abs(values))
    root = jnp.sqrt(jnp.where(values > floor, values, jnp.where(values < -floor, jnp.nan, 0.0)))
    inverse = jnp.where(values > floor, 1 / jnp.where(values > floor, root, 1.0), 0.0)
    return sizes[:, None] * vectors * root[None, :], vectors / sizes[:, None] * inverse[None, :]


@covariance_root.defjvp
def _covariance_root_jvp(primals, tangents):
    root, inverse_transposed = _root(*primals)
    return root, 0.5 * tangents[0] @ inverse_transposed
