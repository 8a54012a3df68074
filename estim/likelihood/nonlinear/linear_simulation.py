"""`LinearSimulation`: the exact log-likelihood of a simulation that is linear, from its own start."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from estim.arguments import ArgumentError, NonNegative, check_fields
from estim.likelihood.contract import Gradient, Likelihood, check_presample
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.likelihood.state_space.chandrasekhar import known_start_logdensities
from estim.likelihood.state_space.filtering import filter_states
from estim.likelihood.state_space.start import Gaussian
from estim.representations.linear import StateSpace
from estim.representations.nonlinear import SimulatedStateSpace
from estim.status import Status
from estim.typing import Array


@dataclass(frozen=True)
class LinearSimulation(Likelihood):
    """The Gaussian log-likelihood of a `Simulation` whose motion and measurement are linear in states and shocks.

    What they are linear by may depend on the parameters in any way. The state before the first period is the
    simulation's start, known but for its `start_errors`; nothing else is assumed of it, so that unit roots are welcome.
    Complete data with a measurement error in each observable go through Chandrasekhar recursions, others through the
    Kalman filter.

    Attributes:
        presample: periods at the start that are filtered but not counted.

    Raises:
        ArgumentError: a setting is out of its range.

    Source: Durbin and Koopman (2012), Time Series Analysis by State Space Methods, ch. 4; Kailath and Sayed (1995),
    SIAM Review 37.
    """

    presample: NonNegative = 0

    reads: ClassVar[type] = SimulatedStateSpace
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def __post_init__(self) -> None:
        check_fields(self, "likelihood.")

    def check_specification(self, spec: Any) -> None:
        """
        Raises:
            ArgumentError: the simulation is not linear, or its measurement errors are not added.
        """
        if not spec.adds_errors:
            raise ArgumentError(
                f"{spec.name}: the density of its measurement errors is not known: they are not added"
            )
        if not spec.is_linear:
            raise ArgumentError(
                f"{spec.name} is not linear in its state and shocks: choose another likelihood, such as 'particle'"
            )

    def for_data(self, observations: Array) -> tuple["LinearSimulation", Array]:
        check_presample(self.presample, observations)
        complete = not isinstance(observations, jax.core.Tracer) and not np.isnan(observations).any()
        return _Complete(self.presample) if complete else self, jnp.asarray(observations)

    def loglikelihood(self, solution: SimulatedStateSpace, data: Array) -> Outcome:
        """Log-density of the observations, every constant included, and its status."""
        return self._loglikelihood(solution, data, fast=False)

    def _loglikelihood(self, solution: SimulatedStateSpace, data: Array, fast: bool) -> Outcome:
        @impossible_if_not_finite
        def likelihood(solution: SimulatedStateSpace, data: Array) -> Outcome:
            state_space, spread = as_state_space(solution)
            T, R = state_space[:2]
            mean = jnp.zeros(len(T)).at[-1].set(1.0)
            if fast and has_errors(solution.specification):
                densities = known_start_logdensities(state_space, data, mean, spread)
            else:
                cov = T @ spread @ spread.T @ T.T + R @ R.T
                densities = filter_states(state_space, data, Gaussian(T @ mean, cov))[1]
            return outcome(
                densities[self.presample :].sum(),
                (solution.status == Status.OK, solution.status),
                ((state_space[:6], spread, jnp.isnan(data) | jnp.isfinite(data)), Status.NOT_FINITE.value),
            )

        return likelihood(solution, data)


class _Complete(LinearSimulation):
    """The same of data without gaps."""

    def loglikelihood(self, solution: SimulatedStateSpace, data: Array) -> Outcome:
        return self._loglikelihood(solution, data, fast=True)


def as_state_space(solution: SimulatedStateSpace) -> tuple[StateSpace, Array]:
    """The linear state space of deviations x_t - x_0 from the start, with a last state that is always one.

    And the standard deviations of x_0 as columns ``[n_states, k]``, of those numbers that have any.
    """
    spec, params = solution.specification, solution.params
    x_0, unravel = ravel_pytree(jax.tree.map(lambda x: jnp.asarray(x, float), solution.rest))
    no_shocks = jnp.zeros(solution.num_shocks)
    move = lambda x, e: ravel_pytree(solution.step(unravel(x), e))[0]
    observe = lambda x: solution.observe(unravel(x))
    T, R = jax.jacfwd(move, (0, 1))(x_0, no_shocks)
    drift = move(x_0, no_shocks) - x_0
    n = x_0.size
    transition = jnp.eye(n + 1).at[:n, :n].set(T).at[:n, n].set(drift)
    Z = jnp.pad(jax.jacfwd(observe)(x_0), ((0, 0), (0, 1)))
    selection = jnp.pad(R, ((0, 1), (0, 0)))
    assert solution.obs_cov is not None  # checked of the specification
    state_space = StateSpace(
        transition, selection, solution.shock_cov, Z, observe(x_0), solution.obs_cov, solution.status
    )
    return state_space, _spread(spec, params, n)


def _spread(spec: Any, params: Any, n: int) -> Array:
    """A column ``[n + 1]`` for each number of x_0 that has an error, by no plain zero."""
    leaves = [] if spec.start_errors is None else jax.tree.leaves(spec.start_errors(params))
    known = [isinstance(leaf, int | float) and leaf == 0 for leaf in leaves]
    uncertain = np.repeat(~np.array(known, bool), [np.size(leaf) for leaf in leaves]).nonzero()[0]
    sds = (
        jnp.concatenate([jnp.ravel(jnp.asarray(leaf, float)) for leaf in leaves]) if leaves else jnp.zeros(n)
    )
    return jnp.zeros((n + 1, len(uncertain))).at[uncertain, np.arange(len(uncertain))].set(sds[uncertain])


def has_errors(spec: Any) -> bool:
    """Whether every combination of observables has a measurement error, at the defaults."""
    with jax.ensure_compile_time_eval():
        cov = np.asarray(spec.measurement_covariance(spec.params()))
    return bool(np.linalg.eigvalsh(cov).min() > 0)
