"""The first-order solution in sequence space: responses to shocks at every horizon."""

from typing import NamedTuple

import jax.numpy as jnp

from estim.typing import Array


class Tail(NamedTuple):
    """The responses of a `MovingAverage` after its horizon, which follow the exogenous processes alone:

        IRF_{horizon + j} = C F^j G,    j >= 0

    Shapes: ``loading`` C ``[n_obs, n_processes]``, ``transition`` F ``[n_processes, n_processes]``, ``impact`` G
    ``[n_processes, n_shocks]``.
    """

    loading: Array
    transition: Array
    impact: Array


class MovingAverage(NamedTuple):
    """A moving average: the first-order solution in sequence space.

        y_t = d + g t + sum_h IRF_h e_{t-h} + u_t,   e_t ~ N(0, Q),  u_t ~ N(0, H)

    Shapes: ``impulse_responses`` ``[horizon, n_obs, n_shocks]``, ``shock_cov`` Q
    ``[n_shocks, n_shocks]``, ``obs_intercept`` d ``[n_obs]``, ``obs_cov`` H
    ``[n_obs, n_obs]``, ``status`` ``[]``, ``obs_trend`` g ``[n_obs]`` or None, as in `StateSpace`; ``tail`` is
    what follows after the horizon, nothing where it is None.
    """

    impulse_responses: Array
    shock_cov: Array
    obs_intercept: Array
    obs_cov: Array
    status: Array
    obs_trend: Array | None = None
    tail: Tail | None = None

    def responses_to(self, impact: Array) -> "MovingAverage":
        """The part that ``impact`` ``[n_shocks, n]`` times as many independent shocks of unit variance brings."""
        tail = self.tail and self.tail._replace(impact=self.tail.impact @ impact)
        responses, one = self.impulse_responses @ impact, jnp.eye(impact.shape[1])
        return self._replace(impulse_responses=responses, shock_cov=one, tail=tail)
