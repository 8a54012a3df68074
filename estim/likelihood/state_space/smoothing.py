"""States and shocks given the whole sample: their distributions, and draws from them.

The backward recursion of Durbin and Koopman (2012, section 4.4) for r_{t-1}, the score of the
sample in the mean of s_t before y_t is seen, and N_{t-1}, its variance. Nothing is inverted but
the forecast covariance, so a state may be known exactly.

Where the model has unit roots nothing is known of the level in which they begin: s_1 = x + A delta, and delta is
estimated from the sample by generalised least squares (de Jong 1991, Annals of Statistics 19; see
`estim.likelihood.state_space.diffuse`). All means are linear in delta, so the filter and the smoother carry
their derivatives in it, and in the directions of which the sample says nothing, as further columns.
"""

from functools import singledispatch
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.arguments import ArgumentError
from estim.likelihood.singularity import SMALLEST_SHARE
from estim.likelihood.state_space.diffuse import diffuse_sample
from estim.likelihood.state_space.filtering import leave_out_missing
from estim.likelihood.state_space.start import Gaussian
from estim.representations.linear import StateSpace
from estim.representations.trend import without_trend
from estim.solution.simulate import simulate_states
from estim.status import SolutionError, Status
from estim.typing import Array, Key

_LOADS = 1e-6
"""A state that moves by less than this where an unknown level moves by one does not depend on it."""


class Smoothed(NamedTuple):
    """Given all of the data: states s_t and shocks e_t, each a `Gaussian` with leading axis ``[n_periods]``.

    The first shock and the past before it are told apart as the stationary distribution
    has it, under a start of your own too. A level of which the data say nothing stays where it rests,
    with a variance of infinity; NaN where the sample is stochastically singular.
    """

    states: Gaussian
    shocks: Gaussian


@singledispatch
def smooth(state_space: Any, observations: Array, start: Gaussian | None = None) -> Smoothed:
    """Mean and covariance of every state and shock given the whole sample.

    Args:
        state_space: the model's solution, a `StateSpace`.
        observations: y ``[n_periods, n_obs]``, trend included; NaN marks a missing number.
        start: s_1 before it is observed; None is the stationary distribution, diffuse in the directions of
            unit roots.

    Returns:
        Means ``[n_periods, n]`` and covariances ``[n_periods, n, n]`` of the states and of the shocks.

    Raises:
        ArgumentError: the solution is no linear state space; names what smooths it.
        SolutionError: the numbers of some period cannot all be observed, as no shock and no error moves one
            of them alone (inside `jit` the result is NaN).
    """
    raise ArgumentError(
        f"smooth: the solution must be a StateSpace, not a {type(state_space).__name__}; of a simulation and of "
        "other solutions that are not linear estim.analysis.smoothed_history(estim.solve(model, params), data)"
    )


@smooth.register
def _(state_space: StateSpace, observations: Array, start: Gaussian | None = None) -> Smoothed:
    smoothed, singular = _smooth(state_space, observations, start)
    raise_if_singular(
        singular, "the observables of period {} are tied to one another: stochastic singularity"
    )
    return smoothed


def raise_if_singular(singular: Array, message: str) -> None:
    """Raise with the first period (from 1) at which ``singular`` ``[n_periods]`` holds, outside compiled code."""
    if not isinstance(singular, jax.core.Tracer) and singular.any():
        raise SolutionError(Status.NOT_FINITE, message.format(int(singular.argmax()) + 1))


class GivenLevels(NamedTuple):
    """The smoother's means as functions of the levels delta, and what the sample says of delta.

    ``states`` and ``shocks`` are pairs: [mean at delta = 0, derivatives in delta and in directions of which the
    sample says nothing] ``[n_periods, n, 1 + 2 n_states]``, and covariances given delta ``[n_periods, n, n]``.
    ``singular`` ``[n_periods]`` says where the forecast covariance is.
    """

    states: tuple[Array, Array]
    shocks: tuple[Array, Array]
    levels: Gaussian
    singular: Array

    def marginal(self, M: Array, P: Array) -> Gaussian:
        """Over delta, the distributions of means M ``[n_periods, n, 1 + 2 n_states]`` and covariances P."""
        at_zero, told, untold = jnp.split(M, [1, 1 + len(self.levels.mean)], axis=2)
        mean = at_zero[:, :, 0] + told @ self.levels.mean
        total = P + told @ self.levels.cov @ told.swapaxes(1, 2)
        unknown = jnp.abs(untold).max(axis=2) > _LOADS
        infinite = jnp.where(jnp.eye(P.shape[1], dtype=bool), jnp.inf, jnp.nan)[None]
        cov = jnp.where(unknown[:, :, None] | unknown[:, None, :], infinite, total)
        failed = self.singular.any()
        return Gaussian(jnp.where(failed, jnp.nan, mean), jnp.where(failed, jnp.nan, cov))


@jax.jit
def _smooth(
    state_space: StateSpace, observations: Array, start: Gaussian | None = None
) -> tuple[Smoothed, Array]:
    found = smooth_given_levels(state_space, observations, start)
    return Smoothed(found.marginal(*found.states), found.marginal(*found.shocks)), found.singular


