"""Exact diffuse likelihood: nothing is known of the level of what has a unit root.

The first state is s_1 = A delta + x, delta ~ N(0, kappa I), see `estim.likelihood.state_space.diffuse_start`. With X
the effect of delta on all that is observed and V its covariance given delta, ln p(y) + (d/2) ln kappa tends to

    ln N(y - X b; 0, V) - 1/2 ln |X' V^-1 X|,        b the estimate of delta by generalised least squares,

as kappa grows, where d is the rank of X: directions of delta that the data do not show drop out. That
number still depends on the units of delta, be they parameters. Added is

    1/2 ln |X1' X1|,

X1 the rows of X of the first periods that have its rank: what remains is the density of y but for the d
combinations of its first numbers that are spent on delta, N1' y with N1 orthonormal and N1' X1 = 0, which no
choice of the state, scaling of an equation or order of rows can move. (With X in the place of X1 it is the
marginal likelihood of Francke, Koopman and de Vos 2010.) Where X1 is one, as where a random walk is observed
from the start, the number is that of the diffuse filters.

Sources: de Jong (1991), Annals of Statistics 19; Francke, Koopman and de Vos (2010), Journal of Time Series
Analysis 31; Durbin and Koopman (2012), ch. 5.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.likelihood.singularity import SMALLEST_SHARE
from estim.likelihood.state_space.diffuse_start import DiffuseStart, determined, diffuse_start, effects_on
from estim.likelihood.state_space.filtering import first_variances, leave_out_missing
from estim.likelihood.state_space.start import Gaussian
from estim.representations.linear import StateSpace
from estim.solution.unit_roots import balancing, in_units
from estim.typing import Array, Scalar


class DiffuseSample(NamedTuple):
    """What a sample says where the start is diffuse: s_1 = x + effects delta.

    Attributes:
        loglikelihood: the limit above.
        start: x, the first state where delta is zero.
        effects: ``[n, n]``; the columns of what the sample says nothing of are zero.
        delta: delta given the sample: by generalised least squares, and its covariance.
        last: the state of the last period given the sample.
        unknown: the orthogonal projector on directions of s_1 of which the sample says nothing
            ``[n, n]``: what is not orthogonal to them has no variance, whatever ``last`` has there.
    """

    loglikelihood: Scalar
    start: Gaussian
    effects: Array
    delta: Gaussian
    last: Gaussian
    unknown: Array


def diffuse_loglikelihood(state_space: StateSpace, observations: Array, presample: int) -> Scalar:
    """The limit above; NaN marks a missing number of y ``[n_periods, n_obs]``.

    With a presample it is that of all periods less that of the presample: the
    log-density of what follows, given the presample.
    """
    units = balancing(jax.lax.stop_gradient(state_space))
    state_space = in_units(state_space, units)
    start = diffuse_start(state_space)
    whole = _given(state_space, start, observations).loglikelihood
    return whole - _given(state_space, start, observations[:presample]).loglikelihood if presample else whole


@jax.jit
def diffuse_sample(state_space: StateSpace, observations: Array) -> DiffuseSample:
    """All that y ``[n_periods, n_obs]`` (NaN is missing) says from a diffuse start.

    Any mean that is linear in the start, a smoothed one say, is that from the start ``x + effects
    delta.mean``; its covariance is that from the start x, and D ``delta.cov`` D' on top, with D
    what the columns of ``effects`` do to it.
    """
    units = balancing(state_space)
    inner = in_units(state_space, units)
    found = _given(inner, diffuse_start(inner), observations)

    def outside(state: Gaussian) -> Gaussian:
        return Gaussian(units * state.mean, units[:, None] * state.cov * units[None, :])

    unknown = units[:, None] * found.unknown / units[None, :]
    unknown = unknown @ jnp.linalg.inv(unknown + unknown.T - jnp.eye(len(units)))  # with the same range
    return found._replace(
        start=outside(found.start),
        effects=units[:, None] * found.effects,
        last=outside(found.last),
        unknown=unknown,
    )


class _Filter(NamedTuple):
    M: Array  # the predicted mean, and its response to -delta  [n, 1 + n]
    P: Array  # its covariance given delta  [n, n]


def _given(state_space: StateSpace, start: DiffuseStart, observations: Array) -> DiffuseSample:
    T, R, Q, Z, d, H = state_space[:6]
    shock_cov = R @ Q @ R.T
    n = T.shape[0]
    told = jax.lax.stop_gradient(determined(state_space, start.directions, observations))
    effects = start.directions @ told.basis  # in the range of A, wherever the parameters move it
    scale = first_variances(state_space, start.gaussian)

    def step(predicted: _Filter, period: tuple[Array, Array | None]):
        y, next_cov = period
        M, P = predicted
        v, Zy, Hy, n_seen = leave_out_missing(y - d, Z, H)
        PZ = P @ Zy.T
        F = Zy @ PZ + Hy
        L = jnp.linalg.cholesky(F)
        G = jsl.solve_triangular(L, PZ.T, lower=True)
        V = jnp.pad(v[:, None], ((0, 0), (0, n))) - Zy @ M
        W = jsl.solve_triangular(L, V, lower=True)
        pivots = jnp.diagonal(L) ** 2
        smallest = SMALLEST_SHARE * jnp.maximum(jnp.where(jnp.isnan(y), 0.0, scale), jnp.diagonal(F))
        logdet = 0.5 * jnp.log(jnp.where(pivots > smallest, pivots, jnp.nan)).sum()
        M, P = M + G.T @ W, P - G.T @ G
        ahead = T @ P @ T.T + (shock_cov if next_cov is None else next_cov)
        return _Filter(T @ M, ahead), (W, logdet, n_seen, M, P)

    first = _Filter(jnp.concatenate([start.gaussian.mean[:, None], -effects], axis=1), start.gaussian.cov)
    _, (W, logdets, n_seen, Ms, Ps) = jax.lax.scan(
        step, first, (observations, state_space.later_shock_covs(len(observations)))
    )
    W = W.reshape(-1, 1 + n)
    # with the errors of forecast as the last column the same triangle has the regression, and what it leaves;
    # the one below keeps it regular where nothing is left
    joint = _triangle(jnp.concatenate([W[:, 1:], W[:, :1]], axis=1), jnp.append(told.used, False))
    root, projected, left = joint[:n, :n], joint[:n, n], joint[n, n] ** 2 - 1
    X1 = effects_on(state_space, effects, ~jnp.isnan(observations))
    early = jnp.arange(len(observations)) < told.periods
    X1 = jnp.where(early[:, None, None], X1, 0.0).reshape(-1, n)
    loglikelihood = (
        -0.5 * (left + n_seen.sum() * jnp.log(2 * jnp.pi))
        - logdets.sum()
        + _logdet(_triangle(X1, told.used))
        - _logdet(root)
    )
    inverse = jnp.where(told.used, jsl.solve_triangular(root, jnp.eye(n), lower=False), 0.0)
    delta = Gaussian(inverse @ projected, inverse @ inverse.T)
    M, P = Ms[-1], Ps[-1]
    last = Gaussian(M[:, 0] - M[:, 1:] @ delta.mean, P + M[:, 1:] @ delta.cov @ M[:, 1:].T)
    return DiffuseSample(loglikelihood, start.gaussian, effects, delta, last, told.unknown)


def _triangle(X: Array, used: Array) -> Array:
    """R of X = Q R, ``X`` ``[m, n]``, with ones below the columns that are not ``used`` ``[n]``."""
    return jnp.linalg.qr(jnp.concatenate([X, jnp.diag(jnp.where(used, 0.0, 1.0))]), mode="r")


def _logdet(triangle: Array) -> Scalar:
    return jnp.log(jnp.abs(jnp.diagonal(triangle))).sum()
