"""Forecasts, free or conditional: periods after the sample in which nothing, or something, is observed.

A path that is imposed is treated as data, so the shocks that bring it about are the most
likely ones (Waggoner and Zha 1999, hard conditions). Measurement errors are taken to be
independent of one another.
"""

import jax
import jax.numpy as jnp

from estim.arguments import checked
from estim.likelihood.smoothing import sample_smoothed, smooth
from estim.likelihood.square_root import covariance_root
from estim.likelihood.start import Gaussian
from estim.solution.representations import StateSpace
from estim.typing import Array, Key


@checked
@jax.jit
def forecast(state_space: StateSpace, observations: Array, path: Array) -> Gaussian:
    """Distribution of the observables after the sample.

    Args:
        state_space: the model's solution.
        observations: y ``[n_periods, n_obs]``; NaN marks a missing number.
        path: values imposed on the periods that follow ``[horizon, n_obs]``; NaN leaves one free.

    Returns:
        Mean ``[horizon, n_obs]`` and covariance ``[horizon, n_obs, n_obs]`` of y, measurement
        error included where y is free.
    """
    Z, d, H = state_space.design, state_space.obs_intercept, state_space.obs_cov
    horizon = path.shape[0]
    states = smooth(state_space, jnp.concatenate([observations, path])).states
    signal = states.mean[-horizon:] @ Z.T + d[None]
    signal_cov = jnp.einsum("is,tsr,jr->tij", Z, states.cov[-horizon:], Z)
    free = jnp.isnan(path)
    both_free = free[:, :, None] & free[:, None, :]
    # the error of a number that is imposed is known: it is what is left of the number
    return Gaussian(jnp.where(free, signal, path), jnp.where(both_free, signal_cov + H[None], 0.0))


@checked
@jax.jit
def sample_forecast(rng_key: Key, state_space: StateSpace, observations: Array, path: Array) -> Array:
    """One path ``[horizon, n_obs]`` of the observables after the sample; arguments as in `forecast`."""
    state_key, error_key = jax.random.split(rng_key)
    states, _ = sample_smoothed(state_key, state_space, jnp.concatenate([observations, path]))
    signal = states[-path.shape[0] :] @ state_space.design.T + state_space.obs_intercept[None]
    error = jax.random.normal(error_key, path.shape) @ covariance_root(state_space.obs_cov).T
    return jnp.where(jnp.isnan(path), signal + error, path)
