"""A transport map: coordinates in which a bent posterior is nearly a standard normal.

A kernel that moves by gradients moves in coordinates z, of which the position is

    x = mean + L w,   w_i = s_i(z_i) exp(a_i'h) + h'B_i h - tr B_i,   h_j = z_j / sqrt(1 + (z_j / 4)^2),

with s_i(z) = sinh(asinh(z) + e_i) less its mean. The row a_i and the matrix B_i have entries for j, k < i alone, so
that dx/dz is triangular and z follows from x one row after another. Whatever the coefficients are, this is a
bijection, and sampling in z is exact; h is bounded, so that in the tails the map bends no more than in the bulk.

Sources: Parno and Marzouk (2018), SIAM/ASA Journal on Uncertainty Quantification 6, who learn triangular maps while a
chain runs, from its draws; Jones and Pewsey (2009), Biometrika 96, for s.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.scipy.linalg import solve_triangular

from estim.samplers.base import TransportMap, Tuning
from estim.typing import Array, Position, Scalar

_BULK = 4.0
_MOST_BENT = 60


def straight(dim: int) -> TransportMap | None:
    """The identity: w = z. None where there are so many dimensions that no map is learnt: it has dim^3 / 6 numbers."""
    if dim > _MOST_BENT:
        return None
    return TransportMap(np.zeros(dim), np.zeros((dim, dim)), np.zeros((dim, dim, dim)))


def to_position(tuning: Tuning, z: Array) -> tuple[Position, Scalar]:
    """The position x ``[dim]`` at coordinates z, and ln |dx/dz| but for the constant ln |L|."""
    mean, scale_tril = jnp.asarray(tuning.mean), jnp.asarray(tuning.scale_tril)
    if tuning.transport is None:
        return mean + scale_tril @ z, jnp.zeros(())
    skew, log_scale, shift = tuning.transport
    h, angle = _bounded(z), jnp.arcsinh(z) + skew
    exponent = log_scale @ h
    bent = _quadratic(shift, h) - jnp.trace(shift, axis1=1, axis2=2)
    w = (jnp.sinh(angle) - _LEVEL * skew) * jnp.exp(exponent) + bent
    logdet = jnp.sum(exponent + jnp.log(jnp.cosh(angle)) - 0.5 * jnp.log1p(z**2))
    return mean + scale_tril @ w, logdet


@jax.custom_jvp
def _quadratic(shift: Array, h: Array) -> Array:
    """h'B_i h for each symmetric B_i of ``shift`` ``[dim, dim, dim]``."""
    return shift @ h @ h


def _quadratic_jvp(primals, tangents):
    """2 (B h)'dh + h'dB h: with B h multiplied once, where the derivative of a product would do so twice."""
    (shift, h), (d_shift, d_h) = primals, tangents
    curve, moved = shift @ h, jnp.zeros_like(h)
    if not isinstance(d_h, SymbolicZero):
        moved += 2.0 * curve @ d_h
    if not isinstance(d_shift, SymbolicZero):
        moved += d_shift @ h @ h
    return curve @ h, moved


_quadratic.defjvp(_quadratic_jvp, symbolic_zeros=True)


def to_coordinates(tuning: Tuning, position: Position) -> Array:
    """The coordinates z ``[dim]`` of a position."""
    w = solve_triangular(tuning.scale_tril, position - tuning.mean, lower=True)
    if tuning.transport is None:
        return w

    def next_row(z: Array, row: tuple[Array, Array, TransportMap]) -> tuple[Array, None]:
        i, w_i, (skew, log_scale, shift) = row
        h = _bounded(z)
        skewed = (w_i - h @ shift @ h + jnp.trace(shift)) * jnp.exp(-log_scale @ h)
        return z.at[i].set(jnp.sinh(jnp.arcsinh(skewed + _LEVEL * skew) - skew)), None

    return jax.lax.scan(next_row, jnp.zeros_like(w), (jnp.arange(len(w)), w, tuning.transport))[0]


