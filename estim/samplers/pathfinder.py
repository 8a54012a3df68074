"""Pathfinder: the best Gaussian on the way of an optimiser, as a start for samplers."""

import jax
import jax.numpy as jnp
import numpy as np
from blackjax.optimizers.lbfgs import lbfgs_inverse_hessian_formula_1
from blackjax.vi.pathfinder import approximate

from estim.posterior import Posterior
from estim.samplers.adaptation import cholesky_of_few
from estim.samplers.mode import Laplace, ModeError, finite_starts
from estim.typing import Key


def pathfinder_approximation(posterior: Posterior, rng_key: Key, *, num_paths: int = 4) -> Laplace:
    """The Gaussian of highest ELBO on L-BFGS paths from several starts (Zhang et al. 2022), by BlackJAX.

    Serves where a Laplace approximation does, as the ``laplace`` of `sample`: where the mode
    is far from the mass it is the better start. The paths of a posterior that is better evaluated one point after
    another are taken one after another. ``mode`` is the Gaussian's mean, and
    ``log_marginal_likelihood`` the ELBO, a lower bound in expectation.

    Args:
        posterior: what is approximated.
        rng_key: of the starts and the paths.
        num_paths: how many.

    Returns:
        The best path's Gaussian.

    Raises:
        ModeError: no start has a finite density, or no path ends in a Gaussian of finite ELBO.
    """
    key_starts, key_paths = jax.random.split(rng_key)
    starts = jnp.asarray(finite_starts(posterior, key_starts, num_paths))

    def path(key: Key, start: jax.Array):
        found, _ = approximate(key, posterior.logdensity_fn, start)
        covariance = lbfgs_inverse_hessian_formula_1(found.alpha, found.beta, found.gamma)
        return found.elbo, found.position - covariance @ found.grad_position, covariance

    with jax.numpy_rank_promotion("allow"):  # as BlackJAX's own code needs
        keys = jax.random.split(key_paths, len(starts))
        elbos, means, covariances = jax.jit(posterior.over(path))(keys, starts)
    sound = np.isfinite(elbos) & np.isfinite(covariances).all(axis=(1, 2)) & np.isfinite(means).all(axis=1)
    if not np.any(sound):
        raise ModeError(f"none of {len(starts)} paths of L-BFGS ends in a Gaussian of finite ELBO")
    best = int(np.argmax(np.where(sound, elbos, -np.inf)))
    mean = np.asarray(means[best])
    logdensity = float(posterior.logdensity_fn(means[best]))
    return Laplace(mean, cholesky_of_few(np.asarray(covariances[best])), logdensity, float(elbos[best]))
