"""Where chains begin, and what they first assume of a posterior."""

import jax.numpy as jnp
import numpy as np

from estim.posterior import Posterior
from estim.samplers.mode import (
    Laplace,
    ModeError,
    climb,
    find_mode,
    laplace_approximation,
    prior_scale,
    value_and_gradient_of,
)
from estim.samplers.states import evaluate_point
from estim.typing import Key

_NUM_BLIND = 50  # prior draws that are looked at where no gradient leads uphill


def first_approximation(posterior: Posterior, rng_key: Key) -> Laplace:
    """Where chains begin and what they first assume: the `laplace_approximation` at the mode; where the likelihood has
    no exact gradient, a normal with the widths of the prior around the best of some draws of it.

    Of parameters and shocks together the mode says little: with shocks near zero, the parameters make up for it. There
    it is the approximation at the mode of a cheaper posterior over the parameters alone, and at the best shocks given
    these.

    Raises:
        ModeError: as `find_mode`.
    """
    if posterior.gradient != "exact":
        return _around_the_best(posterior, rng_key)
    if (parameters := posterior.over_parameters()) is not None:
        params = find_mode(parameters, rng_key).position
        return laplace_approximation(posterior, jnp.asarray(_best_shocks(posterior, params)))
    return laplace_approximation(posterior, find_mode(posterior, rng_key))


def _best_shocks(posterior: Posterior, params: np.ndarray) -> np.ndarray:
    """The position of parameters ``[n]`` with the shocks at which the density is highest given these.

    Raises:
        ModeError: there is no density at these parameters.
    """
    both, n = value_and_gradient_of(posterior), len(params)
    start = np.zeros(len(posterior.start) - n)

    def given(shocks: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = both(np.concatenate([params, shocks]))
        return value, gradient[n:]

    value, shocks, _ = climb(given, np.ones_like(start), start, 1e-3)
    if not np.isfinite(value):
        raise ModeError("the mode of the cheaper posterior over the parameters alone has no density")
    return np.concatenate([params, shocks])


def _around_the_best(posterior: Posterior, rng_key: Key) -> Laplace:
    draws = np.asarray(posterior.sample_prior(rng_key, _NUM_BLIND))
    candidates = np.concatenate([np.asarray(posterior.start)[None], draws])
    found = [float(evaluate_point(posterior, jnp.asarray(x)).logdensity) for x in candidates]
    best = int(np.argmax(found))
    if not np.isfinite(found[best]):
        raise ModeError(f"posterior.start and {_NUM_BLIND} prior draws have no density")
    scale = np.diag(prior_scale(posterior))
    volume = 0.5 * len(scale) * np.log(2 * np.pi) + np.log(np.diag(scale)).sum()
    mass = found[best] + float(volume)
    one = candidates[best][None], np.array([found[best]]), np.array([mass]), scale[None]
    return Laplace(candidates[best], scale, found[best], mass, *one)
