"""The pruned state space of a perturbation of order one, two or three."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.numerics import semidefinite_cholesky, solve_discrete_lyapunov, solve_linear
from estim.numerics.semidefinite import SOLVED_COVARIANCE
from estim.representations.nonlinear import NonlinearStateSpace
from estim.status import Status
from estim.typing import Array, Key, Scalar


class Rule(NamedTuple):
    """A Taylor polynomial of functions of v = (x, e): last period's states in deviations from rest, today's shocks.

        y = level + G v + 1/2 (G2[v, v] + risk) + 1/6 (G3[v, v, v] + 3 risk_slope v)

    Derivatives are full ones at the deterministic steady state, in the order (states, shocks) along each axis of
    length n_inputs; ``risk`` is the second derivative by the scale of the shocks at one, ``risk_slope`` its
    derivative by v. What is beyond the order is None.

    Shapes: ``level`` ``[n]``, ``linear`` G ``[n, n_inputs]``, ``quadratic`` G2 ``[n, n_inputs, n_inputs]``, ``risk``
    ``[n]``, ``cubic`` G3 ``[n, n_inputs, n_inputs, n_inputs]``, ``risk_slope`` ``[n, n_inputs]``.
    """

    level: Array
    linear: Array
    quadratic: Array = None  # type: ignore[assignment]
    risk: Array = None  # type: ignore[assignment]
    cubic: Array = None  # type: ignore[assignment]
    risk_slope: Array = None  # type: ignore[assignment]

    def parts(self, states: tuple[Array, ...], shock: Array) -> tuple[Array, ...]:
        """What the terms of each order add to the level, ``[n]`` each.

        Args:
            states: the states' own parts of first, second and third order ``[n_states]``.
            shock: e ``[n_shocks]``.
        """
        n = len(states[0])
        v = jnp.concatenate([states[0], shock])
        found = [self.linear @ v]
        if self.quadratic is not None:
            found.append(self.linear[:, :n] @ states[1] + 0.5 * (_form(self.quadratic, v) + self.risk))
        if self.cubic is not None:
            cross = (self.quadratic[:, :, :n] @ states[1]) @ v
            cubic = _form(self.cubic, v) / 6 + 0.5 * (self.risk_slope @ v)
            found.append(self.linear[:, :n] @ states[2] + cross + cubic)
        return tuple(found)

    def slopes(self, states: tuple[Array, ...], shock: Array) -> tuple[Array, ...]:
        """Derivatives of `parts` by the states of each order, then by the shock: ``[n, order n_states + n_shocks]``."""
        n, v = len(states[0]), jnp.concatenate([states[0], shock])

        def by(inputs: Array, *parts: Array) -> Array:
            others = (*parts, *[jnp.zeros_like(inputs[:, :n])] * (len(states) - 1 - len(parts)))
            return jnp.concatenate([inputs[:, :n], *others, inputs[:, n:]], axis=1)

        found = [by(self.linear)]
        if self.quadratic is not None:
            bent = self.quadratic @ v
            found.append(by(bent, self.linear[:, :n]))
        if self.cubic is not None:
            inputs = self.quadratic[:, :, :n] @ states[1] + 0.5 * (self.cubic @ v @ v + self.risk_slope)
            found.append(by(inputs, bent[:, :n], self.linear[:, :n]))
        return tuple(found)


def _form(derivatives: Array, v: Array) -> Array:
    """D[v, v] or D[v, v, v] ``[n]`` of symmetric derivatives: each product of coordinates is taken once."""
    degree = derivatives.ndim - 1
    at, times = distinct_products(len(v), degree)
    return (derivatives[(slice(None), *at)] * times[None]) @ _products(v, degree)


def _products(v: Array, degree: int) -> Array:
    """The products of a degree, in the order of `distinct_products`: by slices, which a batch takes in its stride."""
    if degree == 1:
        return v
    return jnp.concatenate([v[i] * _products(v[i:], degree - 1) for i in range(len(v))])


def distinct_products(size: int, degree: int) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """The coordinates of the products of a degree, none twice, and how often each stands in the full form."""
    full = np.indices((size,) * degree).reshape(degree, -1)
    once, times = np.unique(np.sort(full, axis=0), axis=1, return_counts=True)
    return tuple(once), times.astype(float)


class PrunedState(NamedTuple):
    """The states' deviations from rest by order ``[n_states]`` each, and what is observed with them ``[n_obs]``."""

    parts: tuple[Array, ...]
    observed: Array


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["variables", "measured", "shock_cov", "obs_cov", "status", "obs_trend"],
    meta_fields=["states"],
)
@dataclass(frozen=True)
class PrunedStateSpace(NonlinearStateSpace):
    """A perturbation whose simulations do not explode: products of states are those of their first-order parts.

        x = x1 + x2 + x3,  x1' = linear in (x1, e),  x2' = linear in x2 and quadratic in (x1, e),  ...

    Attributes:
        variables: the `Rule` of the model's variables.
        measured: the `Rule` of its observables.
        shock_cov, obs_cov, status, obs_trend: see `NonlinearStateSpace`.
        states: the positions of the states among the variables.

    Source: Kim, Kim, Schaumburg and Sims (2008), J. Economic Dynamics and Control 32; Andreasen, Fernández-Villaverde
    and Rubio-Ramírez (2018), Review of Economic Studies 85, eqs. 6 to 14.
    """

    variables: Rule
    measured: Rule
    shock_cov: Array
    obs_cov: Array
    status: Scalar
    states: tuple[int, ...]
    obs_trend: Array | None = None

    @property
    def order(self) -> int:
        """Of the perturbation."""
        return 1 if self.variables.quadratic is None else 2 if self.variables.cubic is None else 3

    @property
    def motion(self) -> Rule:
        """The rule of the states: those of the variables that are read at their lag."""
        return jax.tree.map(lambda a: a[np.array(self.states, int)], self.variables)

    @property
    def rest(self) -> PrunedState:
        """The deterministic steady state."""
        return PrunedState((jnp.zeros(len(self.states)),) * self.order, self.measured.level)

    def start(self, key: Key) -> PrunedState:
        """A draw of the first-order part from its stationary distribution, the second-order part at its mean.

        The third-order part is zero. NaN where there is no stationary distribution.
        """
        mean, root = self.beginning
        return self.from_vector(mean + root @ jax.random.normal(key, root.shape[1:]))

    @property
    def beginning(self) -> tuple[Array, Array]:
        """Of the parts, one after another: only that of first order is not known."""
        cov, status = first_order_covariance(self)
        root = semidefinite_cholesky(jnp.where(status == Status.OK, cov, jnp.nan), SOLVED_COVARIANCE)
        n = len(self.states)
        nothing = jnp.zeros(n)
        means = [nothing, *([_second_order_mean(self, cov, status)] if self.order > 1 else []), nothing]
        return jnp.concatenate(means[: self.order]), jnp.pad(root, ((0, (self.order - 1) * n), (0, 0)))

    def to_vector(self, state: PrunedState) -> Array:
        return jnp.concatenate(state.parts)

    def from_vector(self, vector: Array) -> PrunedState:
        return self.rest._replace(parts=tuple(jnp.split(vector, self.order)))

    def step(self, state: PrunedState, shock: Array) -> PrunedState:
        both = jax.tree.map(lambda *rows: jnp.concatenate(rows), self.motion, self.measured)
        found, n = both.parts(state.parts, shock), len(self.states)
        seen = self.measured.level + sum(part[n:] for part in found)
        return PrunedState(tuple(part[:n] for part in found), seen)

    def observe(self, state: PrunedState) -> Array:
        return state.observed


