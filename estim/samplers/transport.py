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


def straight(dim: int, leading: int | None = None) -> TransportMap:
    """The identity: w = z. The map that is learnt from there bends by the `leading` coordinates, all where None."""
    m = dim if leading is None else leading
    return TransportMap(np.zeros(dim), np.zeros((dim, m)), np.zeros((dim, m, m)))


def to_position(tuning: Tuning, z: Array) -> tuple[Position, Scalar]:
    """The position x ``[dim]`` at coordinates z, and ln |dx/dz| but for the constant ln |L|."""
    mean, scale_tril = jnp.asarray(tuning.mean), jnp.asarray(tuning.scale_tril)
    if tuning.transport is None:
        return mean + scale_tril @ z, jnp.zeros(())
    w, logdet = _bend(tuning.transport, z)
    return mean + scale_tril @ w, logdet


def _bend(transport: TransportMap, z: Array) -> tuple[Array, Scalar]:
    """w and ln |dw/dz|."""
    skew, log_scale, shift = transport
    h, angle = _bounded(z[: log_scale.shape[1]]), jnp.arcsinh(z) + skew
    exponent = log_scale @ h
    bent = _quadratic(shift, h) - jnp.trace(shift, axis1=1, axis2=2)
    w = (jnp.sinh(angle) - _LEVEL * skew) * jnp.exp(exponent) + bent
    return w, jnp.sum(exponent + jnp.log(jnp.cosh(angle)) - 0.5 * jnp.log1p(z**2))


@jax.custom_jvp
def _quadratic(shift: Array, h: Array) -> Array:
    """h'B_i h for each symmetric B_i of ``shift`` ``[dim, dim, dim]``."""
    return shift @ h @ h


def _quadratic_jvp(primals, tangents):
    """2 (B h)'dh + h'dB h: with B h multiplied once, where the derivative of a product would do so twice."""
    (shift, h), (d_shift, d_h) = primals, tangents
    curve, moved = shift @ h, jnp.zeros(len(shift), h.dtype)
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
        h = _bounded(z[: log_scale.size])
        skewed = (w_i - h @ shift @ h + jnp.trace(shift)) * jnp.exp(-log_scale @ h)
        return z.at[i].set(jnp.sinh(jnp.arcsinh(skewed + _LEVEL * skew) - skew)), None

    return jax.lax.scan(next_row, jnp.zeros_like(w), (jnp.arange(len(w)), w, tuning.transport))[0]


def follow(tuning: Tuning, z: Array) -> tuple[Position, Callable[[Scalar, Array], tuple[Scalar, Array]]]:
    """The position at z, and the function from the log-density of x there and its gradient to those of z."""
    (position, logdet), pull = jax.vjp(partial(to_position, tuning), z)
    return position, lambda logdensity, gradient: (logdensity + logdet, pull((gradient, jnp.ones(())))[0])


def gradient_at_position(tuning: Tuning, z: Array, gradient: Array) -> Array:
    """From the gradient of the log-density of z, that of the log-density of x at its position."""
    v = gradient if tuning.transport is None else _unbend(tuning.transport, z, gradient)
    return solve_triangular(jnp.asarray(tuning.scale_tril), v, trans=1, lower=True)


def _unbend(transport: TransportMap, z: Array, gradient: Array) -> Array:
    """The gradient by w: v of (dw/dz)' v = gradient - that of the log-determinant.

    Behind the m leading coordinates each w_i has one of its own: these rows of dw/dz are [C, diagonal].
    """
    m, (_, pull) = transport.log_scale.shape[1], jax.vjp(partial(_bend, transport), z)
    right = gradient - pull((jnp.zeros_like(z), jnp.ones(())))[0]
    behind = (jnp.arange(z.size) >= m).astype(z.dtype)
    diagonal = jax.jvp(lambda z: _bend(transport, z)[0], (z,), (behind,))[1][m:]
    last = right[m:] / diagonal
    left = right[:m] - pull((jnp.concatenate([jnp.zeros(m), last]), jnp.zeros(())))[0][:m]
    leading = jax.jacfwd(lambda head: _bend(transport, jnp.concatenate([head, z[m:]]))[0][:m])(z[:m])
    return jnp.concatenate([solve_triangular(leading, left, trans=1, lower=True), last])


def learn_transport_map(w: np.ndarray, gradients: np.ndarray, leading: int | None = None) -> TransportMap:
    """The map that makes gradients linear, from points w and the gradients of their log-density there, ``[n, dim]``.

    To first order in the map z + t(z), w has the density of a standard normal times exp(c) if
    z't - div t = c, and the gradients tell of c: gradient + w = grad c. A cubic c with coefficients T_ijk / 3
    of the Hermite polynomials of w is fitted to them, coordinate by coordinate, by least squares (where a
    gradient that is far from -w counts little, as under Cauchy errors), made symmetric in i, j, k, and given to
    the last of the three coordinates: z_i z_j z_k becomes a shift of z_i along z_j z_k, z_i^2 z_j a scale of
    z_i, z_i^3 its skew. Every point gives `dim` equations, so that a few hundred suffice; of fewer, a ridge
    makes a map that is nearly straight. What falls is the Fisher divergence from the standard
    normal, by which Seyboldt, Carlson and Carpenter (2026) choose metrics and flows.

    Where there are many coordinates, as of the shocks behind parameters, those behind the `leading` ones shift and
    scale by these alone: of c only the terms z_i z_j z_k, z_i^2 z_j and z_i^3 with j and k among these are there.
    """
    num_points, dim = w.shape
    m = dim if leading is None else leading
    i, j = np.triu_indices(m)
    h = _bounded(w)
    pairs = np.concatenate([h[:, i] * h[:, j] - (i == j), h[:, m:] ** 2 - 1.0], axis=1)
    features = np.concatenate([np.ones((num_points, 1)), h, pairs], axis=1)
    crooked = gradients + w
    weighted = features / (1.0 + np.mean(crooked**2, axis=1, keepdims=True))
    ridge = 0.3 * pairs.shape[1] * np.eye(features.shape[1])
    coefficients = np.linalg.solve(weighted.T @ features + ridge, weighted.T @ crooked)
    by_pair, by_square = np.split(coefficients[1 + dim :], [len(i)])
    T = np.zeros((dim, m, m))
    T[:, i, j] = T[:, j, i] = (by_pair * np.where(i == j, 1.0, 0.5)[:, None]).T
    head = T[:m]
    T[:m] = (head + head.transpose(1, 0, 2) + head.transpose(2, 1, 0)) / 3
    k, before = np.arange(m), np.tri(dim, m, k=-1)
    skew = np.concatenate([T[k, k, k], np.diagonal(by_square[:, m:])])
    log_scale = np.concatenate([before[:m] * T[k, k, :], by_square[:, :m]])
    return TransportMap(skew / _CURVE, log_scale, before[:, :, None] * before[:, None, :] * T)


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
