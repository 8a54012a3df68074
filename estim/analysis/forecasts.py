"""Forecasts, free or conditional: periods after the sample in which nothing, or something, is observed.

A path that is imposed is treated as data, so the shocks and errors that bring it about are the most
likely ones, and every shock may do so (Waggoner and Zha 1999, hard conditions). The agents of the model do not
know the path: each period's shocks surprise them.
"""

from functools import singledispatch
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.linalg import block_diag

from estim.analysis.moving_average import conditional, sample_conditional
from estim.arguments import checked
from estim.likelihood.state_space.smoothing import raise_if_singular, sample_smoothed, smooth_given_levels
from estim.likelihood.state_space.start import Gaussian
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.representations.trend import trend_path
from estim.typing import Array, Key


@checked
def forecast(solution: StateSpace | MovingAverage, observations: Array, path: Array) -> Gaussian:
    """Distribution of the observables after the sample.

    Args:
        solution: the model's.
        observations: y ``[n_periods, n_obs]``, trend included; NaN marks a missing number.
        path: values imposed on the periods that follow ``[horizon, n_obs]``; NaN leaves one free.

    Returns:
        Mean ``[horizon, n_obs]`` and covariance ``[horizon, n_obs, n_obs]`` of y, measurement
        error included. The variance of a level of which the sample says nothing is infinite.

    Raises:
        SolutionError: no shock and no error can bring the path about, or the sample is stochastically
            singular (inside `jit` the result is NaN).
    """
    expected, singular = _forecast(solution, observations, path)
    sample = len(observations)
    raise_if_singular(
        singular[:sample], "the observables of period {} are tied to one another: stochastic singularity"
    )
    raise_if_singular(singular[sample:], "no shock can bring about what is imposed on period {} of the path")
    return expected


@singledispatch
def _forecast(solution: Any, observations: Array, path: Array) -> tuple[Gaussian, Array]:
    return _of_state_space(solution, observations, path)


@_forecast.register
def _(solution: MovingAverage, observations: Array, path: Array) -> tuple[Gaussian, Array]:
    found, singular = conditional(solution, jnp.concatenate([observations, path]))
    return _imposed(path, *(part[-len(path) :] for part in found)), singular


@jax.jit
def _of_state_space(state_space: StateSpace, observations: Array, path: Array) -> tuple[Gaussian, Array]:
    carried = _with_errors_as_states(state_space)
    found = smooth_given_levels(carried, jnp.concatenate([observations, path]))
    M, P = (part[-len(path) :] for part in found.states)
    expected = found.marginal(carried.design @ M, carried.design @ P @ carried.design.T)
    mean = expected.mean + _level(state_space, len(observations), len(path))
    return _imposed(path, mean, expected.cov), found.singular


def _imposed(path: Array, mean: Array, cov: Array) -> Gaussian:
    """What is imposed is certain."""
    free = jnp.isnan(path)
    both_free = free[:, :, None] & free[:, None, :]
    return Gaussian(jnp.where(free, mean, path), jnp.where(both_free, cov, 0.0))


@checked
def sample_forecast(
    rng_key: Key, solution: StateSpace | MovingAverage, observations: Array, path: Array
) -> Array:
    """One path ``[horizon, n_obs]`` of the observables after the sample; arguments as in `forecast`."""
    drawn = _sample(solution, rng_key, observations, path)
    return jnp.where(jnp.isnan(path), drawn, path)


@singledispatch
def _sample(solution: Any, rng_key: Key, observations: Array, path: Array) -> Array:
    return _sample_of_state_space(solution, rng_key, observations, path)


@_sample.register
def _(solution: MovingAverage, rng_key: Key, observations: Array, path: Array) -> Array:
    return sample_conditional(rng_key, solution, jnp.concatenate([observations, path]))[-len(path) :]


@jax.jit
def _sample_of_state_space(state_space: StateSpace, rng_key: Key, observations: Array, path: Array) -> Array:
    carried = _with_errors_as_states(state_space)
    states, _ = sample_smoothed(rng_key, carried, jnp.concatenate([observations, path]))
    return states[-len(path) :] @ carried.design.T + _level(state_space, len(observations), len(path))


def _level(state_space: StateSpace, n_periods: int, horizon: int) -> Array:
    """d + g t in the periods after the sample ``[horizon, n_obs]``."""
    return state_space.obs_intercept[None] + trend_path(state_space, n_periods + horizon)[-horizon:]


def _with_errors_as_states(state_space: StateSpace) -> StateSpace:
    """The same model with its measurement errors among the states: what is known of one error tells of others."""
    T, R, Q, Z, d, H, status, trend, scales = state_space
    n_obs = len(Z)
    return StateSpace(
        transition=block_diag(T, jnp.zeros((n_obs, n_obs))),
        selection=block_diag(R, jnp.eye(n_obs)),
        state_cov=block_diag(Q, H),
        design=jnp.concatenate([Z, jnp.eye(n_obs)], axis=1),
        obs_intercept=d,
        obs_cov=jnp.zeros((n_obs, n_obs)),
        status=status,
        obs_trend=trend,
        shock_scales=None if scales is None else jnp.pad(scales, ((0, 0), (0, n_obs)), constant_values=1.0),
    )
