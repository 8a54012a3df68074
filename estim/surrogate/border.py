"""Where the model has no solution: a border learnt from the points that have none.

The region with a solution is taken for an intersection of a conic and some half-spaces, each with a soft side:

    P(solution | z) = prod_k 1 / (1 + exp(-m_k)),    m_k = b_k + c_k'z,  the first with z'Cz besides.

log P is added to the surrogate, so that its density falls beyond the border, steeply where the points agree on where
that is. It is nowhere zero, so that a correction can still find a mistake of the border. Sides that points do not
ask for move away. How steep they may be is decided by points that were not used (a ridge of the coefficients).
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.spatial import cKDTree
from scipy.special import expit, log_expit

from estim.surrogate.tails import affine_size, quadratic_features, symmetric

SIDES = 4

RIDGES = (10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
"""Penalties that are tried, each from where the one before ended: the first finds where sides are, the last how steep.
Where sides part the points without error their coefficients would grow for ever."""

START = (0.1, 1.0)
"""Penalty where points without a solution are too few to choose by."""

ITERATIONS = 200

MANY = 3_000
"""Points of each kind that a first border is learnt from: of more, every so many, each standing for its neighbours.
The second is learnt from these and from all points that the first may have on the wrong side."""

SURE = 0.01
"""Chance of the wrong side below which a point is one of many."""

SOFT, CLOSED = 4, 0.01
"""The first so many penalties alone, unless points on both sides of a border come so near to each other, in standard
deviations: what lies between is known by the shape that a border is taken to have, and sides that are steeper than
points show leave out what the model solves. `locate_border` closes the gap."""

PLANES, CURVED = 1e9, 10.0
"""How many times the penalty of a normal that of a curvature is: several planes are tried, and one conic."""


class Border(NamedTuple):
    """``b`` ``[SIDES]``, ``c`` ``[SIDES, dim]`` and ``C`` ``[dim, dim]``."""

    offset: np.ndarray
    normal: np.ndarray
    curvature: np.ndarray

    def chance(self, z: np.ndarray) -> np.ndarray:
        """P(solution | z) ``[n]``."""
        margin = z @ self.normal.T + self.offset
        margin[:, 0] += np.sum((z @ self.curvature) * z, axis=1)
        return np.exp(log_expit(margin).sum(axis=1))


def no_border(dim: int) -> Border:
    """Sides infinitely far away."""
    return Border(np.full(SIDES, np.inf), np.zeros((SIDES, dim)), np.zeros((dim, dim)))


def distance_weights(z: np.ndarray) -> np.ndarray:
    """Weights ``[n]`` that fall beyond the bulk of a standard normal, as `density_weights` do by log-density."""
    dim = z.shape[1]
    beyond = np.maximum(0.5 * np.sum(z**2, axis=1) - dim / 2 - 2 * np.sqrt(dim / 2), 0)
    return 1 / (1 + (beyond / 3) ** 2)


class Points(NamedTuple):
    """Whitened points ``[n, dim]``, whether they have a solution, and their weights ``[n]``."""

    z: np.ndarray
    known: np.ndarray
    weight: np.ndarray

    def of(self, rows: np.ndarray) -> "Points":
        return Points(*(leaf[rows] for leaf in self))

    def thinned(self, whole: np.ndarray) -> "Points":
        """All points of ``whole`` ``[n]``, and of the others every so many of each kind, heavier by as much."""
        kept, weight = [np.flatnonzero(whole)], self.weight.copy()
        for kind in (self.known, ~self.known):
            others = np.flatnonzero(kind & ~whole)
            some = others[:: max(1, -(-len(others) // MANY))]
            weight[some] *= len(others) / max(1, len(some))
            kept.append(some)
        return self._replace(weight=weight).of(np.sort(np.concatenate(kept)))


def fit_border(solved: np.ndarray, unsolved: np.ndarray) -> Border:
    """By the likelihood of who has a solution.

    Args:
        solved, unsolved: whitened points ``[n, dim]`` with a likelihood and without.
    """
    dim = solved.shape[1]
    if not len(unsolved):
        return no_border(dim)
    z = np.concatenate([solved, unsolved])
    points = Points(z, np.arange(len(z)) < len(solved), distance_weights(z))
    best, start = START, _several_planes(unsolved)
    some = points.thinned(np.zeros(len(z), bool))
    if len(unsolved) >= 10 * SIDES:
        half = np.arange(len(some.known)) % 2 == 0
        begun = ((PLANES, start), (CURVED, start), (CURVED, _one_conic(unsolved)))
        ridges = RIDGES if _gap(solved, unsolved) < CLOSED else RIDGES[:SOFT]
        paths = [found for curved, at in begun for found in _path(some.of(half), ridges, curved, at)]
        losses = [_loss(fit, *_features(some.of(~half)), (0.0, 0.0))[0] for _, fit in paths]
        best, start = paths[int(np.argmin(losses))]
    first = _fit(some, best, start)
    if len(some.known) < len(z):
        chance = _border(first, dim).chance(z)
        near = np.where(points.known, 1 - chance, chance) > SURE
        first = _fit(points.thinned(near), best, first)
    return _border(first, dim)


FAR = 20.0
"""Margin of a side that no point is near."""


def _border(coefficients: np.ndarray, dim: int) -> Border:
    sides, bent = _parts(coefficients, dim)
    return Border(sides[:, 0], sides[:, 1:], symmetric(bent, dim) / 2)


def _parts(coefficients: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """``[SIDES, 1 + dim]`` of the sides, and of the products of components in the first."""
    sides, bent = np.split(coefficients, [SIDES * (dim + 1)])
    return sides.reshape(SIDES, dim + 1), bent


def _features(points: Points) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `_loss` is given."""
    return quadratic_features(points.z), points.known, points.weight


