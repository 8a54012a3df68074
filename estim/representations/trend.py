"""The trend of a representation: what its observables grow by each period."""

from typing import Any

import jax.numpy as jnp

from estim.typing import Array


def trend_path(solution: Any, num_periods: int) -> Array:
    """What the trend adds to the observables, g t for t = 1 ... num_periods: ``[num_periods, n_obs]``."""
    growth = jnp.zeros_like(solution.obs_intercept) if solution.obs_trend is None else solution.obs_trend
    return jnp.arange(1.0, num_periods + 1)[:, None] * growth[None, :]


def without_trend(solution: Any, observations: Array) -> Array:
    """Observations ``[n_periods, n_obs]``, whose first is that of period 1, less the trend."""
    if solution.obs_trend is None:
        return jnp.asarray(observations)
    return observations - trend_path(solution, len(observations))
