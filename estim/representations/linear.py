"""What solving a model at first order yields: a linear state space, and the rule for every variable."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.display import line, table
from estim.numerics import semidefinite_cholesky, solve_discrete_lyapunov
from estim.numerics.semidefinite import SOLVED_COVARIANCE
from estim.status import Status
from estim.typing import Array, Key


class StateSpace(NamedTuple):
    """A linear Gaussian state space, in the words of Durbin and Koopman (2012, ch. 3).

        s_t = T s_{t-1} + R e_t,        e_t ~ N(0, Q)
        y_t = Z s_t + d + g t + u_t,    u_t ~ N(0, H),    t = 1, 2, ...

    Shapes: ``transition`` T ``[n_states, n_states]``, ``selection`` R ``[n_states, n_shocks]``,
    ``state_cov`` Q ``[n_shocks, n_shocks]``, ``design`` Z ``[n_obs, n_states]``,
    ``obs_intercept`` d ``[n_obs]``, ``obs_cov`` H ``[n_obs, n_obs]``, ``status`` ``[]``,
    ``obs_trend`` g ``[n_obs]``, what the observables grow by each period; None where they do not;
    ``shock_scales`` ``[n, n_shocks]``, by which the standard deviations of shocks are multiplied in the first n periods
    of a sample, from the second on (those of the first are in the distribution of its state); None for no such scales.
    """

    transition: Array
    selection: Array
    state_cov: Array
    design: Array
    obs_intercept: Array
    obs_cov: Array
    status: Array
    obs_trend: Array | None = None
    shock_scales: Array | None = None

    def __repr__(self) -> str:
        return line("StateSpace", _sizes(self, "observables", self.design))

    def _repr_html_(self) -> str:
        return table("StateSpace", [*_sizes(self, "observables", self.design), *_found(self)])

    @property
    def shock_cov(self) -> Array:
        """Q, as nonlinear state spaces call it (see `estim.representations.nonlinear`), of which this is one."""
        return self.state_cov

    def scales(self, num_periods: int) -> Array | None:
        """Of periods 1 to ``num_periods`` ``[num_periods, n_shocks]``, one in the first and after the last."""
        if self.shock_scales is None:
            return None
        given = self.shock_scales[1:num_periods]
        return jnp.pad(given, ((1, num_periods - 1 - len(given)), (0, 0)), constant_values=1.0)

    def later_shock_covs(self, num_periods: int) -> Array | None:
        """R Q_t R' of periods 2 to ``num_periods`` + 1; None where it is the same in all."""
        scales = self.scales(num_periods + 1)
        if scales is None:
            return None
        scaled = self.selection[None] * scales[1:, None, :]
        return scaled @ self.state_cov[None] @ scaled.swapaxes(1, 2)

    @property
    def num_shocks(self) -> int:
        return self.state_cov.shape[-1]

    @property
    def rest(self) -> Array:
        """The state at rest ``[n_states]``: zero."""
        return jnp.zeros(self.transition.shape[-1])

    def start(self, key: Key) -> Array:
        """A draw of s_0 ``[n_states]`` from the stationary distribution; NaN where there is none."""
        mean, root = self.beginning
        return mean + root @ jax.random.normal(key, mean.shape)

    @property
    def beginning(self) -> tuple[Array, Array]:
        """Mean and a root of the covariance of s_0, see `estim.representations.nonlinear`; NaN where it has none."""
        R = self.selection
        cov, status = solve_discrete_lyapunov(self.transition, R @ self.state_cov @ R.T)
        return self.rest, semidefinite_cholesky(
            jnp.where(status == Status.OK, cov, jnp.nan), SOLVED_COVARIANCE
        )

    def to_vector(self, state: Array) -> Array:
        """The state itself ``[n_states]``."""
        return state

    def from_vector(self, vector: Array) -> Array:
        """The same."""
        return vector

    def step(self, state: Array, shock: Array) -> Array:
        """T s + R e for a shock e ``[n_shocks]``, in the units of the model's file."""
        return self.transition @ state + self.selection @ shock

    def observe(self, state: Array) -> Array:
        """Z s + d ``[n_obs]``, without measurement error and trend."""
        return self.design @ state + self.obs_intercept


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

    def __repr__(self) -> str:
        return line("DecisionRule", _sizes(self, "variables", self.policy))

    def _repr_html_(self) -> str:
        return table("DecisionRule", [*_sizes(self, "variables", self.policy), *_found(self)])


def _sizes(solution: Any, what: str, rows: Any) -> list[tuple[str, str]]:
    """Of a solution, traced or a batch of draws too, with the rows of a matrix by what they are."""
    states, shocks = (getattr(x, "shape", ("?",))[-1] for x in (solution.transition, solution.selection))
    counts = [("states", states), ("shocks", shocks), (what, getattr(rows, "shape", ("?", "?"))[-2])]
    batch = getattr(solution.transition, "shape", ())[:-2]
    return [(what, str(n)) for what, n in counts] + ([("draws", str(batch[0]))] if batch else [])


def _found(solution: Any) -> list[tuple[str, str]]:
    """Status and largest roots, where they are numbers of one solution."""
    if isinstance(solution.status, jax.core.Tracer) or np.ndim(solution.status):
        return []
    status = Status(int(solution.status))
    roots = np.sort(np.abs(np.linalg.eigvals(np.asarray(solution.transition))))[::-1]
    return [("status", status.message), ("largest roots", ", ".join(f"{r:.4g}" for r in roots[:4]) or "none")]