class Predicted(NamedTuple):
    """The filter's predictions as functions of the levels delta, by period.

    ``M`` ``[n_periods, n, 1 + 2 n_states]`` is [mean of s_t given y_1 .. y_{t-1} at delta = 0, its derivatives in delta
    and in directions of which the sample says nothing] and ``P`` its covariance given delta. ``V``
    ``[n_periods, n_obs, 1 + 2 n_states]`` is the same of the errors, data less prediction, and ``root`` the Cholesky
    factor of their covariance, in which a missing number is an N(0, 1) of no consequence.
    """

    M: Array
    P: Array
    V: Array
    root: Array


def predict_given_levels(
    state_space: StateSpace, observations: Array, start: Gaussian | None = None
) -> tuple[Predicted, Gaussian]:
    """Arguments as in `smooth`; the predictions, and delta given the sample."""
    T, R, Q, Z, d, H = state_space[:6]
    shock_cov = R @ Q @ R.T
    n = T.shape[0]
    y = without_trend(state_space, observations) - d[None]
    if start is None:
        sample = diffuse_sample(state_space._replace(obs_trend=None), y + d[None])
        first, levels = sample.start, jnp.concatenate([sample.effects, sample.unknown], axis=1)
        given = sample.delta
    else:
        first, levels = start, jnp.zeros((n, 2 * n))
        given = Gaussian(jnp.zeros(n), jnp.zeros((n, n)))

    later = state_space.later_shock_covs(len(y))

    def forward(carry, period):
        y, next_cov = period
        M, P = carry
        v, Zy, Hy, _ = leave_out_missing(y, Z, H)
        V = jnp.pad(v[:, None], ((0, 0), (0, 2 * n))) - Zy @ M
        PZ = P @ Zy.T
        L = jnp.linalg.cholesky(Zy @ PZ + Hy)
        U = jsl.solve_triangular(L, V, lower=True)
        G = jsl.solve_triangular(L, PZ.T, lower=True)
        ahead = T @ (M + G.T @ U), T @ (P - G.T @ G) @ T.T + (shock_cov if next_cov is None else next_cov)
        return ahead, Predicted(M, P, V, L)

    begin = jnp.concatenate([first.mean[:, None], levels], axis=1), first.cov
    return jax.lax.scan(forward, begin, (y, later))[1], given


def smooth_given_levels(
    state_space: StateSpace, observations: Array, start: Gaussian | None = None
) -> GivenLevels:
    """Arguments as in `smooth`."""
    T, R, Q, Z, _, H = state_space[:6]
    n = T.shape[0]
    predicted, given = predict_given_levels(state_space, observations, start)

    def backward(carry, period):
        r, N = carry  # scores in the mean of s_{t+1}
        (M, P, V, root), y, scale = period
        _, Zy, _, _ = leave_out_missing(y, Z, H)
        F_Z = jsl.cho_solve((root, True), Zy)
        L = T @ (jnp.eye(n) - P @ Zy.T @ F_Z)
        r = F_Z.T @ V + L.T @ r
        N = Zy.T @ F_Z + L.T @ N @ L
        states = M + P @ r, P - P @ N @ P
        Q_t = Q if scale is None else scale[:, None] * Q * scale[None, :]
        shocks = Q_t @ R.T @ r, Q_t - Q_t @ R.T @ N @ R @ Q_t
        return (r, N), (states, shocks)

    end = jnp.zeros((n, 1 + 2 * n)), jnp.zeros((n, n))
    states, shocks = jax.lax.scan(
        backward, end, (predicted, observations, state_space.scales(len(observations))), reverse=True
    )[1]
    missing, pivots = jnp.isnan(observations), jnp.diagonal(predicted.root, axis1=1, axis2=2) ** 2
    variances = jnp.where(missing, 0.0, jnp.sum(predicted.root**2, axis=2))
    singular = (~(pivots > SMALLEST_SHARE * variances.max(axis=0)[None]) & ~missing).any(axis=1)
    return GivenLevels(states, shocks, given, singular)


@jax.jit
def sample_smoothed(rng_key: Key, state_space: StateSpace, observations: Array) -> tuple[Array, Array]:
    """One draw of all states ``[n_periods, n_states]`` and shocks ``[n_periods, n_shocks]`` given the sample.

    A draw from the model, plus the smoothed mean of the data's distance from it.

    Args:
        rng_key: randomness of the draw.
        state_space: the model's solution.
        observations: y ``[n_periods, n_obs]``, trend included; NaN marks a missing number.

    Source: Durbin and Koopman (2002), Biometrika 89.
    """
    states, shocks, drawn = simulate_states(state_space, rng_key, observations.shape[0])
    centred = state_space._replace(obs_intercept=jnp.zeros_like(state_space.obs_intercept), obs_trend=None)
    distance = _smooth(centred, observations - drawn)[0]
    return states + distance.states.mean, shocks + distance.shocks.mean
