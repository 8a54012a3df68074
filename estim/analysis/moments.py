"""Means, variances and autocorrelations: of the model, and of data."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import NonNegative, checked
from estim.likelihood.start import stationary_start
from estim.solution.representations import StateSpace
from estim.typing import Array


class Moments(NamedTuple):
    """``mean`` ``[n_obs]``, and ``autocovariance`` Cov(y_{t+k}, y_t), k from 0, ``[num_lags + 1, n_obs, n_obs]``."""

    mean: Array
    autocovariance: Array

    @property
    def sd(self) -> Array:
        return jnp.sqrt(jnp.diagonal(self.autocovariance[0]))

    @property
    def autocorrelation(self) -> Array:
        """Corr(y_{t+k}, y_t), shaped like ``autocovariance``."""
        return self.autocovariance / (self.sd[:, None] * self.sd[None, :])[None]


@checked
@partial(jax.jit, static_argnames="num_lags")
def theoretical_moments(state_space: StateSpace, num_lags: NonNegative) -> Moments:
    """The model's unconditional moments, Z T^k P Z' (+ H at k = 0); NaN where it is not stationary."""
    T, Z = state_space.transition, state_space.design

    def step(cov, _):
        return T @ cov, Z @ cov @ Z.T

    autocovariance = jax.lax.scan(step, stationary_start(state_space).cov, length=num_lags + 1)[1]
    return Moments(state_space.obs_intercept, autocovariance.at[0].add(state_space.obs_cov))


@checked
@partial(jax.jit, static_argnames="num_lags")
def sample_moments(observations: Array, num_lags: NonNegative) -> Moments:
    """The same of data y ``[n_periods, n_obs]``, each from the pairs that are observed (NaN is missing)."""
    y = jnp.asarray(observations)
    seen = ~jnp.isnan(y)
    mean = jnp.nanmean(y, axis=0)
    centred, weight = jnp.where(seen, y - mean[None], 0.0), seen.astype(float)
    n = y.shape[0]
    lags = np.arange(num_lags + 1)
    products = jnp.stack([centred[k:].T @ centred[: n - k] for k in lags])
    pairs = jnp.stack([weight[k:].T @ weight[: n - k] for k in lags])
    return Moments(mean, products / pairs)
