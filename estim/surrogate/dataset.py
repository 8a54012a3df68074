"""From evaluations to a training set: which points are kept, what they weigh, and in which units they are learnt."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from estim.evaluations import Evaluations
from estim.networks.train import TrainingSet
from estim.surrogate.border import fit_border, no_border
from estim.surrogate.noise import OWN_ERROR
from estim.surrogate.recipe import Recipe
from estim.surrogate.scaling import Scaling
from estim.surrogate.tails import Hill, fit_hill

REACH = 20.0
"""Temperatures below the bulk beyond which a point is left out: it would weigh one four-hundredth."""

MAX_UNSOLVED = 10_000
"""Points without a solution that a border is learnt from."""

NUM_STARTS = 16
"""Points far from one another at which chains of the surrogate begin, out of MAX_CANDIDATES."""

MAX_CANDIDATES = 10_000

SMALLEST = 1e-6
"""Unit of what the network learns, in log-likelihood, at the least."""


def fewest_points(dim: int) -> int:
    """How many points a surrogate of `dim` parameters needs at least."""
    return 10 * (dim + 1)


def flattened(evaluations: Evaluations) -> Evaluations:
    """On the host, with one leading axis ``[n]``."""
    lead = evaluations.loglikelihood.ndim
    return jax.tree.map(lambda leaf: np.asarray(leaf).reshape(-1, *leaf.shape[lead:]), evaluations)


def unsolved_positions(evaluations: Evaluations) -> np.ndarray:
    """Positions ``[m, dim]`` inside the prior's support that have no likelihood, at most MAX_UNSOLVED of them."""
    flat = flattened(evaluations)
    inside = np.isfinite(flat.logprior) & np.isfinite(flat.position).all(axis=1)
    found = np.flatnonzero(inside & ~np.isfinite(flat.loglikelihood))
    some = np.linspace(0, len(found) - 1, min(len(found), MAX_UNSOLVED)).astype(int)
    return np.asarray(flat.position)[found[some]]


def select_points(
    evaluations: Evaluations, drop_fraction: float, temperature: float | None = None
) -> tuple[Evaluations, dict[str, int]]:
    """Finite and distinct points above the lowest ``drop_fraction`` of log-densities, and the counts of each step.

    Those more than REACH temperatures below the bulk, whose weight would be next to nothing, are left out too.

    Raises:
        ValueError: too few points are left to learn from.
    """
    dim = evaluations.position.shape[-1]
    flat = flattened(evaluations)
    logdensity = np.asarray(flat.logdensity)
    counts = {"evaluations": len(flat.position)}
    keep = np.flatnonzero(np.isfinite(logdensity) & np.isfinite(flat.position).all(axis=1))
    counts["not_finite"] = counts["evaluations"] - len(keep)
    distinct = np.sort(keep[np.unique(flat.position[keep], axis=0, return_index=True)[1]])
    counts["duplicates"] = len(keep) - len(distinct)
    order = np.argsort(logdensity[distinct], kind="stable")
    kept = np.sort(distinct[order[int(drop_fraction * len(order)) :]])
    if temperature is not None and len(kept):
        kept = kept[logdensity[kept] > bulk_below(logdensity[kept], dim) - REACH * temperature]
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
    weight = 1 / (1 + (np.minimum(logdensity - bulk_below(logdensity, dim), 0) / temperature) ** 2)
    return weight / weight.mean()


def bulk_below(logdensity: np.ndarray, dim: int) -> float:
    """The log-density at which the decline begins, from the highest of ``logdensity`` ``[n]``."""
    return float(logdensity.max() - dim / 2 - 2 * np.sqrt(dim / 2))


