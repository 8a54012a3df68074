"""The quadratic that a surrogate is learnt around, and how fast it falls far out, both chosen by the points.

A quadratic falls as a Gaussian does. A surrogate that falls faster than the truth has no draws in its tails, and
weights p / p_hat there have no bound. So one of a few tails is taken, Gaussian, exponential or Student's, by which the
weighted squared error is least (`estim.surrogate.scaling.fall`), each with a quadratic of its own. A heavier one must
earn its place by a clearly smaller error.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from estim.surrogate.scaling import fall

FLATTEST = 0.1
"""Curvature of the quadratic in whitened coordinates, where that of a Gaussian log-density is one, at the least."""

FREEDOM = (3.0, 4.0, 5.0, 7.0, 10.0, 16.0)
"""Degrees of freedom that are tried of Student's t; with fewer than three a standard deviation may not exist."""

BENDS = (0.25, 0.5, 1.0, 2.0)
"""Where exponential tails begin, as shares of the depth at which a Gaussian's bulk ends."""

ITERATIONS = 5
MAX_COMPARED = 3_000
"""Points by which tails are compared, evenly spaced."""

MAX_FITTED = 20_000
"""Points that the chosen one is fitted to, evenly spaced: a network learns what it leaves of all of them."""

GAIN = 0.9
"""Of the squared error of Gaussian tails: a heavier one must stay below it."""


class Hill(NamedTuple):
    """``top - fall(top - Q(z), power, bend)`` with Q of `fit_quadratic`, whose maximum is ``top``."""

    intercept: float
    slope: np.ndarray
    curvature: np.ndarray
    top: float
    power: float
    bend: float

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """``[n]`` at ``z`` ``[n, dim]``."""
        return self.top - fall(self.top - self.quadratic(z), self.power, self.bend, np)

    def quadratic(self, z: np.ndarray) -> np.ndarray:
        return self.intercept + z @ self.slope + 0.5 * np.sum((z @ self.curvature) * z, axis=1)

    def gradient(self, z: np.ndarray) -> np.ndarray:
        """``[n, dim]``; of the fall, (1 + depth/s)^(p - 1) times the quadratic's."""
        depth = np.maximum(self.top - self.quadratic(z), 0)
        slower = (1 + depth / self.bend) ** (self.power - 1)
        return slower[:, None] * (self.slope + z @ self.curvature)


def quadratic_features(z: np.ndarray) -> np.ndarray:
    """[1, z_i, z_i z_j for i <= j], ``[n, (dim + 1)(dim + 2)/2]``."""
    i, j = np.triu_indices(z.shape[1])
    return np.concatenate([np.ones((len(z), 1)), z, z[:, i] * z[:, j]], axis=1)


def affine_size(features: np.ndarray) -> int:
    """How many of the features are 1 or a component: dim + 1 of (dim + 1)(dim + 2)/2."""
    return round((np.sqrt(8 * features.shape[1] + 1) - 1) / 2)


def symmetric(coefficients: np.ndarray, dim: int) -> np.ndarray:
    """The matrix ``C + C'`` of the coefficients of z_i z_j, i <= j: twice that of the quadratic form."""
    matrix = np.zeros((dim, dim))
    matrix[np.triu_indices(dim)] = coefficients
    return matrix + matrix.T


