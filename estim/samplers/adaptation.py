"""Warm-up: a window of draws of all chains improves the tuning of the next window.

Plain functions on host arrays, run between windows of compiled steps: the kernel that warms up
is the kernel that samples, and after the last window its tuning does not move.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import erfcinv, logit

from estim.samplers.base import Info, TransportMap, Tuning
from estim.samplers.transport import learn_transport_map

NUM_WINDOWS = 20
_BURN_IN = 5
_KEPT = 5_000
_STUCK, _IDLE = 0.01, 0.97  # acceptance rates beyond which the step is changed no faster

StepLaw = Literal["random_walk", "hamiltonian", "candidates"]

STEP_LAWS: dict[StepLaw, Callable[[float], float]] = {
    "random_walk": lambda rate: float(np.log(erfcinv(rate))),
    "hamiltonian": lambda rate: 0.5 * float(np.log(erfcinv(rate))),
    "candidates": lambda rate: -0.4 * float(logit(rate)),
}
"""The log of the step at which an acceptance rate is expected, but for a constant.

A random walk: a = erfc(c e) (Roberts, Gelman and Gilks 1997). Hamiltonian dynamics, whose energy errs by e^2:
a = erfc(c e^2) (Beskos et al. 2013). A choice among many candidates has no such law; the share of moves is nearly
logistic in ln e, with a slope of 2.5 as measured near the target on Gaussians of 2 to 36 dimensions.
"""


class Visited(NamedTuple):
    """Points ``[n, dim]`` and the gradients of the log-density there."""

    position: np.ndarray
    gradient: np.ndarray


class Adaptation(NamedTuple):
    """What warm-up remembers from window to window.

    ``num_windows``: how many are done; ``num_draws``: the effective draws behind the moments; ``mean`` ``[dim]`` and
    ``covariance`` ``[dim, dim]`` of the draws; ``gradient`` ``[dim]`` and ``information`` ``[dim, dim]``, mean and
    covariance of the gradients of the log-density there; ``log_step_sizes`` ``[NUM_WINDOWS]``: the step size that each
    window ended with; ``visited``: where the density was evaluated lately, from which the bend is learnt.
    """

    num_windows: np.ndarray
    num_draws: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    gradient: np.ndarray
    information: np.ndarray
    log_step_sizes: np.ndarray
    visited: Visited


def init_adaptation(mean: Any, scale_tril: Any) -> Adaptation:
    """Nothing adapted yet; the Gaussian with this mean and Cholesky factor counts as ``10 dim`` draws."""
    covariance = np.asarray(scale_tril @ scale_tril.T)
    dim = len(covariance)
    nowhere = np.zeros((0, dim))
    return Adaptation(
        num_windows=np.array(0),
        num_draws=np.array(10.0 * dim),
        mean=np.array(mean, float),
        covariance=covariance,
        gradient=np.zeros(dim),
        information=np.linalg.inv(covariance),
        log_step_sizes=np.zeros(NUM_WINDOWS),
        visited=Visited(nowhere, nowhere),
    )


def begun_from(earlier: Adaptation) -> Adaptation:
    """The moments that another warm-up ended with, as the first of a new one: they count as ``10 dim`` draws."""
    first = init_adaptation(earlier.mean, np.linalg.cholesky(earlier.covariance))
    return first._replace(gradient=earlier.gradient, information=earlier.information)


def window_lengths(num_warmup: int) -> list[int]:
    """Steps in each window, in proportion to its number; they add up to `num_warmup`."""
    edges = (
        (num_warmup * np.cumsum(np.arange(NUM_WINDOWS + 1)) / sum(range(NUM_WINDOWS + 1))).round().astype(int)
    )
    return [int(n) for n in np.diff(edges)]


def adapt(
    tuning: Tuning,
    adaptation: Adaptation,
    info: Info,
    target_acceptance: float,
    last: bool,
    law: StepLaw = "hamiltonian",
) -> tuple[Tuning, Adaptation]:
    """The tuning for the next window.

    The step size goes where the target acceptance rate is expected by the kernel's law of `STEP_LAWS`, ever more
    carefully (Robbins and Monro 1951), and in the last window becomes the average of the second half. In the
    first five windows the rate is the harmonic mean over the chains (as in Hoffman, Radul and Sountsov 2021): a
    chain that is stuck where it began makes steps small until it moves. Mean and covariance, from the sixth window
    on, are running averages over the draws of all chains (Andrieu and Thoms 2008, algorithm 4); window k, counted
    from 0, forgets 1/k of the past, so that windows weigh in proportion to their number. A window counts by its
    effective draws: a thousand steps of a random walk in 36 dimensions say less of a covariance than the Hessian at
    the mode.

    A kernel without gradients moves by mean m and covariance C of the draws. One with gradients moves by the Gaussian
    of least Fisher divergence (Seyboldt, Carlson and Carpenter 2026): with g the mean of the gradients and G their
    covariance, its covariance S is the geometric mean of C and the inverse of G, and its mean m + S g. Draws of a
    Gaussian N(mu, P) have gradients -P^-1 (x - mu), so that G = P^-1 C P^-1, S = P and m + S g = mu whatever C is,
    exactly once there are more draws than dimensions. Elsewhere S is narrow where the density bends too much for steps
    as wide as the posterior. What a Gaussian misses it moves along: see `estim.samplers.transport`. A wall, beyond
    which there is no density, does not show in the gradients.

    A window of which nothing can be learnt (numbers so large that their squares are infinite) teaches nothing.

    Args:
        info: the window, with leading axes ``[step, chain]``, on the host. ``trajectory_gradient`` among its
            statistics is the gradient of the ChEES criterion in the log of the trajectory's length (Hoffman,
            Radul and Sountsov 2021).
        last: whether this is the last window.
        law: how the acceptance rate depends on the step.
    """
    k = int(adaptation.num_windows)
    log_steps = adaptation.log_step_sizes.copy()
    log_steps[k] = _log_step_size(tuning, info, target_acceptance, law, k)
    log_step = np.mean(log_steps[(k + 1) // 2 : k + 1]) if last else log_steps[k]
    log_length = _log_trajectory_length(tuning, info, k)
    if k >= _BURN_IN:
        tuning, adaptation = _learn(tuning, adaptation, info, k)
    if last:
        adaptation = adaptation._replace(visited=Visited(*(rows[:0] for rows in adaptation.visited)))
    return (
        tuning._replace(
            step_size=np.asarray(np.exp(log_step)), trajectory_length=np.asarray(np.exp(log_length))
        ),
        adaptation._replace(num_windows=np.array(k + 1), log_step_sizes=log_steps),
    )


def _learn(tuning: Tuning, adaptation: Adaptation, info: Info, k: int) -> tuple[Tuning, Adaptation]:
    """Moments, sketch and bend after window k; as they were where one of them would not be finite."""
    try:
        with np.errstate(all="ignore"):
            learnt = _learnt(tuning, adaptation, info, k)
    except np.linalg.LinAlgError:
        return tuning, adaptation
    sketch = [*learnt[0][:2], *(learnt[0].transport or ()), *learnt[1][1:6]]
    return learnt if all(np.all(np.isfinite(part)) for part in sketch) else (tuning, adaptation)


def _learnt(tuning: Tuning, adaptation: Adaptation, info: Info, k: int) -> tuple[Tuning, Adaptation]:
    position = np.asarray(info.draws.position)
    draws = position.reshape(-1, position.shape[-1])
    count = (1 - 1 / k) * adaptation.num_draws
    effective = len(draws) * _efficiency(position, adaptation.covariance)
    weight = float(effective / (count + effective))
    mean, covariance = _average(adaptation.mean, adaptation.covariance, draws, weight)
    scale_tril = np.linalg.cholesky(covariance)
    adaptation = adaptation._replace(
        num_draws=np.asarray(count + effective), mean=mean, covariance=covariance
    )
    if info.gradient is None:
        return tuning._replace(mean=mean, scale_tril=scale_tril), adaptation
    gradients = np.asarray(info.gradient)[:, :, -position.shape[2] :].reshape(draws.shape)
    gradient, information = _average(adaptation.gradient, adaptation.information, gradients, weight)
    if tuning.transport is not None and (leading := tuning.transport.log_scale.shape[1]) < len(mean):
        number = float(adaptation.num_draws)
        scale_tril = np.linalg.cholesky(shrunk(covariance, leading, number))
        scale_tril = _geometric_mean(scale_tril, shrunk(information, leading, number))
    else:
        scale_tril = _geometric_mean(scale_tril, information)
    mean = mean + scale_tril @ (gradient @ scale_tril)
    tuning = tuning._replace(mean=mean, scale_tril=scale_tril)
    adaptation = adaptation._replace(gradient=gradient, information=information)
    if tuning.transport is None:
        return tuning, adaptation
    both = zip(adaptation.visited, _visited(info), strict=True)
    visited = Visited(*(np.concatenate(rows)[-_KEPT:] for rows in both))
    w = np.linalg.solve(scale_tril, (visited.position - mean).T).T
    transport: TransportMap = learn_transport_map(
        w, visited.gradient @ scale_tril, tuning.transport.log_scale.shape[1]
    )
    return tuning._replace(transport=transport), adaptation._replace(visited=visited)


def _average(
    mean: np.ndarray, covariance: np.ndarray, rows: np.ndarray, weight: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of a mixture: the rows ``[n, dim]`` have this weight, what was known before the rest.

    Centred throughout: W C + (1 - W) C0 + W (1 - W) d d', d the distance of the two means.
    """
    shift = rows - mean
    mean = mean + weight * shift.mean(axis=0)
    covariance = (1 - weight) * covariance + weight * (rows - mean).T @ shift / len(rows)
    return mean, (covariance + covariance.T) / 2