def build_training_set(
    points: Evaluations,
    recipe: Recipe,
    unsolved: np.ndarray | None = None,
    variance: np.ndarray | None = None,
    slope_error: np.ndarray | None = None,
) -> tuple[Scaling, TrainingSet]:
    """Units and standardised data for the kept ``points`` (host arrays).

    Args:
        unsolved: positions ``[m, dim]`` without a solution, which teach a border; none of it where None.
        variance: of the noise of each log-likelihood ``[n]``, None where they are exact.
        slope_error: of each gradient ``[n]``, of `slope_errors`; None where they are to be trusted.
    """
    position, values = np.asarray(points.position), np.asarray(points.loglikelihood)
    dim = position.shape[1]
    weight = density_weights(np.asarray(points.logdensity), dim, recipe.density_temperature)
    if variance is not None:
        weight = noisy_weights(points, weight, variance, recipe.density_temperature)
    center, scale = units(position, weight, recipe.whiten)
    z = whitened(center, scale, position)
    if recipe.quadratic:
        hill = fit_hill(z, values, weight)
    else:
        mean = float(np.average(values, weights=weight))
        hill = Hill(mean, np.zeros(dim), np.zeros((dim, dim)), mean, 1.0, 1.0)
    residual = values - hill(z)
    # Where the quadratic says all, or the log-likelihood is a constant, there is no unit to be had from the rest.
    output_scale = max(np.sqrt(np.average(residual**2, weights=weight)), SMALLEST)
    data = TrainingSet(_float32(z), _float32(residual / output_scale), _float32(weight))
    if recipe.gradient_weight > 0 and points.gradient is not None:
        # d network / dz = (scale' grad - d hill / dz) / output_scale
        gradient = (np.asarray(points.gradient) @ scale - hill.gradient(z)) / output_scale
        known = np.isfinite(gradient).all(axis=1)
        trusted = weight if slope_error is None else weight * trust(slope_error, output_scale)
        data = data._replace(
            gradient=_float32(np.where(known[:, None], gradient, 0)),
            gradient_weight=_float32(np.where(known, trusted, 0)),
        )
    box = z.min(axis=0), z.max(axis=0)
    # Without a quadratic the network itself must fall away from the points.
    outputs = (
        (residual.min() / output_scale, residual.max() / output_scale)
        if recipe.quadratic
        else (-np.inf, np.inf)
    )
    scaling = (center, scale, *hill[:3], output_scale, *box, *outputs, *hill[3:])
    border = no_border(dim)
    if recipe.quadratic and unsolved is not None:
        border = fit_border(z, whitened(center, scale, unsolved))
    scaling = (*scaling, *border)
    return Scaling(*(jnp.asarray(np.asarray(leaf, float)) for leaf in scaling)), data


TRUSTED = 0.1
"""Error of a gradient at which it counts half: a tenth of what is to be learnt, per standard deviation."""


def trust(error: np.ndarray, unit: float) -> np.ndarray:
    """Weights ``[n]`` of gradients by their errors, where what is to be learnt is of the size ``unit``."""
    return 1 / (1 + (error / (TRUSTED * unit)) ** 2)


def noisy_weights(
    points: Evaluations, weight: np.ndarray, variance: np.ndarray, temperature: float | None
) -> np.ndarray:
    """Weights ``[n]`` of mean one where log-likelihoods have noise of a known ``variance`` ``[n]``.

    They fall with the noise, and with the density that a smooth hill has: by its own estimate a point that is high by
    chance would weigh more.
    """
    known = 1 / (variance + OWN_ERROR**2)
    position = np.asarray(points.position)
    z = whitened(*units(position, weight, True), position)
    smooth = fit_hill(z, np.asarray(points.loglikelihood), weight * known)(z) + np.asarray(points.logprior)
    found = density_weights(smooth, position.shape[1], temperature) * known
    return found / found.mean()


def units(
    position: np.ndarray, weight: np.ndarray | None = None, whiten: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Center ``[dim]`` and lower triangular scale ``[dim, dim]`` of whitened positions."""
    covariance = np.atleast_2d(np.cov(position.T, aweights=weight))
    if not whiten:
        covariance = np.diag(np.diag(covariance))
    return np.average(position, axis=0, weights=weight), _root(position, covariance)


def whitened(center: np.ndarray, scale: np.ndarray, position: np.ndarray) -> np.ndarray:
    """``z`` ``[n, dim]`` of ``position = center + scale z`` on the host, with ``scale`` lower triangular."""
    return scipy.linalg.solve_triangular(scale, (position - center).T, lower=True).T


def far_apart(z: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Indices of at most NUM_STARTS points ``z`` ``[n, dim]``, each far from those before it, the heaviest first.

    Of those that are not far below the bulk: whose ``weight`` ``[n]`` is a tenth of the largest at least. Source:
    farthest-first traversal, Gonzalez (1985).
    """
    good = np.flatnonzero(weight >= 0.1 * weight.max())
    good = good[:: -(-len(good) // MAX_CANDIDATES)]
    chosen = [int(np.argmax(weight[good]))]
    nearest = np.full(len(good), np.inf)
    while len(chosen) < min(NUM_STARTS, len(good)):
        nearest = np.minimum(nearest, np.sum((z[good] - z[good[chosen[-1]]]) ** 2, axis=1))
        chosen.append(int(np.argmax(nearest)))
    return good[chosen]


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


def _float32(values: np.ndarray) -> Any:
    """Of NumPy's: points are of any number, until a part of them is filled up."""
    return np.asarray(values, np.float32)
