"""Where the model has no solution: a border learnt from the points that have none.

A logistic regression of whether a point has a likelihood on the quadratic in its whitened position: borders are
planes and conics. log P(solution | z) is added to the surrogate, so that its density falls beyond the border, steeply
where the points agree on it; it is nowhere zero, so that a correction can still find a mistake of the border.
"""

import numpy as np
import scipy.linalg

from estim.surrogate.tails import quadratic_features, symmetric

RIDGE = 1e-2
"""Of the coefficients: where a border parts the points without error these would grow for ever."""

ITERATIONS = 30


def distance_weights(z: np.ndarray) -> np.ndarray:
    """Weights ``[n]`` that fall beyond the bulk of a standard normal, as `density_weights` do by log-density."""
    dim = z.shape[1]
    beyond = np.maximum(0.5 * np.sum(z**2, axis=1) - dim / 2 - 2 * np.sqrt(dim / 2), 0)
    return 1 / (1 + (beyond / 3) ** 2)


def fit_border(solved: np.ndarray, unsolved: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Intercept, slope ``[dim]`` and curvature ``[dim, dim]`` of the log-odds of a solution, ``b + c'z + z'Cz``.

    By Newton's method with halved steps, of the penalised log-likelihood (McCullagh and Nelder 1989).

    Args:
        solved, unsolved: whitened points ``[n, dim]`` with a likelihood and without.
    """
    dim = solved.shape[1]
    z = np.concatenate([solved, unsolved])
    features, weight = quadratic_features(z), distance_weights(z)
    sign = np.where(np.arange(len(z)) < len(solved), 1.0, -1.0)
    penalty = RIDGE * np.ones(features.shape[1])
    penalty[0] = 0

    def loss(beta: np.ndarray) -> float:
        return weight @ np.logaddexp(0, -sign * (features @ beta)) + 0.5 * penalty @ beta**2

    beta = np.zeros(features.shape[1])
    now = loss(beta)
    for _ in range(ITERATIONS):
        odds = features @ beta
        wrong = 1 / (1 + np.exp(np.clip(sign * odds, -500, 500)))
        gradient = features.T @ (weight * sign * wrong) - penalty * beta
        curvature = features.T @ ((weight * wrong * (1 - wrong))[:, None] * features)
        step = scipy.linalg.solve(curvature + np.diag(penalty + 1e-9), gradient, assume_a="pos")
        share = 1.0
        while (new := loss(beta + share * step)) > now and share > 1e-4:
            share /= 2
        if not now - new > 1e-4:
            break
        beta, now = beta + share * step, new
    return beta[0], beta[1 : dim + 1], symmetric(beta[dim + 1 :], dim) / 2
