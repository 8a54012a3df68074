"""The words of a certificate: what each of its figures must be, and what follows where one is not."""

from typing import NamedTuple

import numpy as np

from estim.surrogate.estimates import Estimate

VERDICTS = {
    "safe": "the surrogate's draws can be used as they are, as far as these evaluations see",
    "use the correction": "not certified as they are; importance weights remove the error that was found, "
    "delayed acceptance is the slower check",
    "not certified": "neither the draws nor their importance weights are to be relied on",
}
"""Every verdict, and what it says to the user."""

SAFE_DECISION = 0.0033
"""Of wrong accepts and wrong rejects: a convention, the rate that Kase, Rigato and Rottner (2024) report."""

TOLERANCE = {"mean": 0.1, "standard deviation": 0.05, "5 % quantile": 0.1, "95 % quantile": 0.1}
"""Largest error of each figure of a posterior margin: standard deviations, of the standard deviation a share of it."""

MAX_RHAT = 1.05
"""Of the surrogate's chains, which are many and short: halves of n draws with autocorrelation time tau have
sqrt(1 + (tau - 1) / n) where nothing is wrong, so that 1.05 asks for halves ten autocorrelation times long."""

MAX_TRAINING_RHAT = 1.01
"""Of an exact sampler's few long chains (Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021)."""

MAX_TAIL_KHAT = 0.4
"""Of the terms of a corrected variance: its Monte Carlo error is finite below one half, and k-hat is known to 0.1."""

MIN_EFFECTIVE = 100
"""Effective evaluations behind the weights, below which their own errors are guesses."""

MIN_EFFECTIVE_DRAWS = 400
"""Effective draws of the surrogate (Vehtari et al. 2021)."""


class Findings(NamedTuple):
    """What a verdict rests on: see `Certificate`; R-hats, effective draws and ``tail_khat`` are by parameter."""

    names: tuple[str, ...]
    rhat: np.ndarray
    training_rhat: np.ndarray | None
    effective_draws: np.ndarray
    failed_share: float
    pareto_khat: float
    reliable_khat: float
    effective_evaluations: float
    wrong_accept: Estimate
    wrong_reject: Estimate
    shift: np.ndarray
    shift_error: np.ndarray
    tail_khat: np.ndarray


def judge(found: Findings) -> tuple[str, tuple[str, ...]]:
    """A word of `VERDICTS` and its reasons, each with the figure and its limit.

    *Not certified*: what the weights say cannot be relied on, or leaves a margin uncertain by its tolerance, so that
    neither the draws nor their correction is known to be right. *Use the correction*: they can be relied on, and they
    find an error. *Safe*: they find none, two standard errors included.
    """
    refusals = [*_chains(found), *_weights(found), *_tails(found)]
    errors = [*_decisions(found), *_margins(found)]
    word = "not certified" if refusals else "use the correction" if errors else "safe"
    return word, (*refusals, *errors)


def _chains(found: Findings) -> list[str]:
    """Chains that have not met are draws of no distribution, and so are their weights."""
    reasons = []
    for whose, rhat, limit, then in [
        ("the surrogate's", found.rhat, MAX_RHAT, "sample it longer"),
        ("the training chains'", found.training_rhat, MAX_TRAINING_RHAT, "teach it by longer chains"),
    ]:
        if rhat is not None and not np.all(rhat < limit):
            reasons.append(
                f"{whose} chains have not met: R-hat {_largest(found.names, rhat)}, wanted below {limit}: {then}"
            )
    if not np.all(found.effective_draws >= MIN_EFFECTIVE_DRAWS):
        least = _largest(found.names, -found.effective_draws, lambda v: f"{-v:,.0f}")
        reasons.append(
            f"too few effective draws of the surrogate: {least}, wanted {MIN_EFFECTIVE_DRAWS}: sample it longer"
        )
    return reasons


def _weights(found: Findings) -> list[str]:
    if found.failed_share == 1:
        return ["none of the surrogate's draws has a likelihood: refine"]
    reasons = []
    if found.failed_share > 0.5:
        reasons.append(f"{found.failed_share:.0%} of the surrogate's draws have no likelihood: refine")
    if not found.pareto_khat < found.reliable_khat:
        reasons.append(
            f"importance weights are unreliable: k-hat {found.pareto_khat:.2f}, wanted below "
            f"{found.reliable_khat:.2f}: refine"
        )
    if not found.effective_evaluations >= MIN_EFFECTIVE:
        reasons.append(
            f"too few effective evaluations: {found.effective_evaluations:.0f}, wanted {MIN_EFFECTIVE}: "
            "refine or evaluate more"
        )
    for row, (what, limit) in enumerate(TOLERANCE.items()):
        if not np.all(found.shift_error[row] < limit):
            worst = _largest(found.names, found.shift_error[row])
            reasons.append(
                f"the weights leave the {what} uncertain by {worst}, wanted below {limit}: refine or evaluate more"
            )
    return reasons


def _tails(found: Findings) -> list[str]:
    """A standard deviation that moves must not rest on a handful of points far out.

    From half of its tolerance on: where tails are heavy the few points seen say too little, and so do their errors.
    """
    row = list(TOLERANCE).index("standard deviation")
    moves = _bound(found)[row] >= TOLERANCE["standard deviation"] / 2
    khat = np.where(moves, found.tail_khat, -np.inf)
    if np.all(khat < MAX_TAIL_KHAT):
        return []
    return [
        f"heavy tails: the shift of the standard deviation rests on few points, k-hat {_largest(found.names, khat)}, "
        f"wanted below {MAX_TAIL_KHAT}: refine"
    ]


def _decisions(found: Findings) -> list[str]:
    pairs = [("wrong accepts", found.wrong_accept), ("wrong rejects", found.wrong_reject)]
    return [
        f"{what} {100 * e.value:.2f} % +- {100 * e.error:.2f} %, wanted below {100 * SAFE_DECISION:.2f} %"
        for what, e in pairs
        if not e.value + 2 * e.error < SAFE_DECISION
    ]


def _margins(found: Findings) -> list[str]:
    reasons = []
    bound = _bound(found)
    for row, (what, limit) in enumerate(TOLERANCE.items()):
        if not np.all(bound[row] < limit):
            j = _worst(bound[row])
            reasons.append(
                f"the {what} of {found.names[j]} is off by {found.shift[row, j]:+.3f} +- "
                f"{found.shift_error[row, j]:.3f}, wanted below {limit}"
            )
    return reasons


def _bound(found: Findings) -> np.ndarray:
    """How far off the margins may be, two standard errors included, ``[4, dim]``."""
    return np.abs(found.shift) + 2 * found.shift_error


def _worst(values: np.ndarray) -> int:
    """Index of the largest value; what is not a number is worse than any."""
    return int(np.argmax(np.where(np.isnan(values), np.inf, values)))


def _largest(names: tuple[str, ...], values: np.ndarray, form=lambda v: f"{v:.3f}") -> str:
    j = _worst(values)
    return f"{form(values[j])} ({names[j]})"
