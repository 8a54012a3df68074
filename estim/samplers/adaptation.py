"""Warm-up: a window of draws of all chains improves the tuning of the next window.

Plain functions on host arrays, run between windows of compiled steps: the kernel that warms up
is the kernel that samples, and after the last window its tuning does not move.
"""

from typing import Any, NamedTuple

import numpy as np

from estim.samplers.base import Tuning

NUM_WINDOWS = 20
_BURN_IN = 5
_STUCK = 0.01


class Adaptation(NamedTuple):
    """What warm-up remembers from window to window.

    ``num_windows``: how many are done; ``num_draws``: the effective draws behind the tuning's mean and covariance;
    ``log_step_sizes`` ``[NUM_WINDOWS]``: the step size that each window ended with.
    """

    num_windows: np.ndarray
    num_draws: np.ndarray
    log_step_sizes: np.ndarray


def init_adaptation(dim: int) -> Adaptation:
    """Nothing adapted yet; the first covariance counts as ``10 dim`` draws."""
    return Adaptation(np.array(0), np.array(10.0 * dim), np.zeros(NUM_WINDOWS))


def window_lengths(num_warmup: int) -> list[int]:
    """Steps in each window; they add up to `num_warmup`."""
    edges = np.linspace(0, num_warmup, NUM_WINDOWS + 1).round().astype(int)
    return [int(n) for n in np.diff(edges)]


def adapt(
    tuning: Tuning,
    adaptation: Adaptation,
    position: np.ndarray,
    acceptance_rate: np.ndarray,
    target_acceptance: float,
    last: bool,
    trajectory_gradient: Any = None,
) -> tuple[Tuning, Adaptation]:
    """The tuning for the next window.

    The step size follows Robbins and Monro (1951) towards the target acceptance rate, and in
    the last window becomes the average of the second half. In the first five windows the rate is the harmonic
    mean over the chains (as in Hoffman, Radul and Sountsov 2021): a chain that is stuck where it began makes
    steps small until it moves. Mean and covariance, from the sixth window on, are running averages over the
    draws of all chains (Andrieu and Thoms 2008, algorithm 4); window k, counted from 0, forgets 1/k of the
    past, so that windows weigh in proportion to their number. A window counts by its effective draws:
    a thousand steps of a random walk in 36 dimensions say less of a covariance than the Hessian at the mode.

    Args:
        position: draws of the window, ``[step, ..., dim]``.
        acceptance_rate: of each step, ``[step, chain]``, or one number.
        last: whether this is the last window.
        trajectory_gradient: of each step, the slope of the ChEES criterion in the log of the
            trajectory's length (Hoffman, Radul and Sountsov 2021), of the kernels that give it.
    """
    k = int(adaptation.num_windows)
    log_step = np.log(float(tuning.step_size))
    by_chain = np.mean(np.atleast_2d(acceptance_rate), axis=0)
    rate = np.mean(by_chain) if k >= _BURN_IN else 1 / np.mean(1 / np.maximum(by_chain, _STUCK))
    log_step += 2.0 / np.sqrt(1 + k) * (float(rate) - target_acceptance)
    log_steps = adaptation.log_step_sizes.copy()
    log_steps[k] = log_step
    if last:
        log_step = np.mean(log_steps[(k + 1) // 2 : k + 1])

    log_length = np.log(float(tuning.trajectory_length))
    if trajectory_gradient is not None:
        slope, spread = np.mean(trajectory_gradient), np.sqrt(np.mean(trajectory_gradient**2))
        log_length += 2.0 / np.sqrt(1 + k) * slope / max(spread, 1e-300)

    mean, scale_tril, count = (
        np.asarray(tuning.mean),
        np.asarray(tuning.scale_tril),
        float(adaptation.num_draws),
    )
    draws = position.reshape(-1, mean.size)
    if k >= _BURN_IN:
        count = (1 - 1 / k) * count
        effective = len(draws) * _efficiency(position, scale_tril)
        weight = effective / (count + effective)
        shift = draws - mean
        mean = mean + weight * shift.mean(axis=0)
        covariance = (1 - weight) * scale_tril @ scale_tril.T + weight * (draws - mean).T @ shift / len(draws)
        covariance = (covariance + covariance.T) / 2
        scale_tril = np.linalg.cholesky(covariance)
        count += effective
    return (
        Tuning(mean, scale_tril, np.asarray(np.exp(log_step)), np.asarray(np.exp(log_length))),
        Adaptation(np.array(k + 1), np.array(count), log_steps),
    )


def _efficiency(position: np.ndarray, scale_tril: np.ndarray) -> float:
    """Effective draws a draw, (1 - r) / (1 + r) at the correlation r of a draw with the next.

    From how far the chains jump: E (x' - x)' C^-1 (x' - x) = 2 dim (1 - r).
    """
    dim = position.shape[-1]
    jumps = np.diff(position, axis=0).reshape(-1, dim)
    if len(jumps) == 0:
        return 1.0
    squared = np.sum(np.linalg.solve(scale_tril, jumps.T) ** 2, axis=0)
    correlation = np.clip(1.0 - np.mean(squared) / (2 * dim), 0.0, 1.0)
    return float((1.0 - correlation) / (1.0 + correlation))
