"""States and shocks given the whole sample: their distributions, and draws from them.

The backward recursion of Durbin and Koopman (2012, section 4.4) for r_{t-1}, the score of the
sample in the mean of s_t before y_t is seen, and N_{t-1}, its variance. Nothing is inverted but
the forecast covariance, so a state may be known exactly.

Where the model has unit roots nothing is known of the level in which they begin: s_0 = A delta + x, where
A spans their directions, x is stationary and delta is estimated from the sample by generalised least
squares (de Jong 1991, Annals of Statistics 19). All means are linear in delta, so the filter and the
smoother carry their derivatives in it as further columns.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.likelihood.filtering import leave_out_missing
from estim.likelihood.start import Gaussian
from estim.solution.initial_state import initial_state
from estim.solution.representations import StateSpace, without_trend
from estim.solution.simulate import simulate_states
from estim.status import SolutionError, Status
from estim.typing import Array, Key

_SINGULAR = 1e-12
"""A forecast variance below this share of the observable's own, given those before it, is none."""

_CANCELS = 1e-9
"""What is left of a sum of terms that is smaller than this share of them is rounding."""

_UNSEEN = 1e-12
"""A direction of delta of which the sample says less than this share of what it says of the others is not seen."""


class Smoothed(NamedTuple):
    """Given all of the data: states s_t and shocks e_t, each a `Gaussian` with leading axis ``[n_periods]``.

    The first shock and the past before it are told apart as the stationary distribution
    has it, under a start of your own too. A level of which the data say nothing stays where it rests,
    with a variance of infinity; NaN where the sample is stochastically singular.
    """

    states: Gaussian
    shocks: Gaussian


