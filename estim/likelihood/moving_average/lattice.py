"""The lattice filter of a stationary series, and its gradient.

Without missing observations the prediction errors of all dates are built up
together, one lag at a time, by a lattice filter: order m's errors of predicting y_t from the m
observations before it (forward) and y_{t-m} from the m after it (backward) give order m+1's,

    f_{m+1}(t) = f_m(t) - K_f b_m(t-1),      b_{m+1}(t) = b_m(t-1) - K_b f_m(t),

and their covariances with the past obey the same recursion (Schur's algorithm, multivariate:
Whittle 1963, Wiggins and Robinson 1965). Each order costs O(n_periods n_obs^3), and once the
reflection coefficients K have died out all later orders are the same: the rest is not computed.
The whole costs (n_periods n_obs)^2 at the very most, against (n_periods n_obs)^3 for Cholesky's
factorisation, which serves where observations are missing.

The gradient needs no second pass: the filter's response to an impulse holds the coefficients of the last
predictors, and these give the inverse of the covariance (Gohberg and Heinig 1974).
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.fft import next_fast_len

from estim.typing import Array, Scalar

REFLECTION_TOLERANCE = 1e-11
_ORDERS_AT_ONCE = 12


@jax.custom_jvp
def normal_logdensity(covariances: Array, centred: Array) -> Scalar:
    """log p(y) of complete ``centred`` ``[T, n_obs]``."""
    found = _lattice(covariances, centred, centred.T[:, None])
    return jnp.sum(_normal_logpdf(found.errors, found.covariances))


@normal_logdensity.defjvp
def _normal_logdensity_jvp(
    primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Scalar, Scalar]:
    """d log p(y) = (1/2) tr (x x' - S^-1) dS - x' dy, with S the covariance of the sample and x = S^-1 y."""
    covariances, centred = primals
    n_periods, n_obs = centred.shape
    impulse = jnp.zeros((n_obs, n_obs, n_periods)).at[..., 0].set(jnp.eye(n_obs))
    found = _lattice(covariances, centred, jnp.concatenate([centred.T[:, None], impulse], axis=1))
    value = jnp.sum(_normal_logpdf(found.errors, found.covariances))
    solved, inverse_sums = _inverse(found, centred)
    row = solved.T[None]  # as one equation of n_obs columns
    product_sums = _correlate(row, jnp.ones((1, 1)), row, n_periods)
    slope = (product_sums - inverse_sums).at[0].multiply(0.5)  # Gamma_k, k > 0, is in S twice
    return value, jnp.vdot(slope, tangents[0]) - jnp.vdot(solved, tangents[1])


class _Lattice(NamedTuple):
    """What the lattice filter finds: the prediction ``errors`` ``[T, n_obs]`` of all dates and their ``covariances``
    ``[T, n_obs, n_obs]``; the ``forward`` and ``backward`` errors of the last order for all inputs but the first,
    ``[n_obs, n_inputs - 1, T]``, and the covariances of these two."""

    errors: Array
    covariances: Array
    forward: Array
    backward: Array
    cov_forward: Array
    cov_backward: Array


def _lattice(covariances: Array, centred: Array, inputs: Array) -> _Lattice:
    """The filter of ``inputs`` ``[n_obs, n_inputs, T]``, the first of which are the observations.

    Arrays carry time on their last axis: ``f``, ``b`` ``[n_obs, n_inputs + n_obs, T]`` hold, for each of the two
    prediction errors, its values at all dates and its covariances with the past. What leaves the sample at
    its end comes back at its beginning, at dates whose errors are final.
    """
    n_periods, n_obs = centred.shape
    n_inputs = inputs.shape[1]
    padding = -n_periods % _ORDERS_AT_ONCE
    gamma = covariances.transpose(1, 2, 0)  # [i, j, k]: Cov(f_i(t), y_j(t-k))
    both = jnp.concatenate([inputs, gamma], axis=1)
    orders = jnp.arange(n_periods + padding).reshape(-1, _ORDERS_AT_ONCE)
    date = jnp.arange(n_periods)

    def order(state, m):
        """Date m's prediction error is final at order m; then one lag more for the dates after it."""
        f, b, cov_f, cov_b, settled = state
        b = jnp.concatenate([b[..., -1:], b[..., :-1]], axis=2)  # b_m(t-1)
        final = _column(f, m)[:, 0], cov_f
        delta = _column(f, m + 1)[:, n_inputs:]  # Cov(f_m(t), b_m(t-1)) = Cov(f_m(t), y_{t-m-1})
        delta = jnp.where(m + 1 < n_periods, delta, 0.0)
        reflect_f = _solve_positive(cov_b, delta.T).T
        reflect_b = _solve_positive(cov_f, delta).T
        ahead = f - _combine(reflect_f, b)
        behind = b - _combine(reflect_b, f)
        cov_f, cov_b = cov_f - reflect_f @ delta.T, cov_b - reflect_b @ delta
        size = jnp.max(jnp.abs(reflect_f)) + jnp.max(jnp.abs(reflect_b))
        return (ahead, behind, cov_f, cov_b, jnp.maximum(settled, size)), final

    def chunk(state, orders):
        """A dozen orders; skipped when the dozen before found nothing left to predict."""
        *rest, size, _ = state

        def run():
            (*after, size), final = jax.lax.scan(order, (*rest, 0.0), orders)
            return (*after, size, orders[-1] + 1), final

        skip = lambda: (
            state,
            (jnp.zeros((_ORDERS_AT_ONCE, n_obs)), jnp.zeros((_ORDERS_AT_ONCE, n_obs, n_obs))),
        )
        return jax.lax.cond(size > REFLECTION_TOLERANCE, run, skip)

    start = (both, both, covariances[0], covariances[0], jnp.inf, 0)
    (f, b, cov_f, cov_b, _, done), (errors, covs) = jax.lax.scan(chunk, start, orders)
    settled = (date >= done)[:, None]
    errors = jnp.where(settled, f[:, 0].T, errors.reshape(-1, n_obs)[:n_periods])
    covs = jnp.where(settled[..., None], cov_f, covs.reshape(-1, n_obs, n_obs)[:n_periods])
    behind = b[:, 1:n_inputs, (done - date) % n_periods]  # from the date that is predicted on
    return _Lattice(errors, covs, f[:, 1:n_inputs], behind, cov_f, cov_b)


def _inverse(found: _Lattice, centred: Array) -> tuple[Array, Array]:
    """S^-1 y ``[T, n_obs]``, and the sums along the block diagonals of S^-1, ``[T, n_obs, n_obs]``.

    With A_j the coefficient of y_{t-j} in the forward error f(t) and B_j that of y_{s+j} in the backward error of
    predicting y_s, P and Q the errors' covariances (all of order T-1), and A_T = 0,

        (S^-1)_{st} = sum_{i = 0}^{min(s, t)} B_{s-i}' Q^-1 B_{t-i} - sum_{i < min(s, t)} A_{T-s+i}' P^-1 A_{T-t+i}.

    Source: Gohberg and Heinig (1974); for scalars Gohberg and Semencul (1972).
    """
    a, b = found.forward, found.backward
    p, q = jnp.linalg.inv(found.cov_forward), jnp.linalg.inv(found.cov_backward)
    n_periods = len(centred)
    date = jnp.arange(n_periods)[None, None]
    # Sum over t of (S^-1)_{t+k,t}: B_{j+k}' Q^-1 B_j occurs T-j-k times, A_j' P^-1 A_{j+k} j times.
    sums = _correlate((n_periods - date) * b, q, b, n_periods)
    sums -= _correlate(a, p, date * a, n_periods).swapaxes(1, 2)
    mirrored = jnp.concatenate([jnp.zeros_like(a[..., :1]), a[..., :0:-1]], axis=2)  # A_{T-j}
    y = centred.T[:, None]

    def both_ways(c: Array, weight: Array) -> Array:
        """sum_i C_{s-i}' W sum_t C_{t-i} y_t"""
        length = next_fast_len(2 * n_periods - 1, real=True)
        spectrum = jnp.fft.rfft(c, length)
        inner = jnp.einsum("ijw,jkw->ikw", spectrum.conj(), jnp.fft.rfft(y, length))
        inner = jnp.fft.rfft(jnp.fft.irfft(inner, length)[..., :n_periods], length)
        outer = jnp.einsum("jiw,jl,lkw->ikw", spectrum, weight + 0j, inner)
        return jnp.fft.irfft(outer, length)[:, 0, :n_periods].T

    return both_ways(b, q) - both_ways(mirrored, p), sums


def _correlate(x: Array, weight: Array, z: Array, num_lags: int) -> Array:
    """sum_j X_{j+k}' W Z_j, k = 0 ... num_lags - 1, of ``[n, n_columns, T]``: ``[num_lags, n_columns, n_columns]``."""
    length = next_fast_len(x.shape[2] + num_lags - 1, real=True)
    first, second = jnp.fft.rfft(x, length), jnp.fft.rfft(z, length).conj()
    spectrum = jnp.einsum("jiw,jl,lkw->wik", first, weight + 0j, second)
    return jnp.fft.irfft(spectrum, length, axis=0)[:num_lags]


def _solve_positive(matrix: Array, b: Array) -> Array:
    """matrix^-1 b by elimination, for a small positive definite ``matrix`` ``[n, n]``, ``b`` ``[n, m]``.

    No pivots are needed, and inside a loop a call of LAPACK would cost more than the arithmetic.
    """
    rows = jnp.concatenate([matrix, b], axis=1)
    for k, unit in enumerate(np.eye(len(matrix))):
        factors = (rows[:, k] - unit) / rows[k, k]
        rows = rows - factors[:, None] * rows[k][None]
    return rows[:, len(matrix) :]


def _combine(matrix: Array, x: Array) -> Array:
    """``matrix @ x`` over the first axis of ``x`` ``[n, ...]``, as n terms that the compiler fuses."""
    return sum(
        (column[:, None, None] * row[None] for column, row in zip(matrix.T, x, strict=True)), jnp.zeros(())
    )


def _column(x: Array, t: Array) -> Array:
    return jax.lax.dynamic_index_in_dim(x, t, axis=2, keepdims=False)


def _normal_logpdf(x: Array, cov: Array) -> Array:
    """log N(x; 0, cov) of each row of ``x`` ``[T, n]``, ``cov`` ``[T, n, n]``.

    Cholesky's factorisation column by column, for all dates at once: n is small, and a call of
    LAPACK for each date would cost more than all else here.
    """
    columns: list[Array] = []
    standardised: list[Array] = []
    logdensity = jnp.full(x.shape[0], -0.5 * math.log(2 * math.pi) * x.shape[1])
    for j in range(x.shape[1]):
        column, value = cov[:, :, j], x[:, j]
        for before, z in zip(columns, standardised, strict=True):
            column, value = column - before * before[:, j, None], value - before[:, j] * z
        pivot = jnp.sqrt(column[:, j])
        columns.append(column / pivot[:, None])
        standardised.append(value / pivot)
        logdensity -= 0.5 * standardised[-1] ** 2 + jnp.log(pivot)
    return logdensity