def follow(tuning: Tuning, z: Array) -> tuple[Position, Callable[[Scalar, Array], tuple[Scalar, Array]]]:
    """The position at z, and the function from the log-density of x there and its gradient to those of z."""
    (position, logdet), pull = jax.vjp(partial(to_position, tuning), z)
    return position, lambda logdensity, gradient: (logdensity + logdet, pull((gradient, jnp.ones(())))[0])


def gradient_at_position(tuning: Tuning, z: Array, gradient: Array) -> Array:
    """From the gradient of the log-density of z, that of the log-density of x at its position."""
    if tuning.transport is None:
        return solve_triangular(jnp.asarray(tuning.scale_tril), gradient, trans=1, lower=True)
    jacobian, logdet_gradient = jax.jacrev(partial(to_position, tuning))(z)
    return solve_triangular(jacobian, gradient - logdet_gradient, trans=1, lower=True)


def learn_transport_map(w: np.ndarray, gradients: np.ndarray) -> TransportMap:
    """The map that makes gradients linear, from points w and the gradients of their log-density there, ``[n, dim]``.

    To first order in the map z + t(z), w has the density of a standard normal times exp(c) if
    z't - div t = c, and the gradients tell of c: gradient + w = grad c. A cubic c with coefficients T_ijk / 3
    of the Hermite polynomials of w is fitted to them, coordinate by coordinate, by least squares (where a
    gradient that is far from -w counts little, as under Cauchy errors), made symmetric in i, j, k, and given to
    the last of the three coordinates: z_i z_j z_k becomes a shift of z_i along z_j z_k, z_i^2 z_j a scale of
    z_i, z_i^3 its skew. Every point gives `dim` equations, so that a few hundred suffice; of fewer, a ridge
    makes a map that is nearly straight. What falls is the Fisher divergence from the standard
    normal, by which Seyboldt, Carlson and Carpenter (2026) choose metrics and flows.
    """
    num_points, dim = w.shape
    i, j = np.triu_indices(dim)
    h = _bounded(w)
    pairs = h[:, i] * h[:, j] - (i == j)
    features = np.concatenate([np.ones((num_points, 1)), h, pairs], axis=1)
    crooked = gradients + w
    weighted = features / (1.0 + np.mean(crooked**2, axis=1, keepdims=True))
    ridge = 0.3 * pairs.shape[1] * np.eye(features.shape[1])
    coefficients = np.linalg.solve(weighted.T @ features + ridge, weighted.T @ crooked)
    by_pair = coefficients[1 + dim :] * np.where(i == j, 1.0, 0.5)[:, None]
    T = np.zeros((dim, dim, dim))
    T[:, i, j] = T[:, j, i] = by_pair.T
    T = (T + T.transpose(1, 0, 2) + T.transpose(2, 1, 0)) / 3
    k = np.arange(dim)
    before = np.tri(dim, k=-1)
    return TransportMap(T[k, k, k] / _CURVE, before * T[k, k, :], before[:, :, None] * before[:, None, :] * T)


def _bounded[Values: (Array, np.ndarray)](z: Values) -> Values:
    return z * (1.0 + (z / _BULK) ** 2) ** -0.5


def _skewing() -> tuple[float, float]:
    """Of t = ds/de at e = 0: its mean, and by least squares the slope of grad c along h^2, where c = z t - t'."""
    z, weights = np.polynomial.hermite_e.hermegauss(80)
    root, h2 = np.sqrt(1 + z**2), _bounded(z) ** 2
    weights, level = weights / weights.sum(), weights @ root / weights.sum()
    slopes = (root - level) + z**2 / root - root**-3
    centred = weights * (h2 - weights @ h2)
    return float(level), float(centred @ slopes / (centred @ h2))


_LEVEL, _CURVE = _skewing()
