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

LOOSER = {"mean": 2.0, "standard deviation": 1.0, "5 % quantile": 3.0, "95 % quantile": 3.0}
"""Limits of each figure of a margin, in tolerances: a mean that is wrong by 2 t and a standard deviation by t move a
Gaussian's 5 and 95 % quantiles by up to 3.6 t."""

MAX_TRAINING_RHAT = 1.01
"""Of an exact sampler's few long chains (Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021)."""

MAX_FAILED_SHARE = 0.04
"""Of draws at which the posterior is zero, in tolerances: they move margins little, but each of them is wrong, and the
model says nothing there."""

MAX_TAIL_KHAT = 0.5
"""Of the terms of a corrected variance, whose Monte Carlo error is finite below it."""

MIN_EFFECTIVE = 100
"""Effective evaluations behind the weights, below which their own errors are guesses."""

MIN_EFFECTIVE_DRAWS = 400
"""Effective draws of the surrogate (Vehtari et al. 2021)."""


class Findings(NamedTuple):
    """What a verdict rests on: see `Certificate`; R-hats, effective draws and ``tail_khat`` are by quantity.

    ``error`` is that of ``shift`` and of the draws' own figures together.
    """

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
    shift_error: np.ndarray
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
        otherwise: the reason that it is for the verdict where it is not met, with what to do.
        refuses: whether neither draws nor weights are certified then; else the correction is asked for.
        path: whether a tempered path from the draws can do without it.
    """

    what: str
    found: str
    wanted: str
    met: bool | None
    otherwise: str = ""
    refuses: bool = True
    path: bool = False


TEACHERS_MET = "the training chains have met"


def could_learn(conditions: tuple[Condition, ...]) -> bool:
    """Whether more evaluations could change a refusal: not where the chains that taught have not met."""
    return all(c.met is not False for c in conditions if c.what == TEACHERS_MET)


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
    for what, whose, rhat, limit, then in [
        (
            "the surrogate's chains have met",
            "the surrogate's chains",
            found.rhat,
            found.max_rhat,
            "sample it longer",
        ),
        (
            TEACHERS_MET,
            "the training chains",
            found.training_rhat,
            MAX_TRAINING_RHAT,
            "teach it by longer chains",
        ),
    ]:
        wanted = f"below {limit:.3f}"
        if rhat is None:
            conditions.append(Condition(what, "not looked at", wanted, None))
            continue
        said = f"R-hat {_largest(found.names, rhat)}"
        otherwise = f"{whose} have not met: {said}, wanted {wanted}: {then}"
        conditions.append(Condition(what, said, wanted, bool(np.all(rhat < limit)), otherwise))
    least = _largest(found.names, -found.effective_draws, lambda v: f"{-v:,.0f}")
    enough = bool(np.all(found.effective_draws >= MIN_EFFECTIVE_DRAWS))
    otherwise = (
        f"too few effective draws of the surrogate: {least}, wanted {MIN_EFFECTIVE_DRAWS}: sample it longer"
    )
    wanted = f"at least {MIN_EFFECTIVE_DRAWS}"
    conditions.append(Condition("effective draws of the surrogate", least, wanted, enough, otherwise))
    return conditions


def _weights(found: Findings) -> list[Condition]:
    share = found.failed_share
    otherwise = f"{'none' if share == 1 else f'{share:.0%}'} of the surrogate's draws "
    otherwise += "has a likelihood: refine" if share == 1 else "have no likelihood: refine"
    conditions = [
        Condition(
            "draws have a likelihood", f"{1 - share:.0%}", "at least 50%", bool(share <= 0.5), otherwise
        )
    ]
    if share == 1:
        return conditions
    most = found.tolerance * MAX_FAILED_SHARE
    said, wanted = f"{share:.2%}", f"at most {most:.2%}"
    otherwise = f"{said} of the surrogate's draws have no likelihood, wanted {wanted}: leave them out"
    conditions.append(
        Condition("draws without a likelihood", said, wanted, share <= most, otherwise, refuses=False)
    )
    said, wanted = f"k-hat {found.pareto_khat:.2f}", f"below {found.reliable_khat:.2f}"
    reliable = bool(found.pareto_khat < found.reliable_khat)
    otherwise = f"importance weights are unreliable: {said}, wanted {wanted}: refine"
    what = "importance weights are reliable"
    conditions.append(Condition(what, said, wanted, reliable, otherwise, path=True))
    effective = f"{found.effective_evaluations:.0f}"
    enough = bool(found.effective_evaluations >= MIN_EFFECTIVE)
    otherwise = f"too few effective evaluations: {effective}, wanted {MIN_EFFECTIVE}: refine or evaluate more"
    wanted = f"at least {MIN_EFFECTIVE}"
    conditions.append(Condition("effective evaluations", effective, wanted, enough, otherwise, path=True))
    return [*conditions, _reference(found), _tails(found), *_known(found)]


def _reference(found: Findings) -> Condition:
    """At exact draws the surrogate must have as much density as its own draws let expect."""
    what, wanted = "it has density where the training chains went", f"within {found.tolerance:.0%}"
    if found.missing is None:
        return Condition(what, "not looked at", wanted, None)
    excess = found.missing.value - found.total_variation.value
    noise = 2 * np.hypot(found.missing.error, found.total_variation.error)
    said = f"{found.missing.value:.1%} +- {found.missing.error:.1%} missing, by its own draws "
    said += f"{found.total_variation.value:.1%}"
    otherwise = f"the training chains went where the surrogate has too little density: {said}, wanted {wanted}: refine"
    return Condition(what, said, wanted, bool(excess - noise <= found.tolerance), otherwise)


def _tails(found: Findings) -> Condition:
    """A standard deviation that moves must not rest on a handful of points far out.

    From half of its tolerance on: where tails are heavy the few points seen say too little, and so do their errors.
    """
    row = list(LOOSER).index("standard deviation")
    moves = np.abs(found.shift[row]) + 2 * found.shift_error[row] >= found.tolerance / 2
    khat = np.where(moves, found.tail_khat, -np.inf)
    said, wanted = f"k-hat {_largest(found.names, khat)}", f"below {MAX_TAIL_KHAT}"
    what = "a standard deviation that moves rests on many points"
    otherwise = f"heavy tails: the shift of the standard deviation rests on few points, {said}, wanted {wanted}: refine"
    met = bool(np.all(khat < MAX_TAIL_KHAT))
    return Condition(what, said if moves.any() else "none moves", wanted, met, otherwise, path=True)


def _known(found: Findings) -> list[Condition]:
    """The errors of the correction, and of the draws, leave no margin uncertain."""
    conditions = []
    for row, (what, looser) in enumerate(LOOSER.items()):
        limit = largest_error(looser, found.tolerance)
        worst, wanted = _largest(found.names, found.error[row]), f"below {limit:.3g}"
        otherwise = f"the weights and draws leave the {what} uncertain by {worst}, wanted {wanted}: "
        otherwise += "refine, evaluate more or sample longer"
        met = bool(np.all(found.error[row] < limit))
        conditions.append(Condition(f"the {what} is known", f"+- {worst}", wanted, met, otherwise, path=True))
    return conditions


def largest_error(looser: float, tolerance: float) -> float:
    """A standard error up to which a figure is known, two of them being what it may be off."""
    return looser * tolerance / 2


def _margins(found: Findings) -> list[Condition]:
    conditions = []
    bound = _bound(found)
    for row, (what, looser) in enumerate(LOOSER.items()):
        limit = looser * found.tolerance
        j = _worst(bound[row])
        name, met = found.names[j], bool(np.all(bound[row] < limit))
        said, wanted = f"{found.shift[row, j]:+.3f} +- {found.error[row, j]:.3f}", f"within {limit:.3g}"
        otherwise = f"the {what} of {name} is off by {said}, wanted below {limit:.3g}"
        what = f"the {what} is right"
        conditions.append(Condition(what, f"off by {said} ({name})", wanted, met, otherwise, refuses=False))
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