def _log_step_size(tuning: Tuning, info: Info, target_acceptance: float, law: StepLaw, k: int) -> float:
    """Of the step with which the target would have been met, a part of the way there after window k."""
    by_chain = np.mean(np.atleast_2d(np.nan_to_num(info.acceptance_rate)), axis=0)
    rate = np.mean(by_chain) if k >= _BURN_IN else 1 / np.mean(1 / np.maximum(by_chain, _STUCK))
    at_rate = STEP_LAWS[law]
    change = at_rate(target_acceptance) - at_rate(float(np.clip(rate, _STUCK, _IDLE)))
    return np.log(float(tuning.step_size)) + change / np.sqrt(1 + k)


def _log_trajectory_length(tuning: Tuning, info: Info, k: int) -> float:
    """Up the gradient of the kernel's criterion, where it reports one; as it was elsewhere."""
    log_length = np.log(float(tuning.trajectory_length))
    if (gradient := info.stats.get("trajectory_gradient")) is None:
        return log_length
    gradient = gradient / max(np.max(np.abs(gradient)), 1e-300)
    return log_length + 2.0 / np.sqrt(1 + k) * np.mean(gradient) / max(np.sqrt(np.mean(gradient**2)), 1e-300)


def _visited(info: Info) -> Visited:
    """The points of a window that have a density: those evaluated, and the draws."""
    position = np.concatenate([info.evaluations.position, info.draws.position], axis=2)
    logdensity = np.concatenate([info.evaluations.logdensity, info.draws.logdensity], axis=2)
    gradient = np.asarray(info.gradient)
    finite = np.isfinite(logdensity) & np.isfinite(gradient).all(axis=-1)
    return Visited(position[finite], gradient[finite])


