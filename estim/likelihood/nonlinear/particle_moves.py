"""How particles move through a period, and what weight the observations give them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.likelihood.nonlinear.measurement_errors import ErrorDensity
from estim.numerics import many_normals
from estim.typing import Array, Key

Move = Callable[[Any, Any, Array, ErrorDensity, Array, Key], tuple[Any, Array]]
"""(solution, states, y, density of the errors, root of the shocks' covariance, key) -> states a period later, and the
log-weight of each, ``[num_particles]``."""


def observed_logdensity(observed: Array, y: Array, error: ErrorDensity) -> Array:
    """ln N(y - observed; 0, H) of the numbers that are seen, for each column of ``observed`` ``[n_obs, n]``.

    -inf where a state is not finite.
    """
    white = error.whiten @ jnp.where(jnp.isnan(y)[:, None], 0.0, y[:, None] - observed)
    logdensity = error.constant - 0.5 * (white * white).sum(axis=0)
    return jnp.where(jnp.isnan(logdensity), -jnp.inf, logdensity)


def move_blindly(
    solution: Any, states: Any, y: Array, error: ErrorDensity, root: Array, key: Key
) -> tuple[Any, Array]:
    """By the model's own shocks; the weight is the density of the errors (Gordon, Salmond and Smith 1993)."""
    num = len(jax.tree.leaves(states)[0])
    shocks = root @ many_normals(key, (root.shape[1], num))
    states = jax.vmap(solution.step, (0, 1))(states, shocks)
    return states, observed_logdensity(jax.vmap(solution.observe, out_axes=1)(states), y, error)


def move_towards_the_data(
    solution: Any, states: Any, y: Array, error: ErrorDensity, root: Array, key: Key
) -> tuple[Any, Array]:
    """By shocks from their distribution given what is observed, where that is linear in them, as it is nearly.

    With white shocks u, e = R u, and the observables linearised at none, y = g + J R u + errors, u given y is normal:

        u ~ N(M^-1 A' r, M^-1),    M = I + A'A,    A = W J R,    r = W (y - g),    W'W = H^-1

    The weight is the density of the errors times p(u) / q(u), so that the estimate is without bias whatever the
    measurement is; where it is linear in the shocks given the state, all weights of a state are equal.
    """
    num, e = len(jax.tree.leaves(states)[0]), root.shape[1]
    noise = many_normals(key, (e, num))

    def aim(state: Any, xi: Array) -> tuple[Array, Array]:
        """A draw u, and ln p(u) / q(u)."""
        show = lambda u: solution.observe(solution.step(state, root @ u))
        at_rest = show(jnp.zeros(e))
        A = error.whiten @ jax.jacfwd(show)(jnp.zeros(e))
        r = error.whiten @ jnp.where(jnp.isnan(y), 0.0, y - at_rest)
        A = jnp.where(
            jnp.isfinite(A), A, 0.0
        )  # a state that has left the finite numbers gets its weight below
        r = jnp.where(jnp.isfinite(r), r, 0.0)
        L = jnp.linalg.cholesky(jnp.eye(e) + A.T @ A)
        u = jsl.cho_solve((L, True), A.T @ r) + jsl.solve_triangular(L, xi, lower=True, trans=1)
        return u, 0.5 * (xi @ xi - u @ u) - jnp.log(jnp.diagonal(L)).sum()

    draws, ratio = jax.vmap(aim, (0, 1), (1, 0))(states, noise)
    states = jax.vmap(solution.step, (0, 1))(states, root @ draws)
    observed = jax.vmap(solution.observe, out_axes=1)(states)
    return states, observed_logdensity(observed, y, error) + ratio


MOVES: dict[str, Move] = {"bootstrap": move_blindly, "conditionally_optimal": move_towards_the_data}
