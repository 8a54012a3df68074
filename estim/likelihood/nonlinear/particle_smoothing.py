"""States and shocks given the sample, by particles that remember where they came from."""

from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.kept import compiled_by_structure
from estim.likelihood.nonlinear.measurement_errors import error_densities
from estim.likelihood.nonlinear.particle import Particle, filter_particles
from estim.likelihood.state_space.smoothing import Smoothed
from estim.likelihood.state_space.start import Gaussian
from estim.representations.nonlinear import NonlinearStateSpace
from estim.representations.trend import without_trend
from estim.typing import Array, Key

LAG = 20
"""Periods for which a particle remembers: later data are not heard. With more of them all particles would have one
ancestor, with fewer the data say less."""


class Remembered(NamedTuple):
    """A state, and how it came about: ``past`` ``[LAG + 1, n + n_shocks]``, states as vectors with the shocks that led
    to them, the latest first."""

    now: Any
    past: Array


class Remembering(NamedTuple):
    """A nonlinear state space whose particles carry their past with them."""

    whole: Any

    @property
    def shock_cov(self) -> Array:
        return self.whole.shock_cov

    def _entry(self, state: Any, shock: Array) -> Array:
        return jnp.concatenate([self.whole.to_vector(state), shock])

    def start(self, key: Key) -> Remembered:
        state = self.whole.start(key)
        entry = self._entry(state, jnp.zeros(self.shock_cov.shape[-1]))
        return Remembered(state, jnp.tile(entry, (LAG + 1, 1)))

    def step(self, state: Remembered, shock: Array) -> Remembered:
        now = self.whole.step(state.now, shock)
        return Remembered(now, jnp.concatenate([self._entry(now, shock)[None], state.past[:-1]]))

    def observe(self, state: Remembered) -> Array:
        return self.whole.observe(state.now)


def smooth_particles(settings: Particle, solution: NonlinearStateSpace, observations: Array) -> Smoothed:
    """Means and covariances over the particles, of each period given the data up to LAG periods later.

    Args:
        observations: ``[n_periods, n_obs]``, trend included; NaN is missing.

    Returns:
        Of the states as vectors and of the shocks, with the scatter of a mean over particles.

    Source: Kitagawa (1996), Journal of Computational and Graphical Statistics 5.
    """
    key = jax.random.key_data(jax.random.key(settings.seed))
    return _compiled(replace(settings, seed=0))(solution, jnp.asarray(observations, float), key)


@lru_cache(maxsize=8)
def _compiled(settings: Particle) -> Any:
    return compiled_by_structure(partial(_smooth, settings))


def _smooth(settings: Particle, solution: Any, observations: Array, key_data: Array) -> Smoothed:
    y = without_trend(solution, observations)
    errors, _ = error_densities(solution.obs_cov, y)

    def read(state: Remembered, log_weights: Array) -> Gaussian:
        w = jnp.exp(log_weights)
        mean = jnp.einsum("i,ilk->lk", w, state.past)
        apart = state.past - mean[None]
        return Gaussian(mean, jnp.einsum("i,ilj,ilk->ljk", w, apart, apart))

    key = jax.random.wrap_key_data(key_data)
    _, found = filter_particles(settings, Remembering(solution), y, errors, key, read)
    when = jnp.arange(len(y))
    last = jnp.minimum(when + LAG, len(y) - 1)  # the period up to which its data are heard
    mean, cov = (part[last, last - when] for part in found)
    n = mean.shape[-1] - solution.shock_cov.shape[-1]
    return Smoothed(Gaussian(mean[:, :n], cov[:, :n, :n]), Gaussian(mean[:, n:], cov[:, n:, n:]))
