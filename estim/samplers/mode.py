"""The posterior mode by a gradient optimiser from several starts, and the Gaussian around it."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from estim.arguments import Positive, PositiveReal, checked
from estim.kept import compiled_by_structure
from estim.posterior import Posterior
from estim.samplers.base import Tuning
from estim.samplers.states import first_gradient_state
from estim.stopping import raise_if_stopped
from estim.typing import Key, Position, Scalar

Density = Literal["position", "params"]
Gradient = Callable[[np.ndarray], np.ndarray]

_NUM_PRIOR_DRAWS = 500
_FLATTEST = 0.1
_MAX_RESTARTS = 20
_STEEP = 0.1  # a largest gradient, in prior widths, above which a search has ended at no mode
_VALLEY = 1.0  # by how much the log-density falls between two modes, at the least
_RELEVANT = 20.0  # log points below the highest, from which on a mode is listed and not looked at closely
_MANY = 60  # dimensions from which on a search does without a matrix of its own
_ROUGH, _FINE = 1e-3, 1e-6  # gradients at which a search ends, of every start and of the highest


class ModeError(ValueError):
    """No mode was found; the message says what was tried."""


class Mode(NamedTuple):
    """The highest point that was found.

    ``position`` ``[dim]``; ``logdensity`` there; ``gradient_norm``, the largest gradient in prior
    standard deviations; ``starts`` ``[num_starts, dim]`` and ``logdensities``
    ``[num_starts]``, where each search began and how high it came; ``modes`` ``[num_modes, dim]`` and
    ``heights`` ``[num_modes]``, the distinct modes among the ends, the highest first: between two of
    them the log-density falls by one or more on a straight line. There may be others: a search knows
    those that it was near to.
    """

    position: np.ndarray
    logdensity: float
    gradient_norm: float
    starts: np.ndarray
    logdensities: np.ndarray
    modes: np.ndarray
    heights: np.ndarray


class Laplace(NamedTuple):
    """The Gaussian at the mode, and those at other modes that were found.

    ``mode`` ``[dim]``; ``scale_tril`` ``[dim, dim]`` (Cholesky factor of the covariance); ``logdensity`` at the mode;
    the approximate ``log_marginal_likelihood``, summed over the modes; ``modes`` ``[num_modes, dim]``,
    ``heights`` and ``masses`` ``[num_modes]`` (the log-density at each and the log of the integral of its
    Gaussian) and ``scale_trils`` ``[num_modes, dim, dim]``, the highest first, or None where one was looked at.
    """

    mode: np.ndarray
    scale_tril: np.ndarray
    logdensity: float
    log_marginal_likelihood: float
    modes: np.ndarray | None = None
    heights: np.ndarray | None = None
    masses: np.ndarray | None = None
    scale_trils: np.ndarray | None = None

    @property
    def covariance(self) -> np.ndarray:
        return self.scale_tril @ self.scale_tril.T

    def begin_at(self, num_chains: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where chains begin: the mode ``[chain, dim]`` around which each is scattered, the Cholesky factor there
        ``[chain, dim, dim]``, and the log-density ``[chain]``.

        In turn around the modes with a thousandth of the mass or more, by their Gaussians.
        """
        if self.modes is None or self.heights is None or self.masses is None or self.scale_trils is None:
            modes, scale_trils, heights = self.mode[None], self.scale_tril[None], np.array([self.logdensity])
        else:
            heavy = self.masses >= self.log_marginal_likelihood - np.log(1000.0)
            modes, scale_trils, heights = self.modes[heavy], self.scale_trils[heavy], self.heights[heavy]
        turn = np.arange(num_chains) % len(modes)
        return np.asarray(modes)[turn], np.asarray(scale_trils)[turn], heights[turn]

    def tuning(self, step_size: float) -> Tuning:
        """The first tuning of a kernel, as arrays of 64-bit floats."""
        sketch = np.asarray(self.mode, float), np.asarray(self.scale_tril, float)
        return Tuning(*sketch, np.asarray(step_size, float), np.asarray(np.pi / 2))


