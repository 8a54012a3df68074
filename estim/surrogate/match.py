"""Moment matching: where weights are unreliable, draws are moved to where the weights say that the posterior is.

Implicitly adaptive importance sampling (Paananen, Piironen, Bürkner and Vehtari 2021): an affine map gives the draws
the weighted points' mean, and their standard deviations or their covariance, and weights on what it makes of them are
better behaved. Points that were evaluated before keep a part: all of them come from the mixture of all maps.
"""

import jax
import numpy as np

from estim.arguments import Positive, checked
from estim.posterior import Posterior
from estim.surrogate.correct import WeightedDraws, weigh_points
from estim.surrogate.dataset import flattened
from estim.surrogate.estimates import evenly_spaced, reliable_khat
from estim.surrogate.evaluate import concatenate_evaluations, evaluate_posterior
from estim.surrogate.fit import Surrogate

A_PARAMETER = 10
"""Effective evaluations a parameter from which on their covariance is matched, and not only standard deviations."""


@checked
def match_moments(
    posterior: Posterior,
    surrogate: Surrogate,
    weighted: WeightedDraws,
    draws: np.ndarray,
    *,
    num_evaluations: Positive = 1000,
    num_rounds: Positive = 3,
) -> WeightedDraws:
    """More points, of moved draws, until the weights of all are reliable or no better than before.

    Args:
        posterior: the true posterior.
        surrogate: of `fit_surrogate`.
        weighted: of `weigh_draws`, whose k-hat is too high.
        draws: of the surrogate ``[chain, draw, dim]``; others of them are moved.
        num_evaluations: true ones, of each round.
        num_rounds: at most; each begins at the weights of all points before it.

    Returns:
        The weighted points, those given and new ones, in turn; the ones given where none is better.
    """
    best = weighted
    for number in range(num_rounds):
        if best.pareto_khat < reliable_khat(len(best.weight)) or not np.isfinite(best.weight).all():
            break
        stretches = best.stretches.with_map(*_matched(best))
        # Draws that were not taken before: a part of each step between those that were.
        later = np.asarray(draws)[:, (number + 1) * draws.shape[1] // (2 * num_rounds + 2) :]
        source = evenly_spaced(later, num_evaluations)
        newest = np.full(num_evaluations, len(stretches.matrix) - 1)
        moved = stretches.forward(source, newest)
        true = evaluate_posterior(posterior, moved, anew=True)
        order = np.argsort(
            np.concatenate([np.linspace(0, 1, n) for n in (len(best.weight), num_evaluations)]), kind="stable"
        )
        together = flattened(concatenate_evaluations(best.evaluations, true))
        tried = weigh_points(
            surrogate,
            np.concatenate([best.position, moved])[order],
            jax.tree.map(lambda leaf, order=order: leaf[order], together),
            np.concatenate([best.which, newest])[order],
            stretches,
        )
        if not tried.pareto_khat < best.pareto_khat:
            break
        best = tried
    return best


def _matched(weighted: WeightedDraws) -> tuple[np.ndarray, np.ndarray]:
    """The map, ``matrix`` ``[dim, dim]`` and ``shift`` ``[dim]``, from the draws' moments to the weighted points'."""
    center, dim = weighted.stretches.center, weighted.position.shape[1]
    moments = []
    for weight in (weighted.surrogate_weight, weighted.weight):
        mean = weight @ weighted.position
        centred = weighted.position - mean
        moments.append((mean, np.atleast_2d((weight[:, None] * centred).T @ centred)))
    (mean, covariance), (wanted_mean, wanted) = moments
    if weighted.effective_sample_size >= A_PARAMETER * dim:
        matrix = np.linalg.cholesky(wanted) @ np.linalg.inv(np.linalg.cholesky(covariance))
    else:
        matrix = np.diag(np.sqrt(np.diag(wanted) / np.diag(covariance)))
    # center + shift + matrix (mean - center) is the mean that is wanted.
    return matrix, wanted_mean - center - matrix @ (mean - center)
