"""Does data from the model look like the data? Prior or posterior, by the draws that are given."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.analysis.draws import over_draws
from estim.arguments import checked
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.solution.simulate import simulate
from estim.typing import Array, Key


@checked
def predictive_statistics(
    rng_key: Key,
    state_spaces: StateSpace | MovingAverage,
    statistic: Callable[[Array], Any],
    observations: Array,
) -> Any:
    """A statistic of one simulated sample for each draw, as long as the data and with the same gaps.

    Args:
        rng_key: randomness of the simulations.
        state_spaces: draws from the prior or the posterior, leading axis ``[n]``.
        statistic: a function of y ``[n_periods, n_obs]``.
        observations: the data; only their shape and their gaps (NaN) matter.

    Returns:
        The statistics, with leading axis ``[n]``.
    """
    gaps = jnp.isnan(jnp.asarray(observations))
    keys = jax.random.split(rng_key, state_spaces.status.shape[0])

    def one(state_space: StateSpace | MovingAverage, key: Key, gaps: Array) -> Any:
        y = simulate(state_space, key, gaps.shape[0])
        return statistic(jnp.where(gaps, jnp.nan, y))

    return over_draws(one, state_spaces, keys, jnp.broadcast_to(gaps, (len(keys), *gaps.shape)))


@checked
def predictive_quantiles(statistics: Array, observed: Array) -> np.ndarray:
    """The share of draws ``[n, ...]`` below what the data show ``[...]``; near 0 or 1 the model fails."""
    below = np.asarray(statistics) < np.asarray(observed)[None]
    return np.nanmean(np.where(np.isnan(statistics), np.nan, below), axis=0)