@checked
def find_mode(
    posterior: Posterior,
    rng_key: Key,
    *,
    num_starts: Positive | None = None,
    density: Density = "position",
) -> Mode:
    """The modes of a posterior that BFGS finds from ``posterior.start`` and from prior draws, the highest first.

    Args:
        posterior: what is climbed.
        rng_key: of the prior draws to start from.
        num_starts: searches; by default eight, four where an evaluation is expensive (``posterior.sequential``),
            two where shocks join the position.
        density: of what the mode is taken. ``"position"``, the density that samplers
            explore and `laplace_approximation` needs: it includes the log-determinant of the
            transform, so that a parameter whose likelihood pushes it to a bound has its
            mode inside. ``"params"``: the density of the parameters in the model's units,
            which other programs report. Its mode can lie on a bound, where the position
            is infinite; the search then ends far out, within 1e-6 of the bound or so. It begins at the
            position's mode: a long step from elsewhere may end at a bound where all gradients vanish.

    A step to a point without a density is shortened by the line search.

    Returns:
        The highest mode, the others, and what each search found.

    Raises:
        ModeError: none of the starts has a finite density.
    """
    scale = prior_scale(posterior)
    value_and_gradient = value_and_gradient_of(posterior, density)
    climb_from = partial(climb, value_and_gradient, scale)
    num_starts = num_starts or (2 if posterior.parameters.latents else 4 if posterior.sequential else 8)
    starts = finite_starts(posterior, rng_key, num_starts)
    begin = list(starts)
    if density == "params":
        inside = partial(climb, value_and_gradient_of(posterior), scale)
        begin = [inside(start, _ROUGH)[1] for start in starts]
    found = [climb_from(start, _ROUGH) for start in begin]
    highest = max(found, key=lambda f: f[0])
    logdensity, position, gradient = max(climb_from(highest[1], _FINE), highest, key=lambda f: f[0])
    ends = [(logdensity, position), *((f[0], f[1]) for f in found if f[2] <= _STEEP)]
    modes, heights = _distinct(lambda x: value_and_gradient(x)[0], ends, scale)
    heights_reached = np.array([f[0] for f in found])
    return Mode(position, float(logdensity), float(gradient), starts, heights_reached, modes, heights)