def first_order_covariance(solution: PrunedStateSpace) -> tuple[Array, Scalar]:
    """The covariance of the states' first-order part ``[n_states, n_states]``, and its `Status`."""
    n = len(solution.states)
    hx, hu = jnp.split(solution.motion.linear, [n], axis=1)
    return solve_discrete_lyapunov(hx, hu @ solution.shock_cov @ hu.T)


def second_order_mean(solution: PrunedStateSpace) -> Array:
    """The mean of the states' second-order part ``[n_states]``: (I - h_x)^-1 1/2 (h2[E v v'] + risk).

    NaN where there is none.
    """
    return _second_order_mean(solution, *first_order_covariance(solution))


def _second_order_mean(solution: PrunedStateSpace, cov: Array, status: Scalar) -> Array:
    motion, n = solution.motion, len(solution.states)
    drift = 0.5 * (jnp.tensordot(motion.quadratic, inputs_covariance(solution, cov), 2) + motion.risk)
    mean, regular = solve_linear(jnp.eye(n) - motion.linear[:, :n], drift[:, None])
    return jnp.where((status == Status.OK) & regular, mean[:, 0], jnp.nan)


def inputs_covariance(solution: PrunedStateSpace, cov: Array) -> Array:
    """E v v' of v = (x1, e) ``[n_inputs, n_inputs]``, given that of x1."""
    nothing = jnp.zeros((len(cov), solution.num_shocks))
    return jnp.block([[cov, nothing], [nothing.T, solution.shock_cov]])
