"""The words of a certificate: its conditions, each with figure and limit, and what follows where one is not met."""

from collections.abc import Callable
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

TOLERANCE = 0.05
"""Of a standard deviation, as a share of it: the default of `certify`."""

LOOSER = {"mean": 2.0, "standard deviation": 1.0, "5 % quantile": 2.0, "95 % quantile": 2.0}
"""Limits of each figure of a margin, in tolerances: a standard deviation that is wrong by t moves a Gaussian's
5 and 95 % quantiles by 1.64 t."""

MAX_TRAINING_RHAT = 1.01
"""Of an exact sampler's few long chains (Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021)."""

MAX_TAIL_KHAT = 0.4
"""Of the terms of a corrected variance: its Monte Carlo error is finite below one half, and k-hat is known to 0.1."""

MIN_EFFECTIVE = 100
"""Effective evaluations behind the weights, below which their own errors are guesses."""

MIN_EFFECTIVE_DRAWS = 400
"""Effective draws of the surrogate (Vehtari et al. 2021)."""


class Findings(NamedTuple):
    """What a verdict rests on: see `Certificate`; R-hats, effective draws and ``tail_khat`` are by quantity."""

    names: tuple[str, ...]
    rhat: np.ndarray
    max_rhat: float
    training_rhat: np.ndarray | None
    effective_draws: np.ndarray
    failed_share: float
    pareto_khat: float
    reliable_khat: float
    effective_evaluations: float
    shift: np.ndarray
    error: np.ndarray
    tail_khat: np.ndarray
    total_variation: Estimate
    missing: Estimate | None
    tolerance: float


class Condition(NamedTuple):
    """One condition of the claim.

    Attributes:
        what: it is about.
        found: its figure, in words.
        wanted: what that must be.
        met: whether it is; None where it could not be looked at.
        refuses: whether neither draws nor weights are certified where it is not met; else the correction is asked for.
        then: what to do where it is not met.
    """

    what: str
    found: str
    wanted: str
    met: bool | None
    refuses: bool = True
    then: str = ""

    @property
    def reason(self) -> str:
        """As a sentence of the verdict."""
        return f"{self.what}: {self.found}, wanted {self.wanted}" + (f": {self.then}" if self.then else "")


def judge(found: Findings) -> tuple[str, tuple[Condition, ...]]:
    """A word of `VERDICTS` and the conditions that it follows from.

    *Not certified*: what the weights say cannot be relied on, or leaves a margin uncertain by its tolerance, so that
    neither the draws nor their correction is known to be right. *Use the correction*: they can be relied on, and they
    find an error. *Safe*: they find none, two standard errors included.
    """
    conditions = (*_chains(found), *_weights(found), *_margins(found))
    failed = [condition for condition in conditions if condition.met is False]
    word = (
        "safe" if not failed else "not certified" if any(c.refuses for c in failed) else "use the correction"
    )
    return word, conditions


def _chains(found: Findings) -> list[Condition]:
    """Chains that have not met are draws of no distribution, and so are their weights."""
    conditions = []
    for whose, rhat, limit, then in [
        ("the surrogate's chains have met", found.rhat, found.max_rhat, "sample it longer"),
        ("the training chains have met", found.training_rhat, MAX_TRAINING_RHAT, "teach it by longer chains"),
    ]:
        if rhat is None:
            conditions.append(Condition(whose, "not looked at", f"R-hat below {limit:.3g}", None))
        else:
            said = f"R-hat {_largest(found.names, rhat)}"
            met = bool(np.all(rhat < limit))
            conditions.append(Condition(whose, said, f"below {limit:.3f}", met, then=then))
    enough = bool(np.all(found.effective_draws >= MIN_EFFECTIVE_DRAWS))
    least = _largest(found.names, -found.effective_draws, lambda v: f"{-v:,.0f}")
    wanted = f"at least {MIN_EFFECTIVE_DRAWS}"
    conditions.append(
        Condition("effective draws of the surrogate", least, wanted, enough, then="sample it longer")
    )
    return conditions


