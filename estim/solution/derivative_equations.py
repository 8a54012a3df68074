"""The linear equations that the derivatives of a solution solve, of any order.

With v = (x, e) the states of last period and today's shocks, y = g(v, s) solves for every v

    E f(x, g(v, s), g((P g(v, s), s e'), s), e) = 0,

where s scales the shocks to come and P picks the states. Each derivative of it by v is linear in the derivative of g
of the same order, and always in the same way: with A and B the derivatives of f by the next and today's variables and
M = B + A g_x P,

    M g_k + A g_k[h_v, ..., h_v] + F_k = 0,

where g_k[...] takes the derivatives by states along h = P g, and F_k holds what is known. Only the rows that f reads of
the next period and the columns of states have to be solved for together, as a Sylvester equation.

Source: Schmitt-Grohé and Uribe (2004), J. Economic Dynamics and Control 28; Levintal (2017), J. Economic Dynamics and
Control 80, for the form.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np

from estim.numerics import factorize, semidefinite_cholesky, solve_factorized, solve_linear
from estim.numerics.tensor_sylvester import apply_kronecker, solve_tensor_sylvester
from estim.representations.pruned import Rule, distinct_products
from estim.status import Status
from estim.typing import Array, Scalar


@dataclass(frozen=True)
class Linearized:
    """A model and its solution to first order, at a point.

    Attributes:
        functions: f, the residuals ``[n]`` and the observables ``[n_obs]`` in one vector, of w = (last period's
            variables, today's, the next period's, shocks) in one vector.
        lead: A ``[n, n_led]``; now: B ``[n, n]``; measured_now: ``[n_obs, n]``.
        lagged, led: the positions of the variables that are read of last period, the states, and of the next.
        variables, measured: the `Rule` of first order of variables and observables.
        shock_cov: ``[n_shocks, n_shocks]``.
    """

    functions: Callable[[Array], Array]
    lead: Array
    now: Array
    measured_now: Array
    lagged: np.ndarray
    led: np.ndarray
    variables: Rule
    measured: Rule
    shock_cov: Array

    @property
    def states(self) -> slice:
        """Their place among the inputs v."""
        return slice(0, len(self.lagged))

    @property
    def motion(self) -> Array:
        """h_v ``[n_states, n_inputs]``."""
        return self.variables.linear[self.lagged]

    @property
    def root(self) -> Array:
        """The inputs v that independent shocks of unit variance are ``[n_inputs, n_shocks]``."""
        nothing = jnp.zeros((len(self.lagged), len(self.shock_cov)))
        return jnp.concatenate([nothing, semidefinite_cholesky(self.shock_cov)])

    @property
    def rest(self) -> Array:
        """w at rest ``[n_w]``."""
        level = self.variables.level
        return jnp.concatenate([level, level, level, jnp.zeros(len(self.shock_cov))])

    def w(self, now: Array, lead: Array, past: Array | None = None) -> Array:
        """Derivatives of w ``[n_w, ...]`` from those of today's and the next period's variables ``[n, ...]`` and, for
        those of first order, of the inputs ``[n_inputs, ...]``."""
        states = len(self.lagged)
        lag, shocks = jnp.zeros_like(now), jnp.zeros((len(self.shock_cov), *now.shape[1:]))
        if past is not None:
            lag, shocks = lag.at[self.lagged].set(past[:states]), past[states:]
        return jnp.concatenate([lag, now, lead, shocks])

    @property
    def by_inputs(self) -> Array:
        """w_v ``[n_w, n_inputs]``."""
        g = self.variables.linear
        return self.w(g, g[:, self.states] @ self.motion, jnp.eye(g.shape[1]))

    @property
    def by_next_shocks(self) -> Array:
        """What the shocks of the next period, independent of unit variance, are to w: ``[n_w, n_shocks]``."""
        lead = self.variables.linear @ self.root
        return self.w(jnp.zeros_like(lead), lead)


class DerivativeEquations:
    """The equations at a point; ``status`` is OK, or SINGULAR or NOT_CONVERGED once one was not solved."""

    status: Scalar

    def __init__(self, known: Linearized):
        self._known = known
        ahead = known.lead @ known.variables.linear[known.led, known.states]
        self._matrix = known.now.at[:, known.lagged].add(ahead)
        self._factors = factorize(self._matrix)
        self.status = jnp.where(self._factors.regular, Status.OK, Status.SINGULAR)

    def _solve(self, right: Array) -> Array:
        return solve_factorized(self._matrix, self._factors, right)

    @cached_property
    def _reaction(self) -> Array:
        """M^-1 A ``[n, n_led]``."""
        return self._solve(self._known.lead)

    def by_inputs(self, constant: Array) -> Array:
        """g of M g + A g[h_v, ..., h_v] + F = 0, shaped like the constant F ``[n, n_inputs, ..., n_inputs]``."""
        known = self._known
        c = -self._solve(constant.reshape(len(constant), -1)).reshape(constant.shape)
        of_states = c[(known.led, *[known.states] * (c.ndim - 1))]
        x, status = solve_tensor_sylvester(
            -self._reaction[known.led], known.motion[:, known.states], of_states
        )
        self._note(status)
        return c - apply_kronecker(self._reaction, known.motion, x)

    def by_scale(self, constant: Array) -> Array:
        """g of M g + A g + F = 0, shaped like the constant F ``[n]``."""
        c = -self._solve(constant[:, None])
        among = self._reaction[self._known.led]
        x, regular = solve_linear(jnp.eye(len(among)) + among, c[self._known.led])
        self._note(jnp.where(regular, Status.OK, Status.SINGULAR))
        return (c - self._reaction @ x)[:, 0]

    def _note(self, status: Scalar) -> None:
        self.status = jnp.where(self.status == Status.OK, status, self.status)


def symmetric(of_products: Array, size: int, degree: int) -> Array:
    """Derivatives ``[n, size, ..., size]`` from those by each distinct product of inputs ``[n_products, n]``."""
    at, _ = distinct_products(size, degree)
    number = {each: i for i, each in enumerate(zip(*at, strict=True))}
    full = np.sort(np.indices((size,) * degree).reshape(degree, -1), axis=0)
    place = np.array([number[each] for each in zip(*full, strict=True)], int).reshape((size,) * degree)
    return of_products.T[:, place]
