"""Where a border is: segments between a point with a solution and one without, halved until they are short."""

import numpy as np
from scipy.spatial import cKDTree

from estim.arguments import Positive, checked
from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.surrogate.dataset import flattened, units, unsolved_positions, whitened
from estim.surrogate.evaluate import concatenate_evaluations, evaluate_posterior

FEWEST_SEGMENTS, A_PARAMETER = 100, 30
"""Segments, and at least how many for each parameter."""

MAX_HALVINGS = 10
SHORT = 0.001
"""Length of a segment that is not halved again, in standard deviations of the points with a solution."""

RARE = 0.002
"""Share of the points without a solution below which a border is not worth an evaluation."""


def most_segments(dim: int) -> int:
    """As many as a border of `dim` parameters needs."""
    return max(FEWEST_SEGMENTS, A_PARAMETER * dim)


@checked
def locate_border(
    posterior: Posterior, evaluations: Evaluations, *, num_segments: Positive | None = None
) -> Evaluations:
    """The evaluations, and more of them by bisection where some have no likelihood: points beside the border.

    What N random points leave open of a border is about dim/N of the posterior's mass, in which a surrogate's draws
    have no likelihood or the surrogate no draws. Halving a segment between a point with a likelihood and one
    without closes that gap there, to a thousandth of a standard deviation in ten evaluations. Segments lead from points
    without a likelihood to the nearest that have one.

    Args:
        posterior: the true posterior.
        evaluations: those that will teach, of any leading shape.
        num_segments: at most; each costs ten evaluations. None for 30 a parameter, and at least 100.

    Returns:
        All evaluations, with one leading axis; those given where none, or next to none, has no likelihood.
    """
    flat, unsolved = flattened(evaluations), unsolved_positions(evaluations)
    solved = np.asarray(flat.position)[np.isfinite(flat.logdensity)]
    if len(unsolved) <= RARE * np.size(flat.logdensity) or len(solved) <= solved.shape[1]:
        return evaluations
    center, scale = units(solved)
    white = lambda x: whitened(center, scale, x)
    num = num_segments or most_segments(solved.shape[1])
    outside = unsolved[np.linspace(0, len(unsolved) - 1, min(len(unsolved), num)).astype(int)]
    partners = min(-(-num // len(outside)), len(solved))
    nearest = cKDTree(white(solved)).query(white(outside), partners)[1].reshape(-1)
    inside, outside = solved[nearest], np.repeat(outside, partners, axis=0)
    found = [flat]
    for _ in range(MAX_HALVINGS):
        long = np.linalg.norm(white(outside) - white(inside), axis=1) > SHORT
        if not long.any():
            break
        inside, outside = inside[long], outside[long]
        middle = (inside + outside) / 2
        known = evaluate_posterior(posterior, middle, anew=True)
        found.append(known)
        has = np.isfinite(np.asarray(known.logdensity))[:, None]
        inside, outside = np.where(has, middle, inside), np.where(has, outside, middle)
    return concatenate_evaluations(*found)
