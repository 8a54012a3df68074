"""States and shocks of a nonlinear state space given the whole sample, where what is filtered counts as normal."""

from functools import partial
from typing import Any, NamedTuple, get_args

import jax
import jax.numpy as jnp

from estim.kept import compiled_by_structure
from estim.likelihood.nonlinear.gaussian import Rule
from estim.likelihood.state_space.filtering import update
from estim.likelihood.state_space.smoothing import Smoothed
from estim.likelihood.state_space.start import Gaussian
from estim.numerics import semidefinite_cholesky
from estim.numerics.moment_rules import RULES
from estim.representations.trend import without_trend
from estim.typing import Array

_KNOWN = 1e-11
"""A share of a variance that counts as none in a regression on what is forecast."""


class _Period(NamedTuple):
    """Of a = (state, shocks) of a period: given the data so far, ``filtered``; of the next period, before its data,
    ``ahead``, and Cov(a, the next a)."""

    filtered: Gaussian
    ahead: Gaussian
    cross: Array


def smooth_gaussian(solution: Any, observations: Array, rule: Rule) -> Smoothed:
    """The filter of `GaussianFilter`, and backwards a regression of each period on the next.

        E(a_t | y) = E(a_t | y_1 .. y_t) + G (E(a_{t+1} | y) - E(a_{t+1} | y_1 .. y_t)),
        G = Cov(a_t, a_{t+1} | y_1 .. y_t) Var(a_{t+1} | y_1 .. y_t)^-1,    a = (state, shocks)

    Args:
        solution: a `NonlinearStateSpace` whose state is a vector.
        observations: ``[n_periods, n_obs]``, trend included; NaN is missing.

    Returns:
        Means and covariances of the states, as vectors, and of the shocks; of linear ones those of the Kalman smoother.

    Source: Särkkä (2008), IEEE Transactions on Automatic Control 53.
    """
    return _PROGRAMS[rule](solution, without_trend(solution, jnp.asarray(observations, float)))


def _smooth(rule: Rule, solution: Any, y: Array) -> Smoothed:
    begin, begin_root = solution.beginning
    n, e, n_obs = len(begin), solution.num_shocks, y.shape[1]
    size = n + e
    shock_root = semidefinite_cholesky(solution.shock_cov)
    choose, nothing = jnp.eye(n_obs, size + n_obs, size), jnp.zeros(n_obs)

    def move(inputs: Array) -> Array:
        """(state, shocks, observables) of the next period, from (state, shocks) of this one and its shocks."""
        state = solution.step(solution.from_vector(inputs[:n]), inputs[size:])
        return jnp.concatenate([solution.to_vector(state), inputs[size:], solution.observe(state)])

    def forecast(a: Gaussian, root: Array) -> tuple[Gaussian, Array]:
        inputs = jax.scipy.linalg.block_diag(root, shock_root)
        found = RULES[rule](move, jnp.concatenate([a.mean, jnp.zeros(e)]), inputs)
        return Gaussian(found.mean, found.spread @ found.spread.T), found.inputs[:size] @ found.spread[
            :size
        ].T

    def forward(carry: Gaussian, y: Array) -> tuple[Gaussian, _Period]:
        both, _ = update(carry, y, choose, nothing, solution.obs_cov)
        a = Gaussian(both.mean[:size], both.cov[:size, :size])
        root = semidefinite_cholesky(a.cov, scale=jnp.diagonal(carry.cov)[:size])
        ahead, cross = forecast(a, root[:, :n])  # directions of the shocks alone move nothing later
        return ahead, _Period(a, Gaussian(ahead.mean[:size], ahead.cov[:size, :size]), cross)

    def backward(later: Gaussian, now: _Period) -> tuple[Gaussian, Gaussian]:
        sd = jnp.sqrt(jnp.diagonal(now.ahead.cov))
        sd = jnp.where(sd > 0, sd, 1.0)
        inverse = jnp.linalg.pinv(now.ahead.cov / jnp.outer(sd, sd), rtol=_KNOWN, hermitian=True)
        G = now.cross / sd[None, :] @ inverse / sd[None, :]
        a = Gaussian(
            now.filtered.mean + G @ (later.mean - now.ahead.mean),
            now.filtered.cov + G @ (later.cov - now.ahead.cov) @ G.T,
        )
        return a, a

    before = jnp.pad(begin_root, ((0, e), (0, 0)))
    first, _ = forecast(Gaussian(jnp.pad(begin, (0, e)), before @ before.T), before)
    _, periods = jax.lax.scan(forward, first, y)
    last = jax.tree.map(lambda x: x[-1], periods.ahead)  # nothing is known beyond the sample
    _, smoothed = jax.lax.scan(backward, last, periods, reverse=True)
    mean, cov = smoothed
    return Smoothed(Gaussian(mean[:, :n], cov[:, :n, :n]), Gaussian(mean[:, n:], cov[:, n:, n:]))


_PROGRAMS: dict[str, Any] = {rule: compiled_by_structure(partial(_smooth, rule)) for rule in get_args(Rule)}
