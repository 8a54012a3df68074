"""State spaces that need not be linear: where the state begins, how it moves, and what is observed of it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from estim.arguments import ArgumentError
from estim.representations.linear import StateSpace
from estim.typing import Array, Key, Scalar


class NonlinearStateSpace(ABC):
    """What nonlinear filters and simulations read. A subclass is a pytree, so that it crosses ``jit`` and ``vmap``.

        s_0 = start(key),    s_t = step(s_{t-1}, e_t),    e_t ~ N(0, shock_cov)
        y_t = observe(s_t) + g t + u_t,    u_t ~ N(0, obs_cov),    t = 1, 2, ...

    Any pytree is a state: ten numbers, or a cross-section of a million households. The linear `StateSpace` counts as
    one of these, so that whatever reads them can be held against the Kalman filter.

    Attributes:
        obs_cov: covariance of the measurement errors ``[n_obs, n_obs]``; None where they are not added to what is
            observed, so that no density of them is known.
        obs_trend: g ``[n_obs]``, or None.
        shock_cov: covariance of the shocks ``[n_shocks, n_shocks]``, in the units of the model's file.
        status: a `Status`.
    """

    obs_cov: Array | None
    shock_cov: Array
    status: Scalar
    obs_trend: Array | None = None

    @abstractmethod
    def start(self, key: Key) -> Any:
        """The state of the period before the first: a draw, or the same for every key."""

    @property
    def rest(self) -> Any:
        """The state at rest, where a path begins whose start is known.

        Raises:
            ArgumentError: this state space does not know it.
        """
        raise ArgumentError(
            f"a {type(self).__name__} has no state at rest, from which shocks could be inferred"
        )

    @property
    def beginning(self) -> tuple[Array, Array]:
        """Of `start`, where it is normal: the mean ``[n]`` of the state as a vector, a root ``[n, k]`` of its variance.

        The root moves smoothly with the parameters. NaN where there is no stationary distribution.

        Raises:
            ArgumentError: the start of this state space is no normal vector.
        """
        raise ArgumentError(f"a {type(self).__name__} does not begin as a vector that is normal")

    def to_vector(self, state: Any) -> Array:
        """The numbers of a state that the next step reads ``[n]``; all of them by default."""
        return ravel_pytree(state)[0]

    def from_vector(self, vector: Array) -> Any:
        """A state from these numbers; what no step reads of it means nothing."""
        return ravel_pytree(self.rest)[1](vector)

    @abstractmethod
    def step(self, state: Any, shock: Array) -> Any:
        """The state a period later, after shocks ``[n_shocks]``."""

    @abstractmethod
    def observe(self, state: Any) -> Array:
        """The observables ``[n_obs]`` in a state, without measurement error and trend."""

    @property
    def num_shocks(self) -> int:
        return self.shock_cov.shape[-1]


NonlinearStateSpace.register(StateSpace)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["params", "obs_cov", "status"],
    meta_fields=["specification"],
)
@dataclass(frozen=True)
class SimulatedStateSpace(NonlinearStateSpace):
    """The law of motion that a `Simulation` writes down, at given parameters.

    Attributes:
        specification: the `Simulation`, the static part.
        params: its Params.
        obs_cov, status: see `NonlinearStateSpace`.
    """

    specification: Any
    params: Any
    obs_cov: Array | None
    status: Scalar

    @property
    def shock_cov(self) -> Array:  # type: ignore[override]
        """Independent, of unit variance."""
        return jnp.eye(len(self.specification.shocks._fields))

    def start(self, key: Key) -> Any:
        """A draw where the simulation has `start_errors`, else the same for every key."""
        if self.specification.start_errors is None:
            return self.rest
        flat, unravel = ravel_pytree(self.rest)
        return unravel(flat + self._spread * jax.random.normal(key, flat.shape))

    @property
    def _spread(self) -> Array:
        """Standard deviations of the numbers that the simulation starts from ``[n]``."""
        return ravel_pytree(self.specification.start_errors(self.params))[0]

    @property
    def beginning(self) -> tuple[Array, Array]:
        """The simulation's start, known but for its `start_errors`."""
        mean = ravel_pytree(self.rest)[0]
        known = self.specification.start_errors is None
        return mean, jnp.zeros((mean.size, 0)) if known else jnp.diag(self._spread)

    @property
    def rest(self) -> Any:
        """Where the simulation starts."""
        return jax.tree.map(jnp.asarray, self.specification.start(self.params))

    def step(self, state: Any, shock: Array) -> Any:
        return self.specification.transition(state, self.specification.shocks(*shock), self.params)

    def observe(self, state: Any) -> Array:
        return self.specification.observe(state, self.params)
