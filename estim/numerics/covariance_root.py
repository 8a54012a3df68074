"""A root of a covariance that may be singular."""

from functools import partial

import jax
import jax.numpy as jnp

from estim.typing import Array

_ROUNDING = 1e-15


def covariance_root(cov: Array, tolerance: float = _ROUNDING) -> Array:
    """S with S S' = ``cov`` ``[n, n]``, which may be singular; NaN where it is not a covariance.

    Its derivatives, of any order, are those of changes that keep the rank.

    Args:
        cov: symmetric.
        tolerance: an eigenvalue of the correlations counts as zero below n times this share of the largest. By
            default what rounding leaves of a matrix that is known as it stands.
    """
    return _root(tolerance, cov)[0]


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _root(tolerance: float, cov: Array) -> tuple[Array, Array]:
    """S, and L with L' S = I but for the columns of S that are zero."""
    sizes = jnp.sqrt(jnp.abs(jnp.diagonal(cov)))  # small beside its own variance is zero, in whatever units
    sizes = jnp.where(sizes > 0, sizes, 1.0)
    values, vectors = jnp.linalg.eigh(cov / jnp.outer(sizes, sizes))
    floor = tolerance * cov.shape[0] * jnp.max(jnp.abs(values))
    root = jnp.sqrt(jnp.where(values > floor, values, jnp.where(values < -floor, jnp.nan, 0.0)))
    inverse = jnp.where(values > floor, 1 / jnp.where(values > floor, root, 1.0), 0.0)
    return sizes[:, None] * vectors * root[None, :], vectors / sizes[:, None] * inverse[None, :]


@_root.defjvp
def _root_jvp(
    tolerance: float, primals: tuple[Array], tangents: tuple[Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """With the projector S L' = P on the range, dS = (I - P / 2) dC L gives

        dS S' + S dS' = dC - (I - P) dC (I - P)',

    and the last term is zero where the rank stays as it is. No eigenvalue is differentiated: equal ones, zeros among
    them, have no derivatives of their own.
    """
    root, inverse_transposed = _root(tolerance, *primals)
    change = tangents[0] @ inverse_transposed
    root_dot = change - 0.5 * root @ (inverse_transposed.T @ change)
    return (root, inverse_transposed), (root_dot, -inverse_transposed @ (root_dot.T @ inverse_transposed))
