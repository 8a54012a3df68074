"""Which candidates to evaluate: those that are expected to leave the least of the posterior's integrated variance.

After Järvenpää, Gutmann, Vehtari and Marttinen (2021), who choose a batch for a Gaussian process. Here an ensemble says
how unsure the log-likelihood is at each point, and the distance between two points how much of that they share:

    cov(x, y) = s(x) s(y) exp(-|x - y|^2 / 2 l^2),

with l as the members' deviations from their mean have it. An evaluation at y takes cov(x, y)^2 / (s(y)^2 + noise) from
the variance at x. The batch is chosen point by point, each by what it takes from the sum over the candidates, weighted
by how much the posterior minds, of the variance that those before it leave.
"""

import numpy as np

LENGTHS = np.geomspace(0.1, 10, 25)
"""That are tried, in standard deviations."""

NUM_PAIRS = 400
"""Candidates whose pairs say which."""

NOISE = 1e-2
"""Share of the average variance that an evaluation leaves at its own point: what a network does not follow."""


def choose_batch(z: np.ndarray, weight: np.ndarray, members: np.ndarray, num: int) -> np.ndarray:
    """Indices of `num` of the candidates.

    Args:
        z: candidates where the posterior is about standard normal, ``[n, dim]``.
        weight: how much the posterior minds an error there, ``[n]``.
        members: their log-likelihoods, ``[num_members, n]``.
    """
    deviation = members - members.mean(axis=0)
    sd = np.sqrt(np.sum(deviation**2, axis=0) / (len(members) - 1))
    squared = np.maximum(np.sum(z**2, 1)[:, None] + np.sum(z**2, 1) - 2 * z @ z.T, 0)
    length = _length(squared, deviation, sd)
    covariance = (np.outer(sd, sd) * np.exp(-0.5 * squared / length**2)).astype(np.float32)
    noise = np.float32(NOISE * np.mean(sd**2))
    weight, chosen, left = weight.astype(np.float32), [], np.ones(len(z), bool)
    for _ in range(num):
        own = np.maximum(np.diag(covariance), 0) + noise
        taken = np.where(left, np.einsum("i,ij,ij->j", weight, covariance, covariance) / own, -1)
        j = int(np.argmax(taken))
        chosen.append(j)
        left[j] = False
        column = covariance[:, j] / np.sqrt(own[j])
        covariance -= np.outer(column, column)
    return np.array(chosen)


def _length(squared: np.ndarray, deviation: np.ndarray, sd: np.ndarray) -> float:
    """The length by which the correlation of the members' deviations falls with distance, by least squares."""
    some = np.linspace(0, len(sd) - 1, min(NUM_PAIRS, len(sd))).astype(int)
    scaled = deviation[:, some] / np.maximum(sd[some], np.finfo(float).tiny)
    found = scaled.T @ scaled / (len(deviation) - 1)
    apart = squared[np.ix_(some, some)]
    errors = [np.sum((found - np.exp(-0.5 * apart / length**2)) ** 2) for length in LENGTHS]
    return float(LENGTHS[np.argmin(errors)])
