"""Where the model has no solution: a border learnt from the points that have none.

The region with a solution is taken for a polytope, each of whose few sides is a soft one:

    P(solution | z) = prod_k 1 / (1 + exp(-(b_k + c_k'z))).

log P is added to the surrogate, so that its density falls beyond the border, steeply where the points agree on where that is,
and goes on falling. It is nowhere zero, so that a correction can still find a mistake of the border. Sides that
points do not ask for move away. How steep they may be is decided by points that were not used (a ridge of their normals).
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

SIDES = 4

RIDGES = (0.01, 0.1, 1.0, 10.0)
"""Penalties that are tried; where sides part the points without error their normals would grow for ever."""

ITERATIONS = 150


def no_border(dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Sides infinitely far away."""
    return np.full(SIDES, np.inf), np.zeros((SIDES, dim))


def distance_weights(z: np.ndarray) -> np.ndarray:
    """Weights ``[n]`` that fall beyond the bulk of a standard normal, as `density_weights` do by log-density."""
    dim = z.shape[1]
    beyond = np.maximum(0.5 * np.sum(z**2, axis=1) - dim / 2 - 2 * np.sqrt(dim / 2), 0)
    return 1 / (1 + (beyond / 3) ** 2)


def fit_border(solved: np.ndarray, unsolved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``b`` ``[SIDES]`` and ``c`` ``[SIDES, dim]``, by the likelihood of who has a solution.

    Args:
        solved, unsolved: whitened points ``[n, dim]`` with a likelihood and without.
    """
    if not len(unsolved):
        return no_border(solved.shape[1])
    z = np.concatenate([solved, unsolved])
    known = np.arange(len(z)) < len(solved)
    weight = distance_weights(z)
    start = _first_sides(unsolved)
    best = RIDGES[1]
    if len(unsolved) >= 10 * SIDES:
        half = np.arange(len(z)) % 2 == 0
        fits = [_fit(z[half], known[half], weight[half], ridge, start) for ridge in RIDGES]
        losses = [_loss(fit, z[~half], known[~half], weight[~half], 0.0)[0] for fit in fits]
        best = RIDGES[int(np.argmin(losses))]
    fitted = _fit(z, known, weight, best, start).reshape(SIDES, -1)
    return fitted[:, 0], fitted[:, 1:]


def _first_sides(unsolved: np.ndarray) -> np.ndarray:
    """Each perpendicular to the way to some of the unsolved points, which are parted by their directions."""
    rng = np.random.default_rng(0)
    direction = unsolved / np.linalg.norm(unsolved, axis=1, keepdims=True)
    centers = direction[rng.integers(len(direction), size=SIDES)]
    for _ in range(10):
        nearest = np.argmax(direction @ centers.T, axis=1)
        sums = np.stack([direction[nearest == k].sum(axis=0) + 1e-3 * centers[k] for k in range(SIDES)])
        centers = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    nearest = np.argmax(direction @ centers.T, axis=1)
    far = np.array([np.median((unsolved @ c)[nearest == k]) if np.any(nearest == k) else 3.0 for k, c in enumerate(centers)])
    return np.column_stack([2 * far, -2 * centers])


def _fit(z: np.ndarray, known: np.ndarray, weight: np.ndarray, ridge: float, start: np.ndarray) -> np.ndarray:
    arguments = (z, known, weight, ridge)
    found = minimize(_loss, start.ravel(), arguments, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
    return found.x


def _loss(
    sides: np.ndarray, z: np.ndarray, known: np.ndarray, weight: np.ndarray, ridge: float
) -> tuple[float, np.ndarray]:
    """Minus the penalised log-likelihood, and its gradient: log P where there is a solution, log(1 - P) elsewhere."""
    offset, normal = sides.reshape(SIDES, -1)[:, 0], sides.reshape(SIDES, -1)[:, 1:]
    margin = offset + z @ normal.T
    log_p = np.minimum(log_expit(margin).sum(axis=1), -1e-12)
    log_fails = np.log(-np.expm1(log_p))
    loss = -weight @ np.where(known, log_p, log_fails) + 0.5 * ridge * np.sum(normal**2)
    by_log_p = weight * np.where(known, -1.0, np.exp(log_p - log_fails))  # d loss / d log P
    by_margin = by_log_p[:, None] * expit(-margin)
    gradient = np.column_stack([by_margin.sum(axis=0), by_margin.T @ z + ridge * normal])
    return float(loss), gradient.ravel()
