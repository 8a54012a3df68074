"""What happened, by a nonlinear solution: the shocks behind the data, and what each of them did."""

from functools import singledispatch
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.arguments import ArgumentError, checked
from estim.likelihood.nonlinear.gaussian import GaussianFilter
from estim.likelihood.nonlinear.gaussian_smoothing import smooth_gaussian
from estim.likelihood.nonlinear.inversion import Inversion, inverted
from estim.likelihood.nonlinear.particle import Particle
from estim.likelihood.nonlinear.particle_smoothing import smooth_particles
from estim.likelihood.nonlinear.piecewise_kalman import PiecewiseKalman
from estim.likelihood.nonlinear.piecewise_smoothing import smooth_piecewise
from estim.likelihood.state_space.smoothing import Smoothed
from estim.likelihood.state_space.start import Gaussian
from estim.representations.nonlinear import NonlinearStateSpace
from estim.representations.paths import observed_path
from estim.representations.piecewise import PiecewiseLinear
from estim.representations.trend import without_trend
from estim.typing import Array


@checked
def smoothed_history(solution: NonlinearStateSpace, observations: Array, likelihood: Any = None) -> Smoothed:
    """States and shocks given the whole sample, as a likelihood sees them.

    Draws of `estim.Joint` carry their shocks with them, and need no smoother.

    Args:
        solution: a perturbation, a piecewise-linear solution, or another state space that need not be linear.
        observations: ``[n_periods, n_obs]``, trend included; NaN is missing.
        likelihood: ``estim.GaussianFilter(...)``, of a piecewise-linear solution ``estim.PiecewiseKalman(...)``, which
            are the defaults, ``estim.Inversion(...)``, whose shocks are known, with covariances of zero, or
            ``estim.Particle(...)``, whose particles remember twenty periods: later data are not heard.

    Returns:
        Means and covariances by period of the states as vectors (of a perturbation the parts of each order, one after
        another; of a piecewise-linear solution all variables, in deviations from rest) and of the shocks in the units
        of the model's file.

    Raises:
        ArgumentError: the likelihood has no rule.
    """
    if likelihood is None:
        likelihood = _DEFAULTS.get(type(solution), GaussianFilter())
    return _smoothed(likelihood, solution, observations)


_DEFAULTS: dict[type, Any] = {PiecewiseLinear: PiecewiseKalman()}


@singledispatch
def _smoothed(likelihood: Any, solution: Any, observations: Array) -> Smoothed:
    raise ArgumentError(
        f"smoothed_history: {type(likelihood).__name__} has no rule; take estim.GaussianFilter(), "
        "estim.PiecewiseKalman(), estim.Particle() or estim.Inversion()"
    )


@_smoothed.register
def _(likelihood: GaussianFilter, solution: Any, observations: Array) -> Smoothed:
    return smooth_gaussian(solution, observations, likelihood.rule)


@_smoothed.register
def _(likelihood: PiecewiseKalman, solution: Any, observations: Array) -> Smoothed:
    return smooth_piecewise(solution, observations)


@_smoothed.register
def _(likelihood: Particle, solution: Any, observations: Array) -> Smoothed:
    return smooth_particles(likelihood, solution, observations)


@_smoothed.register
def _(likelihood: Inversion, solution: Any, observations: Array) -> Smoothed:
    paired = likelihood.paired or tuple(range(observations.shape[1]))
    found = inverted(solution, without_trend(solution, observations), paired)
    known = lambda x: Gaussian(x, jnp.zeros((*x.shape, x.shape[1])))
    return Smoothed(known(_states(solution, found)), known(found.shocks))


@singledispatch
def _states(solution: Any, found: Any) -> Array:
    """States as vectors ``[n_periods, n_states]`` along the shocks that an inversion has found."""

    def step(state: Any, shock: Array) -> tuple[Any, Array]:
        state = solution.step(state, shock)
        return state, solution.to_vector(state)

    return jax.lax.scan(step, solution.rest, found.shocks)[1]


@_states.register
def _(solution: PiecewiseLinear, found: Any) -> Array:
    return found.variables


class PathDecomposition(NamedTuple):
    """Parts that add up to the path of the observables less where they rest.

    ``shocks`` ``[n_periods, n_obs, n_shocks]``; ``initial``, what the start does if no shock arrives, and
    ``remainder``, what shocks do together beyond what each does alone, ``[n_periods, n_obs]``. The trend is left out.
    """

    shocks: Array
    initial: Array
    remainder: Array


@checked
def decompose_path(
    solution: NonlinearStateSpace, shocks: Array, start: Array | None = None
) -> PathDecomposition:
    """What each shock did to the observables, as a difference between two paths: with it alone, and with none.

    Of a nonlinear solution these differences do not add up to what all shocks did: what is left is shown. It is zero
    where the solution is linear.

    Args:
        solution: a perturbation, or another state space whose state is a vector.
        shocks: ``[n_periods, n_shocks]``, such as smoothed ones, in the units of the model's file.
        start: the state of the period before the first as a vector ``[n]``; at rest where None.

    Returns:
        The parts.
    """
    return _decomposed(solution, jnp.asarray(shocks, float), start)


@jax.jit
def _decomposed(solution: Any, shocks: Array, start: Array | None) -> PathDecomposition:
    rest = solution.to_vector(solution.rest)
    start = rest if start is None else start
    none, kinds = jnp.zeros_like(shocks), jnp.eye(shocks.shape[1])
    unmoved = observed_path(solution, start, none)
    alone = jax.vmap(lambda kind: observed_path(solution, start, shocks * kind[None, :]))(kinds)
    by_shock = alone - unmoved[None]
    return PathDecomposition(
        shocks=jnp.moveaxis(by_shock, 0, 2),
        initial=unmoved - observed_path(solution, rest, none),
        remainder=observed_path(solution, start, shocks) - unmoved - by_shock.sum(axis=0),
    )