def fit_quadratic(
    features: np.ndarray, values: np.ndarray, weight: np.ndarray
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Weighted least-squares quadratic, concave: intercept, slope ``[dim]``, curvature ``[dim, dim]``.

    Directions that bend down by less than FLATTEST, or up, are given that curvature, and the rest is
    refitted: far from the data, where a network goes on in a straight line, the surrogate falls
    in every direction, and its posterior has a finite mass.

    Args:
        features: of `quadratic_features`, ``[n, ...]``.
        values, weight: ``[n]``.
    """
    dim = affine_size(features) - 1
    affine = features[:, : dim + 1]
    root = np.sqrt(weight)[:, None]
    # A ridge of 1e-6 of the points' weight keeps directions that they do not span at zero.
    gram = (root * features).T @ (root * features) + 1e-6 * len(values) * np.eye(features.shape[1])
    coefficients = scipy.linalg.solve(gram, features.T @ (weight * values), assume_a="pos")
    eigenvalues, eigenvectors = np.linalg.eigh(symmetric(coefficients[dim + 1 :], dim))
    curvature = (eigenvectors * np.minimum(eigenvalues, -FLATTEST)) @ eigenvectors.T
    rest = values - 0.5 * np.sum((affine[:, 1:] @ curvature) * affine[:, 1:], axis=1)
    coefficients = np.linalg.lstsq(root * affine, root[:, 0] * rest, rcond=None)[0]
    return coefficients[0], coefficients[1:], curvature


def fit_hill(z: np.ndarray, values: np.ndarray, weight: np.ndarray) -> Hill:
    """The quadratic with the tail that fits best, to ``values`` ``[n]`` at ``z`` ``[n, dim]``."""
    dim = z.shape[1]
    most = np.linspace(0, len(z) - 1, min(len(z), MAX_FITTED)).astype(int)
    points = quadratic_features(z[most]), values[most], weight[most]
    gaussian = fit_tail(*points, 1.0, 1.0)
    if (
        len(z) < 2 * (dim + 1) * (dim + 2) // 2
    ):  # fewer points than would tell a tail from a bend of the middle
        return gaussian
    some = np.linspace(0, len(most) - 1, min(len(most), MAX_COMPARED)).astype(int)
    bulk = dim / 2 + np.sqrt(2 * dim)
    tails = [(1.0, 1.0), *((0.5, b * bulk) for b in BENDS), *((0.0, (nu + dim) / 2) for nu in FREEDOM)]
    few = points[0][some], points[1][some], points[2][some]
    errors = {tail: _error(*few, *tail) for tail in tails}
    for ratio in (1.25, 1.12):  # between the values tried
        power, bend = min(errors, key=errors.__getitem__)
        if power < 1:
            near = [(power, bend / ratio), (power, bend * ratio)]
            errors |= {
                tail: _error(*few, *tail) for tail in near if tail[1] >= (dim + FREEDOM[0]) / 2 * (power == 0)
            }
    best = min(errors, key=errors.__getitem__)
    return fit_tail(*points, *best) if errors[best] < GAIN * errors[1.0, 1.0] else gaussian


def _error(features: np.ndarray, values: np.ndarray, weight: np.ndarray, power: float, bend: float) -> float:
    hill = fit_tail(features, values, weight, power, bend)
    return float(np.average((values - hill(features[:, 1 : affine_size(features)])) ** 2, weights=weight))


def fit_tail(features: np.ndarray, values: np.ndarray, weight: np.ndarray, power: float, bend: float) -> Hill:
    """The quadratic of one tail: least squares of what it must be, the fall undone, by repeated linearisation."""
    intercept, slope, curvature = fit_quadratic(features, values, weight)
    hill = _hill(intercept, slope, curvature, power, bend)
    if power == 1:
        return hill
    z = features[:, 1 : affine_size(features)]
    top = values.max()  # the highest value seen, until the quadratic's own top is known
    for _ in range(ITERATIONS):
        depth = _undo(np.maximum(top - values, -bend / 2), power, bend)
        steep = (1 + np.maximum(depth, 0) / bend) ** (power - 1)
        fitted = fit_quadratic(features, -depth, weight * steep**2)
        hill = _hill(*fitted, power, bend)
        hill = hill._replace(intercept=hill.intercept - hill.top, top=0.0)
        top = float(np.average(values - hill(z), weights=weight))
    return hill._replace(intercept=hill.intercept + top, top=top)


def _hill(intercept: Any, slope: np.ndarray, curvature: np.ndarray, power: float, bend: float) -> Hill:
    """With the maximum of its quadratic, c - b' H^-1 b / 2."""
    top = intercept - 0.5 * slope @ np.linalg.solve(curvature, slope)
    return Hill(float(intercept), slope, curvature, float(top), power, bend)


def _undo(fallen: np.ndarray, power: float, bend: float) -> np.ndarray:
    """The depth at which `fall` has fallen so far; a little below zero it goes on in a straight line."""
    share = np.maximum(fallen, 0) / bend
    depth = bend * (np.expm1(np.minimum(share, 50)) if power == 0 else (1 + power * share) ** (1 / power) - 1)
    return np.where(fallen < 0, fallen, depth)
