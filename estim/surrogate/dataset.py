"""From evaluations to a training set: which points are kept, what they weigh, and in which units they are learnt."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from estim.evaluations import Evaluations
from estim.networks.train import TrainingSet
from estim.surrogate.recipe import Recipe
from estim.typing import Array

FLATTEST = 0.1
"""Curvature of the quadratic in whitened coordinates, where that of a Gaussian log-density is one, at the least."""

SMALLEST = 1e-6
"""Unit of what the network learns, in log-likelihood, at the least."""


class Scaling(NamedTuple):
    """The affine map of the inputs and the quadratic that is learnt around.

    ``position = center + scale @ z`` with ``scale`` ``[dim, dim]`` lower triangular, and

        loglikelihood = intercept + slope @ z + z @ curvature @ z / 2 + output_scale * network(z').

    Away from the points learnt from a network goes on in a straight line, upward as well as downward. So z' is z
    moved into their box ``[low, high]``, and what the network says is kept between ``lowest`` and
    ``highest``, the range that it was taught: in the empty corners of the box the quadratic decides.
    """

    center: Array
    scale: Array
    intercept: Array
    slope: Array
    curvature: Array
    output_scale: Array
    low: Array
    high: Array
    lowest: Array
    highest: Array


def fewest_points(dim: int) -> int:
    """How many points a surrogate of `dim` parameters needs at least."""
    return 10 * (dim + 1)


def select_points(evaluations: Evaluations, drop_fraction: float) -> tuple[Evaluations, dict[str, int]]:
    """Finite and distinct points above the lowest ``drop_fraction`` of log-densities, and the counts of each step.

    Raises:
        ValueError: too few points are left to learn from.
    """
    dim = evaluations.position.shape[-1]
    lead = evaluations.loglikelihood.ndim
    flat: Evaluations = jax.tree.map(
        lambda leaf: np.asarray(leaf).reshape(-1, *leaf.shape[lead:]), evaluations
    )
    logdensity = np.asarray(flat.logdensity)
    counts = {"evaluations": len(flat.position)}
    keep = np.flatnonzero(np.isfinite(logdensity) & np.isfinite(flat.position).all(axis=1))
    counts["not_finite"] = counts["evaluations"] - len(keep)
    distinct = np.sort(keep[np.unique(flat.position[keep], axis=0, return_index=True)[1]])
    counts["duplicates"] = len(keep) - len(distinct)
    order = np.argsort(logdensity[distinct], kind="stable")
    kept = np.sort(distinct[order[int(drop_fraction * len(order)) :]])
    counts["low_density"] = len(distinct) - len(kept)
    counts["kept"] = len(kept)
    if len(kept) < fewest_points(dim):
        raise ValueError(
            f"a surrogate of {dim} parameters needs at least {fewest_points(dim)} distinct finite points, "
            f"but only {len(kept)} of {counts['evaluations']} evaluations are left"
        )
    return jax.tree.map(lambda leaf: leaf[kept], flat), counts


def density_weights(logdensity: np.ndarray, dim: int, temperature: float | None) -> np.ndarray:
    """Weights ``[n]`` of mean one that fall with the distance below the bulk, in log-density.

    The log-density of a Gaussian's draws lies dim/2 below its maximum on average, with
    standard deviation sqrt(dim/2): two of these above the average the decline begins.
    """
    if temperature is None:
        return np.ones_like(logdensity)
    bulk = logdensity.max() - dim / 2 - 2 * np.sqrt(dim / 2)
    weight = 1 / (1 + (np.minimum(logdensity - bulk, 0) / temperature) ** 2)
    return weight / weight.mean()


def _quadratic_features(z: np.ndarray) -> np.ndarray:
    """[1, z_i, z_i z_j for i <= j], ``[n, (dim + 1)(dim + 2)/2]``."""
    i, j = np.triu_indices(z.shape[1])
    return np.concatenate([np.ones((len(z), 1)), z, z[:, i] * z[:, j]], axis=1)


def fit_quadratic(z: np.ndarray, values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, ...]:
    """Weighted least-squares quadratic, concave: intercept, slope ``[dim]``, curvature ``[dim, dim]``.

    Directions that bend down by less than FLATTEST, or up, are given that curvature, and the rest is
    refitted: far from the data, where a network goes on in a straight line, the surrogate falls
    in every direction, and its posterior has a finite mass.
    """
    dim = z.shape[1]
    features = _quadratic_features(z)
    root = np.sqrt(weight)[:, None]
    # A ridge of 1e-6 of the points' weight keeps directions that they do not span at zero.
    gram = (root * features).T @ (root * features) + 1e-6 * len(z) * np.eye(features.shape[1])
    coefficients = scipy.linalg.solve(gram, features.T @ (weight * values), assume_a="pos")
    i, j = np.triu_indices(dim)
    curvature = np.zeros((dim, dim))
    curvature[i, j] = coefficients[dim + 1 :]
    curvature = curvature + curvature.T
    eigenvalues, eigenvectors = np.linalg.eigh(curvature)
    curvature = (eigenvectors * np.minimum(eigenvalues, -FLATTEST)) @ eigenvectors.T
    rest = values - 0.5 * np.einsum("ni,ij,nj->n", z, curvature, z)
    affine = features[:, : dim + 1]
    coefficients = np.linalg.lstsq(root * affine, root[:, 0] * rest, rcond=None)[0]
    return coefficients[0], coefficients[1:], curvature


def build_training_set(points: Evaluations, recipe: Recipe) -> tuple[Scaling, TrainingSet]:
    """Units and standardised data for the kept ``points`` (host arrays)."""
    position, values = np.asarray(points.position), np.asarray(points.loglikelihood)
    dim = position.shape[1]
    weight = density_weights(np.asarray(points.logdensity), dim, recipe.density_temperature)
    center = np.average(position, axis=0, weights=weight)
    covariance = np.atleast_2d(np.cov(position.T, aweights=weight))
    if not recipe.whiten:
        covariance = np.diag(np.diag(covariance))
    scale = _root(position, covariance)
    z = scipy.linalg.solve_triangular(scale, (position - center).T, lower=True).T
    if recipe.quadratic:
        intercept, slope, curvature = fit_quadratic(z, values, weight)
    else:
        intercept, slope, curvature = np.average(values, weights=weight), np.zeros(dim), np.zeros((dim, dim))
    residual = values - intercept - z @ slope - 0.5 * np.einsum("ni,ij,nj->n", z, curvature, z)
    # Where the quadratic says all, or the log-likelihood is a constant, there is no unit to be had from the rest.
    output_scale = max(np.sqrt(np.average(residual**2, weights=weight)), SMALLEST)
    data = TrainingSet(_float32(z), _float32(residual / output_scale), _float32(weight))
    if recipe.gradient_weight > 0 and points.gradient is not None:
        # d network / dz = (scale' grad - slope - curvature z) / output_scale
        gradient = (np.asarray(points.gradient) @ scale - slope - z @ curvature) / output_scale
        known = np.isfinite(gradient).all(axis=1)
        data = data._replace(
            gradient=_float32(np.where(known[:, None], gradient, 0)),
            gradient_weight=_float32(np.where(known, weight, 0)),
        )
    box = z.min(axis=0), z.max(axis=0)
    # Without a quadratic the network itself must fall away from the points.
    outputs = (
        (residual.min() / output_scale, residual.max() / output_scale)
        if recipe.quadratic
        else (-np.inf, np.inf)
    )
    scaling = (center, scale, intercept, slope, curvature, output_scale, *box, *outputs)
    return Scaling(*(jnp.asarray(leaf) for leaf in scaling)), data


def _root(position: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """The Cholesky factor of the covariance ``[dim, dim]`` of points ``[n, dim]``.

    Raises:
        ValueError: the points do not span all directions.
    """
    still = np.flatnonzero(np.ptp(position, axis=0) == 0)
    if still.size:
        raise ValueError(
            f"nothing can be learnt of parameters {still.tolist()}: they are the same at all points"
        )
    sd = np.sqrt(np.diag(covariance))
    if np.linalg.eigvalsh(covariance / np.outer(sd, sd))[0] < 1e-12:
        raise ValueError(
            "nothing can be learnt: the points lie in a subspace, some parameters depend on others linearly"
        )
    return np.linalg.cholesky(covariance)


def _float32(values: np.ndarray) -> Array:
    return jnp.asarray(values, jnp.float32)
