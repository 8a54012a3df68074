"""Series of a moving average given those that are observed: what is not observed, after the sample or within it.

All is normal, so that x and y have E[x | y] = Cov(x, y) Var(y)^-1 (y - E y); and with (x*, y*) drawn from the
model x* + E[x - x* | y - y*] is a draw of x given y (Durbin and Koopman 2002, Biometrika 89).
"""

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_solve

from estim.likelihood.moving_average.toeplitz import autocovariances
from estim.likelihood.singularity import SMALLEST_SHARE
from estim.likelihood.state_space.start import Gaussian
from estim.numerics import block_toeplitz
from estim.representations.moving_average import MovingAverage
from estim.representations.trend import trend_path
from estim.solution.simulate import simulate
from estim.typing import Array, Key


@jax.jit
def conditional(solution: MovingAverage, observations: Array) -> tuple[Gaussian, Array]:
    """The series given what is observed of them ``[n_periods, n_obs]``, else NaN; measurement error included.

    Returns:
        Mean ``[n_periods, n_obs]`` and covariance ``[n_periods, n_obs, n_obs]`` of each period, and the periods
        ``[n_periods]`` whose observed numbers are tied to those before them.
    """
    n_periods, n_obs = observations.shape
    given = Given(solution, observations)
    mean = level(solution, n_periods) + given.mean(observations - level(solution, n_periods))
    whole = block_toeplitz(given.covariances.at[0].add(solution.obs_cov))
    shared = whole * given.seen.reshape(1, -1)  # Cov(x, y), zero where y is not seen
    spread = whole - shared @ cho_solve((given.root, True), shared.T)
    by_period = spread.reshape(n_periods, n_obs, n_periods, n_obs)
    return Gaussian(mean, jnp.einsum("tito->tio", by_period)), given.singular


@jax.jit
def sample_conditional(rng_key: Key, solution: MovingAverage, observations: Array) -> Array:
    """A draw of all series ``[n_periods, n]`` given the first of them, ``[n_periods, n_obs]``, NaN where unobserved."""
    n_periods, n_obs = observations.shape
    drawn = simulate(solution, rng_key, n_periods)
    return drawn + Given(solution, observations).mean(observations - drawn[:, :n_obs])


def level(solution: MovingAverage, n_periods: int) -> Array:
    """d + g t ``[n_periods, n_obs]``."""
    return solution.obs_intercept[None] + trend_path(solution, n_periods)


class Given:
    """The variance of what is seen of the first series, factorised once."""

    def __init__(self, solution: MovingAverage, observations: Array) -> None:
        n_periods, n_obs = observations.shape
        self.seen = ~jnp.isnan(observations)
        self.covariances = autocovariances(solution, n_periods)
        self.error = solution.obs_cov
        first = self.covariances[:, :n_obs, :n_obs].at[0].add(self.error[:n_obs, :n_obs])
        seen = self.seen.reshape(-1)
        variance = jnp.where(seen[:, None] & seen[None], block_toeplitz(first), jnp.eye(seen.size))
        self.root = jnp.linalg.cholesky(variance)
        pivots = jnp.diagonal(self.root) ** 2
        tied = ~(pivots > SMALLEST_SHARE * jnp.diagonal(variance))
        self.singular = tied.reshape(n_periods, n_obs).any(axis=1)

    def weigh(self, centred: Array) -> Array:
        """Var(y)^-1 y ``[n_periods, n_obs]``, zero where y is not seen."""
        y = jnp.where(self.seen, centred, 0.0).reshape(-1)
        return cho_solve((self.root, True), y).reshape(centred.shape) * self.seen

    def mean(self, centred: Array) -> Array:
        """E[x | y = centred] of all series ``[n_periods, n]``, all of them without a mean of their own."""
        n_periods, n_obs = centred.shape
        weight = self.weigh(centred)
        date = jnp.arange(n_periods)
        ahead = (date[:, None] - date[None])[..., None, None]
        later, earlier = self.covariances[:, :, :n_obs], self.covariances[:, :n_obs].swapaxes(1, 2)
        lag = jnp.abs(ahead[..., 0, 0])
        shared = jnp.where(ahead >= 0, later[lag], earlier[lag])  # Cov(x_t, y_s)
        return jnp.einsum("tsik,sk->ti", shared, weight) + weight @ self.error[:n_obs]
