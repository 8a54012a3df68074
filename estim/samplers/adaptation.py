"""Warm-up: a window of draws of all chains improves the tuning of the next window.

Plain functions on host arrays, run between windows of compiled steps: the kernel that warms up
is the kernel that samples, and after the last window its tuning does not move.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import erfcinv

from estim.samplers.base import Info, Tuning
from estim.samplers.transport import learn_bend

NUM_WINDOWS = 20
_BURN_IN = 5
_KEPT = 5_000
_STUCK, _IDLE = 0.01, 0.97  # acceptance rates beyond which the step is changed no faster


class Visited(NamedTuple):
    """Points ``[n, dim]`` and the slopes of the log-density there."""

    position: np.ndarray
    slope: np.ndarray


class Adaptation(NamedTuple):
    """What warm-up remembers from window to window.

    ``num_windows``: how many are done; ``num_draws``: the effective draws behind the tuning's mean and the
    two moments; ``covariance`` of the draws and ``information``, the second moment of the slopes of the
    log-density there, ``[dim, dim]``; ``log_step_sizes`` ``[NUM_WINDOWS]``: the step size that each window ended with;
    ``visited``: where the density was evaluated lately, from which the bend is learnt.
    """

    num_windows: np.ndarray
    num_draws: np.ndarray
    covariance: np.ndarray
    information: np.ndarray
    log_step_sizes: np.ndarray
    visited: Visited


def init_adaptation(scale_tril: Any) -> Adaptation:
    """Nothing adapted yet; the Gaussian with this Cholesky factor counts as ``10 dim`` draws."""
    covariance = np.asarray(scale_tril @ scale_tril.T)
    dim = len(covariance)
    nowhere = np.zeros((0, dim))
    return Adaptation(
        num_windows=np.array(0),
        num_draws=np.array(10.0 * dim),
        covariance=covariance,
        information=np.linalg.inv(covariance),
        log_step_sizes=np.zeros(NUM_WINDOWS),
        visited=Visited(nowhere, nowhere),
    )


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
) -> tuple[Tuning, Adaptation]:
    """The tuning for the next window.

    The step size e goes where the target acceptance rate a* is expected, by a = erfc(c e^2) with a constant c (Beskos
    et al. 2013, for Hamiltonian dynamics), ever more carefully (Robbins and Monro 1951), and in
    the last window becomes the average of the second half. In the first five windows the rate is the harmonic
    mean over the chains (as in Hoffman, Radul and Sountsov 2021): a chain that is stuck where it began makes
    steps small until it moves. Mean and covariance, from the sixth window on, are running averages over the
    draws of all chains (Andrieu and Thoms 2008, algorithm 4); window k, counted from 0, forgets 1/k of the
    past, so that windows weigh in proportion to their number. A window counts by its effective draws:
    a thousand steps of a random walk in 36 dimensions say less of a covariance than the Hessian at the mode.

    A kernel without slopes moves by the covariance C of the draws. One with slopes moves by the geometric mean
    of C and the inverse of G = E (grad log p)(grad log p)', which minimises the Fisher divergence to a
    Gaussian (Seyboldt, Carlson and Carpenter 2026): the two agree for a Gaussian, and elsewhere the mean is
    narrow where the density bends too much for steps as wide as the posterior. What a Gaussian misses it
    moves along: see `estim.samplers.transport`. A wall, beyond which there is no density, does not show in the slopes.

    Args:
        info: the window, with leading axes ``[step, chain]``, on the host. ``trajectory_gradient`` among its
            statistics is the slope of the ChEES criterion in the log of the trajectory's length (Hoffman,
            Radul and Sountsov 2021).
        last: whether this is the last window.
    """
    k = int(adaptation.num_windows)
    log_steps = adaptation.log_step_sizes.copy()
    log_steps[k] = _log_step_size(tuning, info, target_acceptance, k)
    log_step = np.mean(log_steps[(k + 1) // 2 : k + 1]) if last else log_steps[k]
    log_length = _log_trajectory_length(tuning, info, k)
    mean, scale_tril = np.asarray(tuning.mean), np.asarray(tuning.scale_tril)
    _, count, covariance, information, _, visited = adaptation
    bend = tuning.bend
    position = np.asarray(info.draws.position)
    draws = position.reshape(-1, mean.size)
    if k >= _BURN_IN:
        count = (1 - 1 / k) * count
        effective = len(draws) * _efficiency(position, covariance)
        weight = effective / (count + effective)
        shift = draws - mean
        mean = mean + weight * shift.mean(axis=0)
        covariance = (1 - weight) * covariance + weight * (draws - mean).T @ shift / len(draws)
        covariance = (covariance + covariance.T) / 2
        scale_tril = np.linalg.cholesky(covariance)
        if info.gradient is not None:
            slopes = info.gradient[:, :, -position.shape[2] :].reshape(-1, mean.size)
            information = (1 - weight) * information + weight * slopes.T @ slopes / len(slopes)
            scale_tril = _geometric_mean(scale_tril, information)
            visited = Visited(
                *(np.concatenate(rows)[-_KEPT:] for rows in zip(visited, _visited(info), strict=True))
            )
            w = np.linalg.solve(scale_tril, (visited.position - mean).T).T
            bend = learn_bend(w, visited.slope @ scale_tril)
        count = np.asarray(count + effective)
    if last:
        visited = Visited(*(rows[:0] for rows in visited))
    return (
        Tuning(mean, scale_tril, np.asarray(np.exp(log_step)), np.asarray(np.exp(log_length)), bend),
        Adaptation(np.array(k + 1), count, covariance, information, log_steps, visited),
    )


def _log_step_size(tuning: Tuning, info: Info, target_acceptance: float, k: int) -> float:
    """Of the step with which the target would have been met, a part of the way there after window k."""
    by_chain = np.mean(np.atleast_2d(info.acceptance_rate), axis=0)
    rate = np.mean(by_chain) if k >= _BURN_IN else 1 / np.mean(1 / np.maximum(by_chain, _STUCK))
    expected = 0.5 * np.log(erfcinv(target_acceptance) / erfcinv(np.clip(rate, _STUCK, _IDLE)))
    return np.log(float(tuning.step_size)) + expected / np.sqrt(1 + k)


def _log_trajectory_length(tuning: Tuning, info: Info, k: int) -> float:
    """Up the slope of the kernel's criterion, where it reports one; as it was elsewhere."""
    log_length = np.log(float(tuning.trajectory_length))
    if (slope := info.stats.get("trajectory_gradient")) is None:
        return log_length
    slope = slope / max(np.max(np.abs(slope)), 1e-300)
    return log_length + 2.0 / np.sqrt(1 + k) * np.mean(slope) / max(np.sqrt(np.mean(slope**2)), 1e-300)


def _visited(info: Info) -> Visited:
    """The points of a window that have a density: those evaluated, and the draws."""
    position = np.concatenate([info.evaluations.position, info.draws.position], axis=2)
    logdensity = np.concatenate([info.evaluations.logdensity, info.draws.logdensity], axis=2)
    slope = np.asarray(info.gradient)
    finite = np.isfinite(logdensity) & np.isfinite(slope).all(axis=-1)
    return Visited(position[finite], slope[finite])


def _geometric_mean(scale_tril: np.ndarray, information: np.ndarray) -> np.ndarray:
    """Cholesky factor of the geometric mean L (L'GL)^-1/2 L' of C = LL' and G^-1."""
    eigenvalues, vectors = np.linalg.eigh(scale_tril.T @ information @ scale_tril)
    root = scale_tril @ (vectors * eigenvalues**-0.25)
    return np.linalg.cholesky(root @ root.T)


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
