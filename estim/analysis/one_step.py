"""One step ahead: each period's observables given those before it."""

from functools import singledispatch
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl

from estim.analysis.moving_average import Given, level
from estim.arguments import checked
from estim.likelihood.state_space.smoothing import predict_given_levels
from estim.likelihood.state_space.start import Gaussian
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.representations.trend import trend_path
from estim.typing import Array

_KNOWN = 1e-10
"""Of the sample's information on the levels: a direction with a smaller share of it is not known yet."""
_LOADS = 1e-6


@checked
def one_step_ahead(solution: StateSpace | MovingAverage, observations: Array) -> Gaussian:
    """The distribution of y_t given y_1 .. y_{t-1}, whose log-densities add up to the log-likelihood.

    Where the model has unit roots nothing is known of their level before the first period. While the sample so far
    does not tell it, the variance is infinite.

    Args:
        solution: the model's.
        observations: y ``[n_periods, n_obs]``, trend included; NaN marks a missing number.

    Returns:
        Mean ``[n_periods, n_obs]`` and covariance ``[n_periods, n_obs, n_obs]``, measurement error included; NaN where
        y is missing.

    Source: Durbin and Koopman (2012), section 4.3; with an unknown level de Jong (1991), Annals of Statistics 19.
    """
    found = _predict(solution, jnp.asarray(observations, float))
    seen = ~jnp.isnan(observations)
    both = seen[:, :, None] & seen[:, None, :]
    return Gaussian(jnp.where(seen, found.mean, jnp.nan), jnp.where(both, found.cov, jnp.nan))


@singledispatch
def _predict(solution: Any, observations: Array) -> Gaussian:
    return _of_state_space(solution, observations)


@jax.jit
def _of_state_space(solution: StateSpace, observations: Array) -> Gaussian:
    """With delta by generalised least squares from the errors so far: v_t = V_t [1, delta], weighed by root_t."""
    (M, P, V, root), _ = predict_given_levels(solution, observations)
    Z, n = solution.design, solution.transition.shape[0]
    W = jax.vmap(lambda L, V: jsl.solve_triangular(L, V[:, : 1 + n], lower=True))(root, V)
    so_far = jnp.cumsum(W.swapaxes(1, 2) @ W, axis=0)
    before = jnp.concatenate([jnp.zeros_like(so_far[:1]), so_far[:-1]])
    most = jnp.linalg.eigvalsh(so_far[-1, 1:, 1:]).max()

    def one(M: Array, P: Array, products: Array) -> tuple[Array, Array]:
        at_zero, effects = Z @ M[:, 0], Z @ M[:, 1 : 1 + n]
        information, directions = jnp.linalg.eigh(products[1:, 1:])
        known = information > _KNOWN * most
        inverse = jnp.where(known, 1 / jnp.where(known, information, 1.0), 0.0)
        effects = effects @ directions
        gain = effects * inverse[None]
        mean = at_zero - gain @ (directions.T @ products[1:, 0])
        cov = Z @ P @ Z.T + solution.obs_cov + gain @ effects.T
        untold = jnp.concatenate([jnp.where(known[None], 0.0, effects), Z @ M[:, 1 + n :]], axis=1)
        unknown = jnp.abs(untold).max(axis=1) > _LOADS
        infinite = jnp.where(jnp.eye(len(Z), dtype=bool), jnp.inf, jnp.nan)
        return mean, jnp.where(unknown[:, None] | unknown[None], infinite, cov)

    mean, cov = jax.vmap(one)(M, P, before)
    trend = trend_path(solution, len(observations))
    return Gaussian(mean + solution.obs_intercept[None] + trend, cov)


@_predict.register
@jax.jit
def _(solution: MovingAverage, observations: Array) -> Gaussian:
    """With Var(y) = L L' and e = L^-1 (y - E y), the prediction of a period is its rows of L times the e before it."""
    n_periods, n_obs = observations.shape
    given, usual = Given(solution, observations), level(solution, n_periods)
    centred = jnp.where(given.seen, observations - usual, 0.0).reshape(-1)
    e = jsl.solve_triangular(given.root, centred, lower=True)
    date = jnp.arange(n_periods * n_obs) // n_obs
    mean = jnp.where(date[:, None] > date[None], given.root, 0.0) @ e
    blocks = given.root.reshape(n_periods, n_obs, n_periods, n_obs)
    own = jnp.einsum("titj->tij", blocks)
    return Gaussian(usual + mean.reshape(n_periods, n_obs), own @ own.swapaxes(1, 2))
