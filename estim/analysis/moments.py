"""Means, variances and autocorrelations: of the model, and of data."""

from functools import partial, singledispatch
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.analysis.pruned_moments import pruned_as_linear
from estim.arguments import NonNegative, checked
from estim.representations.linear import StateSpace
from estim.representations.pruned import PrunedStateSpace
from estim.solution.initial_state import stationary_part
from estim.typing import Array


class Moments(NamedTuple):
    """``mean`` ``[n_obs]``, and ``autocovariance`` Cov(y_{t+k}, y_t), k from 0, ``[num_lags + 1, n_obs, n_obs]``."""

    mean: Array
    autocovariance: Array

    @property
    def sd(self) -> Array:
        return jnp.sqrt(jnp.maximum(jnp.diagonal(self.autocovariance[0]), 0.0))

    @property
    def autocorrelation(self) -> Array:
        """Corr(y_{t+k}, y_t), shaped like ``autocovariance``."""
        return self.autocovariance / (self.sd[:, None] * self.sd[None, :])[None]


@checked
def theoretical_moments(state_space: StateSpace | PrunedStateSpace, num_lags: NonNegative) -> Moments:
    """The model's unconditional moments, Z T^k P Z' (+ H at k = 0), about the trend where there is one.

    An observable that depends on a unit root has none: its moments are NaN, those of the others are not.

    Args:
        state_space: the model's solution; a perturbation, too.
        num_lags: autocovariances 0 ... num_lags.
    """
    return _moments(_as_linear(state_space), num_lags)


@singledispatch
def _as_linear(solution: Any) -> StateSpace:
    return solution


_as_linear.register(PrunedStateSpace, pruned_as_linear)


@partial(jax.jit, static_argnames="num_lags")
def _moments(state_space: StateSpace, num_lags: int) -> Moments:
    T, Z = state_space.transition, state_space.design
    cov, level_free = stationary_part(state_space)

    def step(cov, _):
        return T @ cov, Z @ cov @ Z.T

    autocovariance = jax.lax.scan(step, cov, length=num_lags + 1)[1].at[0].add(state_space.obs_cov)
    both = level_free[:, None] & level_free[None, :]
    mean = jnp.where(level_free, state_space.obs_intercept, jnp.nan)
    return Moments(mean, jnp.where(both[None], autocovariance, jnp.nan))


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
