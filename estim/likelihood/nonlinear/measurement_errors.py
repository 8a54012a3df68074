"""The density of additive normal measurement errors, where some numbers are missing."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.arguments import ArgumentError
from estim.likelihood.singularity import SMALLEST_SHARE
from estim.typing import Array, Scalar


class ErrorDensity(NamedTuple):
    """Of the numbers seen in a period: ln N(v; 0, H) = -|whiten v|^2 / 2 + constant.

    ``whiten`` ``[n_obs, n_obs]``; leading axis ``[n_periods]`` where there are several.
    """

    whiten: Array
    constant: Scalar


def error_densities(obs_cov: Array, observations: Array) -> tuple[ErrorDensity, Scalar]:
    """The density of the errors of what is seen in each period, and whether they have one in all of them."""

    def one(y: Array) -> tuple[ErrorDensity, Scalar]:
        seen = ~jnp.isnan(y)
        both = seen[:, None] & seen[None, :]
        H = jnp.where(both, obs_cov, jnp.diag(jnp.where(seen, 0.0, 1.0)))
        L = jnp.linalg.cholesky(H)
        pivots = jnp.diagonal(L)
        regular = (pivots * pivots > SMALLEST_SHARE * jnp.diagonal(H)).all()
        whiten = jsl.solve_triangular(L, jnp.eye(len(y)), lower=True)
        constant = -jnp.log(pivots).sum() - 0.5 * seen.sum() * jnp.log(2 * jnp.pi)
        return ErrorDensity(whiten, constant), regular

    errors, regular = jax.vmap(one)(observations)
    return errors, regular.all()


def require_errors(spec: Any, likelihood: str) -> None:
    """
    Raises:
        ArgumentError: the specification has no measurement errors, or they are not added.
    """
    if spec.measurement_error is None and getattr(spec, "adds_errors", True):
        raise ArgumentError(
            f"likelihood {likelihood} reads the density of measurement errors, and {spec.name} has none: give it a "
            "measurement_error, or take likelihood='inversion', which needs none"
        )
