"""What solving a model at first order yields: a linear state space, and the rule for every variable."""

from typing import NamedTuple

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
