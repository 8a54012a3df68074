"""The directions in which a transition has unit roots, whatever the coordinates, with their derivative."""

import math

import jax
import jax.numpy as jnp

from estim.numerics import solve_sylvester
from estim.representations.linear import StateSpace
from estim.typing import Array, Scalar

UNIT_ROOT = 1 - 1e-6
"""A root of at least this modulus is a unit root."""

_MAX_STEPS = 60
_TOLERANCE = 1e-8  # of a step; convergence is quadratic
_CORRECTIONS = 2
_BALANCING = 40
_NEGLIGIBLE = 1e-6  # the square of an entry of T that needs no balancing


@jax.custom_jvp
def unit_root_projector(T: Array) -> Array:
    """Orthogonal projector U ``[n, n]`` on the space in which T ``[n, n]`` has its unit roots.

    A Cayley transform maps a circle that parts the roots to the imaginary axis, and Newton's iteration for the
    matrix sign (Roberts 1980) gives the spectral projector E: E (E + E' - I)^-1 is the orthogonal one with the
    same range. Newton's steps for the invariant subspace (Stewart 1973) then restore the digits that repeated
    roots cost. The derivative is that of such a subspace: with V = I - U and V T U = 0,

        dU = Y + Y',    Y (U T U) - (V T V) Y = V dT U,

    a Sylvester equation.
    """
    identity = jnp.eye(T.shape[0])
    units = _balance(T**2, _NEGLIGIBLE, _NEGLIGIBLE)
    E = _beyond(T * units[None, :] / units[:, None], _circle(T))
    E = E * units[:, None] / units[None, :]
    U = E @ jnp.linalg.inv(E + E.T - identity)
    for _ in range(_CORRECTIONS):
        U = 0.5 * (U + U.T)
        U = U @ U @ (3 * identity - 2 * U)
        Y = _tilt(T, U, T)
        U = (U + Y) @ jnp.linalg.solve(identity + Y.T @ Y, (U + Y).T)
    return U


@unit_root_projector.defjvp
def _unit_root_projector_jvp(primals, tangents):
    (T,), (dT,) = primals, tangents
    U = unit_root_projector(T)
    Y = _tilt(T, U, dT)
    return U, Y + Y.T


def spectral_projector(T: Array) -> Array:
    """Projector E ``[n, n]`` on the space in which T ``[n, n]`` has its unit roots, along that of the others.

    E = U + X with X = U X V and T E = E T, that is (U T U) X - X (V T V) = U T V, a Sylvester equation.
    """
    U = unit_root_projector(T)
    V = jnp.eye(T.shape[0]) - U
    backward = U @ jnp.linalg.inv(U @ T @ U + V)
    return U + solve_sylvester(backward, V @ T @ V, backward @ T @ V)[0]


def _tilt(T: Array, U: Array, disturbance: Array) -> Array:
    """Y of dU = Y + Y' for a ``disturbance`` dT, with Y = V Y U."""
    V = jnp.eye(T.shape[0]) - U
    backward = U @ jnp.linalg.inv(U @ T @ U + V)  # the inverse of T on the space, whose roots are one
    return solve_sylvester(V @ T @ V, backward, V @ disturbance @ backward)[0]


def _circle(T: Array) -> Scalar:
    """The radius halfway between the unit roots of T and the others.

    Rounding moves a root at one that comes m times by some eps^(1/m), a triple one by 1e-5, but not the product
    of the m. So the m largest are unit roots if their product is one, as they are if each is.
    """
    moduli = jnp.sort(jnp.abs(jnp.linalg.eigvals(T)), descending=True)
    together = jnp.cumsum(jnp.log(jnp.maximum(moduli, 1e-300))) >= math.log(UNIT_ROOT)
    count = jnp.max(jnp.where(together | (moduli >= UNIT_ROOT), jnp.arange(1, T.shape[0] + 1), 0), initial=0)
    padded = jnp.concatenate([jnp.ones(1), moduli, jnp.zeros(1)])
    return 0.5 * (jnp.minimum(padded[count], 1.0) + padded[count + 1])


def _beyond(T: Array, radius: Scalar) -> Array:
    """The spectral projector on the space of the roots beyond a radius."""
    identity = jnp.eye(T.shape[0])

    def unfinished(carry):
        step, sign, change = carry
        return (step < _MAX_STEPS) & (change > _TOLERANCE * _size(sign))

    def newton(carry):
        step, sign, _ = carry
        inverse = jnp.linalg.inv(sign)
        scale = jnp.sqrt(_size(inverse) / _size(sign))
        following = 0.5 * (scale * sign + inverse / scale)
        return step + 1, following, _size(following - sign)

    sign = jnp.linalg.solve(T - radius * identity, T + radius * identity)
    sign = jax.lax.while_loop(unfinished, newton, (0, sign, jnp.array(jnp.inf)))[1]
    return 0.5 * (identity + sign)


def _size(matrix: Array) -> Scalar:
    """The largest absolute column sum."""
    return jnp.abs(matrix).sum(axis=0).max(initial=0.0)


def balancing(state_space: StateSpace) -> Array:
    """Units ``[n_states]`` of the states in which the rows of [T, R Q^1/2] are of the size of the columns of [T; Z].

    In such units rounding errors do not depend on those that the state came in.
    """
    T, R, Q, Z, *_ = state_space
    return _balance(T**2, jnp.diagonal(R @ Q @ R.T), (Z**2).sum(axis=0))


def _balance(squares: Array, into: Array | float, out_of: Array | float) -> Array:
    """Units in which the rows of a matrix, given its squares, and what is ``into`` each are of its columns' size.

    Osborne's iteration (1960), damped since all units move at once.
    """
    squares = jnp.where(jnp.eye(squares.shape[0], dtype=bool), 0.0, squares)

    def move(_, units):
        rows = (squares @ units**2 + into) / units**2
        columns = (squares.T @ units**-2 + out_of) * units**2
        ratio = jnp.where((rows > 0) & (columns > 0), rows / columns, 1.0)
        return units * ratio**0.125

    return jax.lax.fori_loop(0, _BALANCING, move, jnp.ones(squares.shape[0]))


def in_units(state_space: StateSpace, units: Array) -> StateSpace:
    """The same state space with each state measured in its unit."""
    return state_space._replace(
        transition=state_space.transition * units[None, :] / units[:, None],
        selection=state_space.selection / units[:, None],
        design=state_space.design * units[None, :],
    )
