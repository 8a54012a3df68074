"""States and shocks given the whole sample: their distributions, and draws from them.

The backward recursion of Durbin and Koopman (2012, section 4.4) for r_{t-1}, the score of the
sample in the mean of s_t before y_t is seen, and N_{t-1}, its variance. Nothing is inverted but
the forecast covariance, so a state may be known exactly.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.likelihood.filtering import leave_out_missing, predict, update
from estim.likelihood.start import Gaussian, stationary_start
from estim.solution.representations import StateSpace
from estim.solution.simulate import simulate_states
from estim.typing import Array, Key


class Smoothed(NamedTuple):
    """Given all of the data: states s_t and shocks e_t, each a `Gaussian` with leading axis ``[n_periods]``.

    The first shock and the past before it are told apart as the stationary distribution
    has it, under a start of your own too.
    """

    states: Gaussian
    shocks: Gaussian


@jax.jit
def smooth(state_space: StateSpace, observations: Array, start: Gaussian | None = None) -> Smoothed:
    """Mean and covariance of every state and shock given the whole sample.

    Args:
        state_space: the model's solution.
        observations: y ``[n_periods, n_obs]``; NaN marks a missing number.
        start: s_1 before it is observed; None is the stationary distribution.
    """
    T, R, Q, Z, d, H, _ = state_space
    shock_cov = R @ Q @ R.T
    n = T.shape[0]

    def forward(predicted: Gaussian, y: Array):
        filtered, _ = update(predicted, y, Z, d, H)
        return predict(filtered, T, shock_cov), predicted

    def backward(carry, period):
        r, N = carry  # score in the mean of s_{t+1}
        (mean, cov), y = period
        v, Zy, Hy, _ = leave_out_missing(y - d - Z @ mean, Z, H)
        F = jsl.cho_factor(Zy @ cov @ Zy.T + Hy)
        F_Z = jsl.cho_solve(F, Zy)
        L = T @ (jnp.eye(n) - cov @ Zy.T @ F_Z)
        r = F_Z.T @ v + L.T @ r
        N = Zy.T @ F_Z + L.T @ N @ L
        states = Gaussian(mean + cov @ r, cov - cov @ N @ cov)
        shocks = Gaussian(Q @ R.T @ r, Q - Q @ R.T @ N @ R @ Q)
        return (r, N), Smoothed(states, shocks)

    first = stationary_start(state_space) if start is None else start
    _, predicted = jax.lax.scan(forward, first, observations)
    end = jnp.zeros(n), jnp.zeros((n, n))
    return jax.lax.scan(backward, end, (predicted, observations), reverse=True)[1]


@jax.jit
def sample_smoothed(rng_key: Key, state_space: StateSpace, observations: Array) -> tuple[Array, Array]:
    """One draw of all states ``[n_periods, n_states]`` and shocks ``[n_periods, n_shocks]`` given the sample.

    A draw from the stationary model, plus the smoothed mean of the data's distance from it.
    Source: Durbin and Koopman (2002), Biometrika 89.
    """
    states, shocks, drawn = simulate_states(state_space, rng_key, observations.shape[0])
    centred = state_space._replace(obs_intercept=jnp.zeros_like(state_space.obs_intercept))
    distance = smooth(centred, observations - drawn)
    return states + distance.states.mean, shocks + distance.shocks.mean
