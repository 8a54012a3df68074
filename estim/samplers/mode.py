"""The posterior mode by a gradient optimiser from several starts, and the Gaussian around it."""

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from estim.posterior import Posterior
from estim.samplers.base import Tuning
from estim.samplers.states import first_gradient_state
from estim.typing import Key, Position

Density = Literal["position", "params"]

_NUM_PRIOR_DRAWS = 500
_FLATTEST = 0.1
_MAX_RESTARTS = 20
_ROUGH, _FINE = 1e-3, 1e-6  # slopes at which a search ends, of every start and of the highest


class ModeError(ValueError):
    """No mode was found; the message says what was tried."""


class Mode(NamedTuple):
    """The highest point that was found.

    ``position`` ``[dim]``; ``logdensity`` there; ``gradient_norm``, the largest slope in prior
    standard deviations; ``starts`` ``[num_starts, dim]`` and ``logdensities``
    ``[num_starts]``, where each search began and how high it came.
    """

    position: np.ndarray
    logdensity: float
    gradient_norm: float
    starts: np.ndarray
    logdensities: np.ndarray


class Laplace(NamedTuple):
    """The Gaussian at the mode: ``mode`` ``[dim]``, ``scale_tril`` ``[dim, dim]`` (Cholesky factor of
    the covariance), ``logdensity`` at the mode and the approximate ``log_marginal_likelihood``."""

    mode: np.ndarray
    scale_tril: np.ndarray
    logdensity: float
    log_marginal_likelihood: float

    @property
    def covariance(self) -> np.ndarray:
        return self.scale_tril @ self.scale_tril.T

    def tuning(self, step_size: float) -> Tuning:
        """The first tuning of a kernel, as arrays of 64-bit floats."""
        sketch = np.asarray(self.mode, float), np.asarray(self.scale_tril, float)
        return Tuning(*sketch, np.asarray(step_size, float), np.asarray(np.pi / 2))


def find_mode(
    posterior: Posterior, rng_key: Key, *, num_starts: int = 4, density: Density = "position"
) -> Mode:
    """The mode of a posterior, by BFGS from ``posterior.start`` and from prior draws.

    Args:
        density: of what the mode is taken. ``"position"``, the density that samplers
            explore and `laplace_approximation` needs: it includes the log-determinant of the
            transform, so that a parameter whose likelihood pushes it to a bound has its
            mode inside. ``"params"``: the density of the parameters in the model's units,
            which other programs report. Its mode can lie on a bound, where the position
            is infinite; the search then ends far out, within 1e-6 of the bound or so. It begins at the
            position's mode: a long step from elsewhere may end at a bound where all slopes vanish.

    A step to a point without a density is shortened by the line search.

    Raises:
        ModeError: none of the starts has a finite density.
    """
    scale = _prior_scale(posterior)
    climb = partial(_climb, _value_and_slope(posterior, density), scale)
    starts = finite_starts(posterior, rng_key, num_starts)
    begin = list(starts)
    if density == "params":
        inside = partial(_climb, _value_and_slope(posterior), scale)
        begin = [inside(start, _ROUGH)[1] for start in starts]
    found = [climb(start, _ROUGH) for start in begin]
    highest = max(found, key=lambda f: f[0])
    logdensity, position, slope = max(climb(highest[1], _FINE), highest, key=lambda f: f[0])
    return Mode(position, float(logdensity), float(slope), starts, np.array([f[0] for f in found]))


