"""The directions in which a transition has unit roots, whatever the coordinates, with their derivative."""

import math

import jax
import jax.numpy as jnp

from estim.linalg import solve_sylvester
from estim.solution.representations import StateSpace
from estim.typing import Array, Scalar

UNIT_ROOT = 1 - 1e-6
"""A root of at least this modulus is a unit root."""

_RADII = (1 - 7e-4, 1 - 7e-5, 1 - 7e-6, UNIT_ROOT)
_MAX_STEPS = 60
_TOLERANCE = 1e-8  # of a step; convergence is quadratic
_MAX_BALANCING = 40


@jax.custom_jvp
def unit_root_projector(T: Array) -> Array:
    """Orthogonal projector U ``[n, n]`` on the space in which T ``[n, n]`` has its unit roots.

    Rounding moves a root at one that comes m times by some eps^(1/m), a triple one by 1e-5, but not their
    product. So the circle that parts the roots is the smallest of a few outside of which the product of
    the roots has modulus one; a stationary root close to one, which would spoil it, falls to the next.

    The derivative is that of an invariant subspace: with V = I - U and V T U = 0,

        dU = Y + Y',    Y (U T U) - (V T V) Y = V dT U,

    a Sylvester equation.
    """

    def unsettled(carry):
        circle, _, settled = carry
        return (circle < len(_RADII)) & ~settled

    def part(carry):
        circle, _, _ = carry
        U = _beyond(T, jnp.asarray(_RADII)[circle])
        _, logdet = jnp.linalg.slogdet(U @ T @ U + jnp.eye(T.shape[0]) - U)
        return circle + 1, U, logdet >= math.log(UNIT_ROOT)

    return jax.lax.while_loop(unsettled, part, (0, jnp.zeros_like(T), jnp.array(False)))[1]


@unit_root_projector.defjvp
def _unit_root_projector_jvp(primals, tangents):
    (T,), (dT,) = primals, tangents
    U = unit_root_projector(T)
    V = jnp.eye(T.shape[0]) - U
    backward = U @ jnp.linalg.inv(U @ T @ U + V)
    Y, _ = solve_sylvester(V @ T @ V, backward, V @ dT @ backward)
    return U, Y + Y.T


def _beyond(T: Array, radius: Scalar) -> Array:
    """The orthogonal projector on the space of the roots beyond a radius.

    A Cayley transform maps the circle to the imaginary axis; Newton's iteration for the matrix sign (Roberts
    1980) then gives the spectral projector E, and E (E + E' - I)^-1 is the orthogonal one with its range.
    """
    identity = jnp.eye(T.shape[0])
    sign = jnp.linalg.solve(T - radius * identity, T + radius * identity)

    def unfinished(carry):
        step, sign, change = carry
        return (step < _MAX_STEPS) & (change > _TOLERANCE * _size(sign))

    def newton(carry):
        step, sign, _ = carry
        inverse = jnp.linalg.inv(sign)
        scale = jnp.sqrt(_size(inverse) / _size(sign))
        following = 0.5 * (scale * sign + inverse / scale)
        return step + 1, following, _size(following - sign)

    sign = jax.lax.while_loop(unfinished, newton, (0, sign, jnp.array(jnp.inf)))[1]
    spectral = 0.5 * (identity + sign)
    U = spectral @ jnp.linalg.inv(spectral + spectral.T - identity)
    U = 0.5 * (U + U.T)
    return U @ U @ (3 * identity - 2 * U)  # Newton's step for U U = U


def _size(matrix: Array) -> Scalar:
    """The largest absolute column sum."""
    return jnp.abs(matrix).sum(axis=0).max(initial=0.0)


def balancing(state_space: StateSpace) -> Array:
    """Units ``[n_states]`` of the states in which the rows of [T, R Q^1/2] are of the size of the columns of [T; Z].

    Osborne's iteration, damped since all units move at once. In such units rounding errors do not
    depend on those that the state came in.
    """
    T, R, Q, Z, *_ = state_space
    shocks, read = jnp.diagonal(R @ Q @ R.T), (Z**2).sum(axis=0)
    squares = jnp.where(jnp.eye(T.shape[0], dtype=bool), 0.0, T**2)

    def move(_, units):
        rows = (squares @ units**2 + shocks) / units**2
        columns = (squares.T @ units**-2 + read) * units**2
        ratio = jnp.where((rows > 0) & (columns > 0), rows / columns, 1.0)
        return units * ratio**0.125

    return jax.lax.fori_loop(0, _MAX_BALANCING, move, jnp.ones(T.shape[0]))


def in_units(state_space: StateSpace, units: Array) -> StateSpace:
    """The same state space with each state measured in its unit."""
    return state_space._replace(
        transition=state_space.transition * units[None, :] / units[:, None],
        selection=state_space.selection / units[:, None],
        design=state_space.design * units[None, :],
    )