def smooth(state_space: StateSpace, observations: Array, start: Gaussian | None = None) -> Smoothed:
    """Mean and covariance of every state and shock given the whole sample.

    Args:
        state_space: the model's solution.
        observations: y ``[n_periods, n_obs]``, trend included; NaN marks a missing number.
        start: s_1 before it is observed; None is the stationary distribution, diffuse in the directions of
            unit roots.

    Returns:
        Means ``[n_periods, n]`` and covariances ``[n_periods, n, n]`` of the states and of the shocks.

    Raises:
        SolutionError: the numbers of some period cannot all be observed, as no shock and no error moves one
            of them alone (inside `jit` the result is NaN).
    """
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

    ``states`` and ``shocks`` are pairs: [mean at delta = 0, derivatives in delta] ``[n_periods, n, n_states + 1]``
    and covariances given delta ``[n_periods, n, n]``. ``singular`` ``[n_periods]`` says where the forecast
    covariance is.
    """

    states: tuple[Array, Array]
    shocks: tuple[Array, Array]
    levels: Gaussian
    seen: Array
    singular: Array

    def marginal(self, M: Array, P: Array) -> Gaussian:
        """Over delta, the distributions of means M ``[n_periods, n, n_states + 1]`` and covariances P."""
        B = M[:, :, 1:]
        unseen = jnp.abs(B - B @ self.seen).max(axis=2) > 1e-6
        total = P + B @ self.levels.cov @ B.swapaxes(1, 2)
        infinite = jnp.where(jnp.eye(P.shape[1], dtype=bool), jnp.inf, jnp.nan)[None]
        cov = jnp.where(unseen[:, :, None] | unseen[:, None, :], infinite, total)
        failed = self.singular.any()
        mean = M[:, :, 0] + B @ self.levels.mean
        return Gaussian(jnp.where(failed, jnp.nan, mean), jnp.where(failed, jnp.nan, cov))


@jax.jit
def _smooth(
    state_space: StateSpace, observations: Array, start: Gaussian | None = None
) -> tuple[Smoothed, Array]:
    found = smooth_given_levels(state_space, observations, start)
    return Smoothed(found.marginal(*found.states), found.marginal(*found.shocks)), found.singular


def smooth_given_levels(
    state_space: StateSpace, observations: Array, start: Gaussian | None = None
) -> GivenLevels:
    """Arguments as in `smooth`."""
    T, R, Q, Z, d, H = state_space[:6]
    shock_cov = R @ Q @ R.T
    n = T.shape[0]
    y = without_trend(state_space, observations) - d[None]
    if start is None:
        before = initial_state(state_space)
        levels = T @ before.levels
        first = Gaussian(jnp.zeros(n), T @ before.stationary_cov @ T.T + shock_cov)
    else:
        levels, first = jnp.zeros((n, n)), start

    def forward(carry, y):
        M, P, products = carry  # M = [mean, its derivatives in delta]
        v, Zy, Hy, _ = leave_out_missing(y, Z, H)
        V = jnp.concatenate([v[:, None], jnp.zeros((len(v), n))], axis=1) - Zy @ M
        PZ = P @ Zy.T
        F = Zy @ PZ + Hy
        L = jnp.linalg.cholesky(F)
        U = jsl.solve_triangular(L, V, lower=True)
        G = jsl.solve_triangular(L, PZ.T, lower=True)
        ahead = T @ (M + G.T @ U), T @ (P - G.T @ G) @ T.T + shock_cov, products + U.T @ U
        return ahead, (M, P, V, jnp.diagonal(L) ** 2, jnp.where(jnp.isnan(y), 0.0, jnp.diagonal(F)))

    def backward(carry, period):
        r, N = carry  # scores in the mean of s_{t+1}
        M, P, V, y = period
        _, Zy, Hy, _ = leave_out_missing(y, Z, H)
        F = jsl.cho_factor(Zy @ P @ Zy.T + Hy)
        F_Z = jsl.cho_solve(F, Zy)
        L = T @ (jnp.eye(n) - P @ Zy.T @ F_Z)
        r = F_Z.T @ V + L.T @ r
        N = Zy.T @ F_Z + L.T @ N @ L
        states = M + P @ r, P - P @ N @ P
        shocks = Q @ R.T @ r, Q - Q @ R.T @ N @ R @ Q
        return (r, N), (states, shocks)

    begin = jnp.concatenate([first.mean[:, None], levels], axis=1), first.cov, jnp.zeros((n + 1, n + 1))
    (_, _, products), (M, P, V, pivots, variances) = jax.lax.scan(forward, begin, y)
    end = jnp.zeros((n, n + 1)), jnp.zeros((n, n))
    states, shocks = jax.lax.scan(backward, end, (M, P, V, y), reverse=True)[1]
    singular = (~(pivots > _SINGULAR * variances.max(axis=0)[None]) & ~jnp.isnan(y)).any(axis=1)
    effect, terms = jnp.abs(V[:, :, 1:]), jnp.abs(Z) @ jnp.abs(M[:, :, 1:])
    told = ((effect > _CANCELS * terms) & ~jnp.isnan(y)[:, :, None]).any(axis=(0, 1))
    return GivenLevels(states, shocks, *_levels(products, told), singular)


def _levels(products: Array, told: Array) -> tuple[Gaussian, Array]:
    """Delta given the sample, and the projector on what the sample says anything of.

    ``products`` are those of the whitened forecast errors u_0 + U delta: least squares, with each
    component of delta that the sample depends on (``told`` ``[n_states]``) in its own units.
    """
    S, s = products[1:, 1:], products[1:, 0]
    scale = jnp.sqrt(jnp.diagonal(S))
    told = told & (scale > 0)
    unit = jnp.where(told, 1 / jnp.where(told, scale, 1.0), 0.0)
    values, vectors = jnp.linalg.eigh(S * unit[:, None] * unit[None, :])
    seen = values > _UNSEEN * jnp.maximum(values.max(initial=0.0), 1e-300)
    inverse = (vectors * jnp.where(seen, 1 / jnp.where(seen, values, 1.0), 0.0)[None, :]) @ vectors.T
    cov = inverse * unit[:, None] * unit[None, :]
    return Gaussian(-cov @ s, cov), cov @ S


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