def _weights(found: Findings) -> list[Condition]:
    share = found.failed_share
    conditions = [
        Condition(
            "draws without a likelihood", f"{share:.0%}", "at most 50%", bool(share <= 0.5), then="refine"
        )
    ]
    if share == 1:
        return conditions
    khat = f"k-hat {found.pareto_khat:.2f}"
    reliable = bool(found.pareto_khat < found.reliable_khat)
    conditions.append(
        Condition(
            "importance weights are reliable",
            khat,
            f"below {found.reliable_khat:.2f}",
            reliable,
            then="refine",
        )
    )
    effective = found.effective_evaluations
    enough = bool(effective >= MIN_EFFECTIVE)
    then = "refine or evaluate more"
    conditions.append(
        Condition("effective evaluations", f"{effective:.0f}", f"at least {MIN_EFFECTIVE}", enough, then=then)
    )
    conditions.append(_reference(found))
    # A standard deviation that moves, by half of its tolerance or more, must not rest on a handful of points far out.
    row = list(LOOSER).index("standard deviation")
    moves = _bound(found)[row] >= found.tolerance / 2
    tail = np.where(moves, found.tail_khat, -np.inf)
    said = f"k-hat {_largest(found.names, tail)}" if moves.any() else "none moves"
    few = "a standard deviation that moves rests on many points"
    conditions.append(
        Condition(
            few,
            said,
            f"below {MAX_TAIL_KHAT}",
            bool(np.all(tail < MAX_TAIL_KHAT)),
            then="heavy tails: refine",
        )
    )
    for row, (what, looser) in enumerate(LOOSER.items()):
        limit = looser * found.tolerance
        worst = f"+- {_largest(found.names, found.error[row])}"
        known = bool(np.all(2 * found.error[row] < limit))
        conditions.append(
            Condition(
                f"the {what} is known",
                worst,
                f"within {limit / 2:.3g}",
                known,
                then=f"{then}, or sample longer",
            )
        )
    return conditions


def _reference(found: Findings) -> Condition:
    """At exact draws the surrogate must have as much density as its own draws let expect."""
    what, limit = "where the training chains were the surrogate is too", found.tolerance
    wanted = f"at most {limit:.0%} beyond the total variation"
    if found.missing is None:
        return Condition(what, "not looked at", wanted, None)
    excess = found.missing.value - found.total_variation.value
    noise = 2 * np.hypot(found.missing.error, found.total_variation.error)
    said = (
        f"{found.missing.value:.1%} +- {found.missing.error:.1%} of them lie where it has too little density"
    )
    return Condition(what, said, wanted, bool(excess - noise <= limit), then="refine")


def _margins(found: Findings) -> list[Condition]:
    conditions = []
    bound = _bound(found)
    for row, (what, looser) in enumerate(LOOSER.items()):
        limit = looser * found.tolerance
        j = _worst(bound[row])
        said = f"off by {found.shift[row, j]:+.3f} +- {found.error[row, j]:.3f} ({found.names[j]})"
        met = bool(np.all(bound[row] < limit))
        conditions.append(Condition(f"the {what} is right", said, f"within {limit:.3g}", met, refuses=False))
    return conditions


def _bound(found: Findings) -> np.ndarray:
    """How far off the margins may be, two standard errors included, ``[4, quantities]``."""
    return np.abs(found.shift) + 2 * found.error


def _worst(values: np.ndarray) -> int:
    """Index of the largest value; what is not a number is worse than any."""
    return int(np.argmax(np.where(np.isnan(values), np.inf, values)))


def _largest(
    names: tuple[str, ...], values: np.ndarray, form: Callable[[float], str] = lambda v: f"{v:.3f}"
) -> str:
    j = _worst(values)
    return f"{form(values[j])} ({names[j]})"
