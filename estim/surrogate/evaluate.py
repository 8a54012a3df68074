"""Functions of the true posterior at many points: compiled once, in batches, spread over the devices."""

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import checked
from estim.devices import map_positions
from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.samplers.states import evaluate_with_gradient
from estim.typing import Position


@checked
def evaluate_posterior(posterior: Posterior, positions: np.ndarray, *, gradient: bool = False) -> Evaluations:
    """The true posterior at ``positions`` ``[n, dim]``; with the log-likelihood's gradient on request.

    Args:
        posterior: what is evaluated.
        positions: ``[n, dim]``, unconstrained.
        gradient: with that of the log-likelihood.

    Returns:
        `Evaluations` with the leading axis ``[n]``.
    """
    evaluate = _with_gradient if gradient else Posterior.evaluate_fn
    found = map_positions(evaluate, posterior, positions, sequential=posterior.sequential)
    return jax.tree.map(jnp.asarray, found)


def _with_gradient(posterior: Posterior, position: Position) -> Evaluations:
    return evaluate_with_gradient(posterior, position)[0]


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
