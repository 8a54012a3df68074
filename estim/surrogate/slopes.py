"""Whether gradients hold at the posterior's scale: between kinks that lie close they say nothing of what comes next."""

import numpy as np
from scipy.spatial import cKDTree

from estim.evaluations import Evaluations
from estim.posterior import Posterior
from estim.surrogate.dataset import units, whitened
from estim.surrogate.evaluate import evaluate_posterior

NUM_PROBES = 40
NEIGHBOURS = 3
"""Probes by which a point is judged, the nearest."""

STEP = 0.05
"""Of a probe to both sides, in standard deviations of the points."""


def slope_errors(posterior: Posterior, points: Evaluations) -> np.ndarray:
    """How far gradients are from finite slopes ``[n]``: log-likelihood by standard deviation, inf where unknown.

    At some points x with a gradient g, in a random direction d of length one where the points are standard normal,

        e = (l(x + h d) - l(x - h d)) / 2h - g'd

    is of order h^2 where l is smooth and of the size of the gradient's jumps where kinks lie closer than h, as in the
    log-likelihoods of households on grids. The error is the root of the mean of e^2 dim, |g - g_smooth|^2 on average,
    over the nearest probes.

    Args:
        posterior: whose log-likelihood is evaluated 80 times.
        points: host arrays ``[n, dim]``, ``[n]``.
    """
    position, gradient = np.asarray(points.position), np.asarray(points.gradient)
    num, dim = position.shape
    known = np.flatnonzero(np.isfinite(gradient).all(axis=1))
    if not len(known):
        return np.full(num, np.inf)
    at = known[np.linspace(0, len(known) - 1, min(NUM_PROBES, len(known))).astype(int)]
    center, scale = units(position)
    direction = np.random.default_rng(0).normal(size=(len(at), dim))
    step = direction / np.linalg.norm(direction, axis=1, keepdims=True) @ scale.T
    sides = np.concatenate([position[at] + STEP * step, position[at] - STEP * step])
    above, below = np.split(np.asarray(evaluate_posterior(posterior, sides).loglikelihood), 2)
    said = np.sum(gradient[at] * step, axis=1)
    with np.errstate(invalid="ignore"):
        error = (above - below) / (2 * STEP) - said
    kept = np.isfinite(error)  # beside a border one side may have no likelihood
    if not kept.any():
        return np.zeros(num)
    white = whitened(center, scale, position)
    nearest = cKDTree(white[at[kept]]).query(white, [*range(1, min(NEIGHBOURS, kept.sum()) + 1)])[1]
    return np.sqrt(dim * np.mean(error[kept][nearest] ** 2, axis=1))
