"""Functions of the true posterior at many points: compiled once, in batches, spread over the devices."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import checked
from estim.devices import map_positions
from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.samplers.states import evaluate_with_gradient
from estim.typing import Array, Key, Position


@checked
def evaluate_posterior(
    posterior: Posterior, positions: np.ndarray, *, gradient: bool = False, anew: bool = False
) -> Evaluations:
    """The true posterior at ``positions`` ``[n, dim]``; with the log-likelihood's gradient on request.

    Args:
        posterior: what is evaluated.
        positions: ``[n, dim]``, unconstrained.
        gradient: with that of the log-likelihood; a noisy one that is drawn anew has none.
        anew: a noisy log-likelihood has random numbers of its own at each point, others for other points; else it has
            those of the posterior at all of them.

    Returns:
        `Evaluations` with the leading axis ``[n]``.
    """
    if anew and posterior.noisy:
        key = jax.random.key(zlib.crc32(np.ascontiguousarray(positions).tobytes()))
        rows = np.concatenate([positions, np.arange(len(positions))[:, None]], axis=1)
        found = map_positions(_drawn_anew, (posterior, key), rows, sequential=posterior.sequential)
        return jax.tree.map(jnp.asarray, found)
    evaluate = _with_gradient if gradient else Posterior.evaluate_fn
    found = map_positions(evaluate, posterior, positions, sequential=posterior.sequential)
    return jax.tree.map(jnp.asarray, found)


def _with_gradient(posterior: Posterior, position: Position) -> Evaluations:
    return evaluate_with_gradient(posterior, position)[0]


def score_at(posterior: Posterior, positions: np.ndarray) -> np.ndarray:
    """Gradients of the log-density ``[n, dim]`` at ``positions`` ``[n, dim]``; not finite where there is none."""
    prior = map_positions(_prior_gradient, posterior, positions)
    return np.asarray(evaluate_posterior(posterior, positions, gradient=True).gradient + prior)


def _prior_gradient(posterior: Posterior, position: Position) -> Array:
    return jax.grad(posterior.logprior_fn)(position)


def _drawn_anew(given: tuple[Posterior, Key], row: Array) -> Evaluations:
    """At a position with its number behind it."""
    posterior, key = given
    return posterior.redraw_fn(jax.random.fold_in(key, row[-1].astype(int))).evaluate_fn(row[:-1])


def concatenate_evaluations(*parts: Evaluations) -> Evaluations:
    """One set out of several, flattened; a part without gradients gets NaN ones if another part has them."""
    if any(part.gradient is not None for part in parts):
        parts = tuple(
            part
            if part.gradient is not None
            else part._replace(gradient=jnp.full_like(part.position, jnp.nan))
            for part in parts
        )
    lead = [part.loglikelihood.ndim for part in parts]
    flat = [
        jax.tree.map(lambda leaf, n=n: jnp.reshape(leaf, (-1, *leaf.shape[n:])), part)
        for part, n in zip(parts, lead, strict=True)
    ]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *flat)