def _distinct(
    value: Callable[[np.ndarray], float], ends: list[tuple[float, np.ndarray]], scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Positions ``[n, dim]`` and log-densities ``[n]`` of the modes among `ends`, of which the first is the highest.

    Two are one if the log-density on the line between them stays above that of the lower one less `_VALLEY`.
    """

    def one(first: np.ndarray, second: np.ndarray, lower: float) -> bool:
        if np.max(np.abs(first - second) / scale) < 0.02:
            return True
        line = first + np.linspace(0.0, 1.0, 9)[1:-1, None] * (second - first)
        return all(value(x) > lower - _VALLEY for x in line)

    modes: list[tuple[float, np.ndarray]] = []
    for height, position in sorted(ends, key=lambda end: -end[0]):
        if not any(one(known, position, height) for _, known in modes):
            modes.append((height, position))
    return np.array([position for _, position in modes]), np.array([height for height, _ in modes])


def climb(
    value_and_gradient: Callable[[np.ndarray], tuple[float, np.ndarray]],
    scale: np.ndarray,
    start: np.ndarray,
    tolerance: float,
) -> tuple[float, np.ndarray, float]:
    """The highest log-density from `start` on, where it is, and the largest gradient there in units of `scale`."""

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log-density and its gradient at x = start + scale * u."""
        value, gradient = value_and_gradient(start + scale * u)
        return (-value, -scale * gradient) if np.isfinite(value) else (np.inf, np.zeros_like(u))

    best = np.inf
    for _ in range(_MAX_RESTARTS):  # a line search that fails far out goes on with a fresh Hessian
        result = minimize(objective, np.zeros(start.size), jac=True, **_search(start.size, tolerance))
        start = start + scale * result.x
        if result.success or not result.fun < best - tolerance:
            break
        best = result.fun
    gradient = np.max(np.abs(result.jac)) if np.isfinite(result.fun) else np.inf
    return -result.fun, start, gradient


@checked
def laplace_approximation(
    posterior: Posterior, mode: Mode | Position, *, step: PositiveReal = 1e-3
) -> Laplace:
    """The Gaussian with the curvature of the log-density at its mode, and the others that were found.

    Args:
        posterior: what is approximated.
        mode: of `find_mode`, or a position ``[dim]``.
        step: the part of the posterior's width over which gradients are compared. A wide one, 0.3 say, suits a
            density that is smooth only in small pieces: a search tends to end at the edge of one, where
            gradients jump.

    The Hessian is taken by differences of the gradient. In coordinates scaled
    by the prior's widths, curvatures below 0.1 (flat, or not concave) are set to 0.1: no
    direction is made wider than sqrt(10) of them. With m the mode and C
    the covariance, log p(y) ~ log p(y, m) + (dim/2) log 2 pi + (1/2) log |C|, and of several modes that are
    apart the integrals add up. It is the integral of the density as it is given, over all positions, and local:
    what a prior's bounds cut off, or where there is no solution, it does not see unless the mode is near.

    Returns:
        The Gaussians at the modes and the approximate marginal likelihood.

    Raises:
        ModeError: the density around the mode is not finite.
    """
    value_and_gradient = value_and_gradient_of(posterior)
    scale = prior_scale(posterior)
    gradient = lambda x: value_and_gradient(x)[1]
    position = np.asarray(mode.position if isinstance(mode, Mode) else mode, float)
    logdensity, _ = value_and_gradient(position)
    scale_tril = _scale_tril(gradient, position, scale, step)
    found = [(position, logdensity, scale_tril)]
    others = zip(mode.modes[1:], mode.heights[1:], strict=True) if isinstance(mode, Mode) else ()
    for other, height in others:
        if height > logdensity - _RELEVANT:
            with suppress(
                ModeError
            ):  # at the edge of a region without a density, which is nothing to start from
                found.append((other, height, _scale_tril(gradient, other, scale, step)))
    modes, heights, scale_trils = (np.array(column) for column in zip(*found, strict=True))
    volumes = np.log(np.diagonal(scale_trils, axis1=1, axis2=2)).sum(axis=1)
    masses = heights + 0.5 * position.size * np.log(2 * np.pi) + volumes
    total = float(logsumexp(masses))
    return Laplace(position, scale_tril, logdensity, total, modes, heights, masses, scale_trils)


def _search(dim: int, tolerance: float) -> dict[str, Any]:
    """BFGS, which keeps a matrix, or where that is large L-BFGS, which remembers some steps."""
    if dim <= _MANY:
        return {"method": "BFGS", "options": {"gtol": tolerance}}
    return {
        "method": "L-BFGS-B",
        "options": {"gtol": tolerance, "ftol": 0.0, "maxcor": 50, "maxfun": 50 * dim},
    }


def _scale_tril(gradient: Gradient, position: np.ndarray, scale: np.ndarray, step: float) -> np.ndarray:
    """Cholesky factor of the covariance of the Gaussian with the curvature at a mode."""
    precision = -_hessian(gradient, position, scale, step)
    if not np.all(np.isfinite(precision)):
        raise ModeError("the Hessian at the mode is not finite: the mode touches a region without a density")
    curvature, directions = np.linalg.eigh(precision)
    root = scale[:, None] * directions / np.sqrt(np.maximum(curvature, _FLATTEST))
    return np.linalg.cholesky(root @ root.T)


def finite_starts(posterior: Posterior, rng_key: Key, num: int) -> np.ndarray:
    """``posterior.start`` and prior draws, ``[num, dim]``: the first ones at which the density is finite.

    Every other draw is of the posterior's ``initial`` distribution, which is wider where the prior is
    only a place to begin (a bare log-density) or has a term on top.

    Raises:
        ModeError: after 50 draws for each start that was asked for, none was finite.
    """
    near = np.asarray(posterior.sample_prior(rng_key, 25 * num))
    wide = np.asarray(posterior.initial.sample(jax.random.fold_in(rng_key, 1), 25 * num))
    draws = np.stack([near, wide], axis=1).reshape(50 * num, -1)
    candidates = np.concatenate([np.asarray(posterior.start)[None], draws])
    value_and_gradient = value_and_gradient_of(posterior)
    starts = list(islice((x for x in candidates if np.isfinite(value_and_gradient(x)[0])), num))
    if not starts:
        status = int(posterior.evaluate_fn(jnp.asarray(candidates[0])).status)
        raise ModeError(
            f"no start has a finite density: posterior.start ({posterior.explain(status)}) "
            f"and {len(candidates) - 1} prior draws were tried"
        )
    return np.array(starts)


def _hessian(gradient: Gradient, position: np.ndarray, scale: np.ndarray, step: float) -> np.ndarray:
    """Hessian in the coordinates u of x = position + scale * u, in two passes: the first finds the widths.

    By central differences; by one-sided ones where there is no density on the other side.
    """
    here = gradient(position)

    def difference(shift: np.ndarray) -> np.ndarray:
        above, below = gradient(position + shift), gradient(position - shift)
        return np.where(np.isnan(above), 2 * here - below, above) - np.where(
            np.isnan(below), 2 * here - above, below
        )

    width = np.full(position.size, 0.1)
    for fraction in (max(step, 1e-2), step):
        shifts = np.diag(fraction * width * scale)
        hessian = scale * np.array([difference(shift) for shift in shifts]) / (2 * fraction * width)[:, None]
        width = 1 / np.sqrt(np.maximum(np.abs(np.diag(hessian)), _FLATTEST))
    return (hessian + hessian.T) / 2


def prior_scale(posterior: Posterior) -> np.ndarray:
    """Half-widths of the central 68 % of prior draws of the position, ``[dim]``."""
    draws = np.asarray(posterior.sample_prior(jax.random.key(0), _NUM_PRIOR_DRAWS))
    low, high = np.quantile(draws, [0.16, 0.84], axis=0)
    return (high - low) / 2


@compiled_by_structure
def _logdet(posterior: Posterior, position: Position) -> tuple[Scalar, Position]:
    return jax.value_and_grad(posterior.logdet_fn)(position)


def value_and_gradient_of(
    posterior: Posterior, density: Density = "position"
) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """``position -> (log-density, gradient [dim])``; -inf and NaN where either is not finite."""

    def value_and_gradient(x: np.ndarray) -> tuple[float, np.ndarray]:
        raise_if_stopped()
        found = first_gradient_state(posterior, jnp.asarray(x))
        if not np.isfinite(found.logdensity):
            return -np.inf, np.full(len(x), np.nan)
        value, gradient = float(found.logdensity), np.asarray(found.gradient)
        if density == "params":
            change, change_gradient = _logdet(posterior, found.position)
            value, gradient = value - float(change), gradient - np.asarray(change_gradient)
        return value, gradient

    return value_and_gradient