def _one_conic(unsolved: np.ndarray) -> np.ndarray:
    """Perpendicular to the way to the middle of the unsolved points, the other sides far away."""
    dim = unsolved.shape[1]
    sides = np.zeros((SIDES, 1 + dim))
    sides[:, 0] = FAR
    sides[0, 1:] = -unsolved.mean(axis=0)
    return np.concatenate([sides.ravel(), np.zeros(dim * (dim + 1) // 2)])


def _several_planes(unsolved: np.ndarray) -> np.ndarray:
    """Each perpendicular to the way to some of the unsolved points, which are parted by their directions."""
    rng = np.random.default_rng(0)
    direction = unsolved / np.linalg.norm(unsolved, axis=1, keepdims=True)
    centers = direction[rng.integers(len(direction), size=SIDES)]
    for _ in range(10):
        nearest = np.argmax(direction @ centers.T, axis=1)
        sums = np.stack([direction[nearest == k].sum(axis=0) + 1e-3 * centers[k] for k in range(SIDES)])
        centers = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    nearest = np.argmax(direction @ centers.T, axis=1)
    reach = unsolved @ centers.T
    far = [np.median(reach[nearest == k, k]) if np.any(nearest == k) else 3.0 for k in range(SIDES)]
    sides = np.column_stack([2 * np.array(far), -2 * centers])
    dim = unsolved.shape[1]
    return np.concatenate([sides.ravel(), np.zeros(dim * (dim + 1) // 2)])


def _path(
    points: Points, ridges: tuple[float, ...], curved: float, start: np.ndarray
) -> list[tuple[tuple[float, float], np.ndarray]]:
    """Fits from the largest penalty to the smallest, each begun at the one before, with their penalties."""
    found = []
    for ridge in ridges:
        start = _fit(points, (ridge, ridge * curved), start)
        found.append(((ridge, ridge * curved), start))
    return found


def _gap(solved: np.ndarray, unsolved: np.ndarray) -> float:
    """How near points of the two kinds come, a few for each coefficient of the sides."""
    nearest = np.sort(cKDTree(solved).query(unsolved)[0])
    return max(float(nearest[min(SIDES * (1 + solved.shape[1]), len(nearest)) - 1]), 1e-12)


def _fit(points: Points, ridge: tuple[float, float], start: np.ndarray) -> np.ndarray:
    given, options = (*_features(points), ridge), {"maxiter": ITERATIONS}
    return minimize(_loss, start, given, jac=True, method="L-BFGS-B", options=options).x


def _loss(
    coefficients: np.ndarray,
    features: np.ndarray,
    known: np.ndarray,
    weight: np.ndarray,
    ridge: tuple[float, float],
) -> tuple[float, np.ndarray]:
    """Minus the penalised log-likelihood, and its gradient: log P where there is a solution, log(1 - P) elsewhere."""
    affine, products = features[:, : affine_size(features)], features[:, affine_size(features) :]
    sides, bent = _parts(coefficients, affine.shape[1] - 1)
    margin = affine @ sides.T
    margin[:, 0] += products @ bent
    log_p = np.minimum(log_expit(margin).sum(axis=1), -1e-12)
    log_fails = np.log(-np.expm1(log_p))
    penalty = 0.5 * ridge[0] * np.sum(sides[:, 1:] ** 2) + 0.5 * ridge[1] * bent @ bent
    loss = -weight @ np.where(known, log_p, log_fails) + penalty
    by_log_p = weight * np.where(known, -1.0, np.exp(log_p - log_fails))  # d loss / d log P
    by_margin = by_log_p[:, None] * expit(-margin)
    by_sides = by_margin.T @ affine
    by_sides[:, 1:] += ridge[0] * sides[:, 1:]
    by_bent = by_margin[:, 0] @ products + ridge[1] * bent
    return float(loss), np.concatenate([by_sides.ravel(), by_bent])
