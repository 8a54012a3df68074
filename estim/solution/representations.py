"""What solving a model yields: the only things a likelihood may read.

Each representation is a `NamedTuple` of arrays, so it crosses `jit` and `vmap`.
"""

from typing import NamedTuple

import jax.numpy as jnp

from estim.typing import Array


class StateSpace(NamedTuple):
    """A linear Gaussian state space, in the words of Durbin and Koopman (2012, ch. 3).

        s_t = T s_{t-1} + R e_t,        e_t ~ N(0, Q)
        y_t = Z s_t + d + g t + u_t,    u_t ~ N(0, H),    t = 1, 2, ...

    Shapes: ``transition`` T ``[n_states, n_states]``, ``selection`` R ``[n_states, n_shocks]``,
    ``state_cov`` Q ``[n_shocks, n_shocks]``, ``design`` Z ``[n_obs, n_states]``,
    ``obs_intercept`` d ``[n_obs]``, ``obs_cov`` H ``[n_obs, n_obs]``, ``status`` ``[]``,
    ``obs_trend`` g ``[n_obs]``, what the observables grow by each period; None where they do not.
    """

    transition: Array
    selection: Array
    state_cov: Array
    design: Array
    obs_intercept: Array
    obs_cov: Array
    status: Array
    obs_trend: Array | None = None


class DecisionRule(NamedTuple):
    """The first-order solution for every variable of a model, in deviations from rest.

        m_t = T m_{t-1} + R e_t,        x_t - x = X m_t,        e_t ~ N(0, Q)

    Shapes: ``transition`` T ``[n_states, n_states]``, ``selection`` R ``[n_states, n_shocks]``,
    ``policy`` X ``[n_variables, n_states]``, ``steady_state`` x ``[n_variables]``, ``status`` ``[]``,
    ``shock_cov`` Q ``[n_shocks, n_shocks]``, ones on its diagonal.
    The state is that of the model's `StateSpace`: what the equations and the measurement
    read of the past, after today's shocks.
    """

    transition: Array
    selection: Array
    policy: Array
    steady_state: Array
    status: Array
    shock_cov: Array


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


def trend_path(solution: StateSpace | MovingAverage, num_periods: int) -> Array:
    """What the trend adds to the observables, g t for t = 1 ... num_periods: ``[num_periods, n_obs]``."""
    growth = jnp.zeros_like(solution.obs_intercept) if solution.obs_trend is None else solution.obs_trend
    return jnp.arange(1.0, num_periods + 1)[:, None] * growth[None, :]


def without_trend(solution: StateSpace | MovingAverage, observations: Array) -> Array:
    """Observations ``[n_periods, n_obs]``, whose first is that of period 1, less the trend."""
    if solution.obs_trend is None:
        return jnp.asarray(observations)
    return observations - trend_path(solution, len(observations))