def _climb(
    value_and_slope: Callable[[np.ndarray], tuple[float, np.ndarray]],
    scale: np.ndarray,
    start: np.ndarray,
    tolerance: float,
) -> tuple[float, np.ndarray, float]:
    """The highest log-density from `start` on, where it is, and the largest slope there in units of `scale`."""

    def objective(u: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log-density and its gradient at x = start + scale * u."""
        value, slope = value_and_slope(start + scale * u)
        return (-value, -scale * slope) if np.isfinite(value) else (np.inf, np.zeros_like(u))

    best = np.inf
    for _ in range(_MAX_RESTARTS):  # a line search that fails far out goes on with a fresh Hessian
        result = minimize(
            objective, np.zeros(start.size), jac=True, method="BFGS", options={"gtol": tolerance}
        )
        start = start + scale * result.x
        if result.success or not result.fun < best - tolerance:
            break
        best = result.fun
    return -result.fun, start, np.max(np.abs(result.jac))


def laplace_approximation(posterior: Posterior, mode: Mode | Position, *, step: float = 1e-3) -> Laplace:
    """The Gaussian with the curvature of the log-density at its mode.

    Args:
        step: the part of the posterior's width over which slopes are compared. A wide one, 0.3 say, suits a
            density that is smooth only in small pieces: a search tends to end at the edge of one, where
            slopes jump.

    The Hessian is taken by differences of the gradient. In coordinates scaled
    by the prior's widths, curvatures below 0.1 (flat, or not concave) are set to 0.1: no
    direction is made wider than sqrt(10) of them. With m the mode and C
    the covariance, log p(y) ~ log p(y, m) + (dim/2) log 2 pi + (1/2) log |C|.

    Raises:
        ModeError: the density around the mode is not finite.
    """
    position = np.asarray(mode.position if isinstance(mode, Mode) else mode, float)
    value_and_slope = _value_and_slope(posterior)
    logdensity, _ = value_and_slope(position)
    scale = _prior_scale(posterior)
    precision = -_hessian(lambda x: value_and_slope(x)[1], position, scale, step)
    if not np.all(np.isfinite(precision)):
        raise ModeError("the Hessian at the mode is not finite: the mode touches a region without a density")
    curvature, directions = np.linalg.eigh(precision)
    root = scale[:, None] * directions / np.sqrt(np.maximum(curvature, _FLATTEST))
    scale_tril = np.linalg.cholesky(root @ root.T)
    log_volume = 0.5 * position.size * np.log(2 * np.pi) + np.sum(np.log(np.diag(scale_tril)))
    return Laplace(position, scale_tril, logdensity, logdensity + log_volume)


def finite_starts(posterior: Posterior, rng_key: Key, num: int) -> np.ndarray:
    """``posterior.start`` and prior draws, ``[num, dim]``: the first ones at which the density is finite.

    Raises:
        ModeError: after 50 draws for each start that was asked for, none was finite.
    """
    candidates = np.asarray(posterior.sample_prior(rng_key, 50 * num))
    candidates = np.concatenate([np.asarray(posterior.start)[None], candidates])
    value_and_slope = _value_and_slope(posterior)
    starts = list(islice((x for x in candidates if np.isfinite(value_and_slope(x)[0])), num))
    if not starts:
        status = int(posterior.evaluate_fn(jnp.asarray(candidates[0])).status)
        raise ModeError(
            f"no start has a finite density: posterior.start ({posterior.explain(status)}) "
            f"and {len(candidates) - 1} prior draws were tried"
        )
    return np.array(starts)


def _hessian(gradient, position: np.ndarray, scale: np.ndarray, step: float) -> np.ndarray:
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


def _prior_scale(posterior: Posterior) -> np.ndarray:
    """Half-widths of the central 68 % of prior draws of the position, ``[dim]``."""
    draws = np.asarray(posterior.sample_prior(jax.random.key(0), _NUM_PRIOR_DRAWS))
    low, high = np.quantile(draws, [0.16, 0.84], axis=0)
    return (high - low) / 2


def _value_and_slope(
    posterior: Posterior, density: Density = "position"
) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """``position -> (log-density, gradient [dim])``; -inf and NaN where either is not finite."""
    logdet = jax.jit(jax.value_and_grad(posterior.logdet_fn))

    def value_and_slope(x: np.ndarray) -> tuple[float, np.ndarray]:
        found = first_gradient_state(posterior, jnp.asarray(x))
        if not np.isfinite(found.logdensity):
            return -np.inf, np.full(len(x), np.nan)
        value, slope = float(found.logdensity), np.asarray(found.gradient)
        if density == "params":
            change, change_slope = logdet(found.position)
            value, slope = value - float(change), slope - np.asarray(change_slope)
        return value, slope

    return value_and_slope