def _geometric_mean(scale_tril: np.ndarray, information: np.ndarray) -> np.ndarray:
    """Cholesky factor of the geometric mean L (L'GL)^-1/2 L' of C = LL' and G^-1."""
    eigenvalues, vectors = np.linalg.eigh(scale_tril.T @ information @ scale_tril)
    root = scale_tril @ (vectors * eigenvalues**-0.25)
    return np.linalg.cholesky(root @ root.T)


def shrunk(covariance: np.ndarray, leading: int, num_draws: float) -> np.ndarray:
    """A covariance whose correlations behind the `leading` variables are as much smaller as they may be chance.

    Of hundreds of shocks that hardly hang together, a correlation estimated from n draws is about 1 / sqrt(n), and so
    many of these make a metric worse than none. The correlations r among the shocks shrink to (1 - l) r, with l the
    share of their mean square that is chance, (1 - r^2)^2 / n each; those with a parameter to sqrt(1 - l) r, so that
    the matrix remains a covariance.

    Source: Schäfer and Strimmer (2005), Statistical Applications in Genetics and Molecular Biology 4.
    """
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    among = correlation[leading:, leading:][~np.eye(len(scale) - leading, dtype=bool)] ** 2
    chance = np.sum((1.0 - among) ** 2) / (num_draws * max(np.sum(among), 1e-300))
    factor = np.where(np.arange(len(scale)) < leading, 1.0, np.sqrt(1.0 - min(chance, 1.0)))
    factors = np.outer(factor, factor)
    np.fill_diagonal(factors, 1.0)
    return covariance * factors


def cholesky_of_few(covariance: np.ndarray) -> np.ndarray:
    """Cholesky factor of a covariance; where draws are too few for one, of the mean of it and its diagonal."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        variance = np.diag(covariance)
        variance = np.maximum(variance, max(1e-12 * float(variance.max()), 1e-300))
        return np.linalg.cholesky(0.5 * (covariance + np.diag(variance)))


def _efficiency(position: np.ndarray, covariance: np.ndarray) -> float:
    """Effective draws a draw, (1 - r) / (1 + r) at the correlation r of a draw with the next.

    From how far the chains jump: E (x' - x)' C^-1 (x' - x) = 2 dim (1 - r).
    """
    dim = position.shape[-1]
    jumps = np.diff(position, axis=0).reshape(-1, dim)
    if len(jumps) == 0:
        return 1.0
    squared = np.sum(jumps.T * np.linalg.solve(covariance, jumps.T), axis=0)
    correlation = np.clip(1.0 - np.mean(squared) / (2 * dim), 0.0, 1.0)
    return float((1.0 - correlation) / (1.0 + correlation))
