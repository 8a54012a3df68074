"""Asset grids and income processes, differentiable in their parameters."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.typing import Array, Scalar


class IncomeProcess(NamedTuple):
    """A Markov chain for income: ``states`` e ``[n_e]`` with mean one, ``transition`` Pi ``[n_e, n_e]``
    (row: today), ``stationary`` ``[n_e]``."""

    states: Array
    transition: Array
    stationary: Array


@partial(jax.jit, static_argnames="n_states")
def rouwenhorst(persistence: Scalar | float, dispersion: Scalar | float, n_states: int) -> IncomeProcess:
    """Rouwenhorst's chain for log e, an AR(1); exact autocorrelation and dispersion.

    Args:
        persistence: autocorrelation of log e.
        dispersion: cross-sectional standard deviation of log e (not of its innovation).
        n_states: number of income states, at least 2.

    The chain counts the heads among n-1 coins, each of which keeps its side with probability
    p = (1 + persistence) / 2 (Kopecky and Suen 2010): the stationary law is binomial, so
    the states are spread by sqrt(n-1) standard deviations.
    """
    n_coins = n_states - 1
    p = (1 + persistence) / 2
    transition = jnp.ones((1, 1))
    for _ in range(n_coins):
        stay, leave = p * transition, (1 - p) * transition
        corners = (
            jnp.pad(stay, ((0, 1), (0, 1)))
            + jnp.pad(leave, ((0, 1), (1, 0)))
            + jnp.pad(leave, ((1, 0), (0, 1)))
            + jnp.pad(stay, ((1, 0), (1, 0)))
        )
        rows = np.ones((corners.shape[0], 1))
        rows[1:-1] = 0.5
        transition = corners * rows
    stationary = jnp.asarray(np.poly1d([0.5, 0.5]) ** n_coins)
    states = jnp.exp(dispersion * np.sqrt(n_coins) * np.linspace(-1.0, 1.0, n_states))
    return IncomeProcess(states / (stationary @ states), transition, stationary)


def double_exponential_grid(
    low: Scalar | float, high: Scalar | float, n_points: int, crowding: float = 1.0
) -> Array:
    """Assets on ``[low, high]``, dense near `low`: a = low + exp(exp(u) - 1) - 1. ``[n_points]``.

    u is the power `crowding` of evenly spaced numbers, times a constant. Where many households are at a
    borrowing limit, 2.5 makes the same number of points far more accurate than 1.
    """
    top = jnp.log1p(jnp.log1p(high - low))
    return low + jnp.expm1(jnp.expm1(top * np.linspace(0.0, 1.0, n_points) ** crowding))


def geometric_grid(
    low: Scalar | float, high: Scalar | float, n_points: int, shift: Scalar | float = 0.25
) -> Array:
    """Assets on ``[low, high]``, geometric after a shift of ``|low| + shift``. ``[n_points]``."""
    pivot = jnp.abs(low) + shift
    bottom, top = jnp.log(low + pivot), jnp.log(high + pivot)
    inner = jnp.exp(bottom + (top - bottom) * np.linspace(0.0, 1.0, n_points)) - pivot
    return inner.at[0].set(low)  # exactly, so that the constraint binds at a grid point


class MarkovChain(NamedTuple):
    """A chain on numbers: ``states`` ``[n]`` and ``transition`` ``[n, n]`` (row: today)."""

    states: Array
    transition: Array

    @property
    def stationary(self) -> Array:
        """The stationary law ``[n]``: psi (I - P + 1 1') = 1'."""
        n = self.states.shape[0]
        return jnp.linalg.solve((np.eye(n) - self.transition + np.ones((n, n))).T, np.ones(n))


@partial(jax.jit, static_argnames="n_states")
def tauchen(
    persistence: Scalar | float, innovation_sd: Scalar | float, n_states: int, width: float = 3.0
) -> MarkovChain:
    """Tauchen's (1986, Economics Letters 20) chain for x' = rho x + sigma e, e standard normal.

    Args:
        persistence: rho.
        innovation_sd: sigma, of the innovation.
        n_states: number of evenly spaced states, at least 2.
        width: the outermost states, in stationary standard deviations.

    The probability of a state is that of the cell around it, whose edges lie half way to its neighbours.
    """
    top = width * innovation_sd / jnp.sqrt(1 - persistence**2)
    states = top * np.linspace(-1.0, 1.0, n_states)
    edges = (states[1:] + states[:-1]) / 2
    below = jax.scipy.stats.norm.cdf((edges[None, :] - persistence * states[:, None]) / innovation_sd)
    j, last = np.arange(n_states), n_states - 1
    up_to = jnp.where((j < last)[None], below[:, np.minimum(j, last - 1)], 1.0)
    return MarkovChain(states, up_to - jnp.where((j > 0)[None], below[:, np.maximum(j - 1, 0)], 0.0))
