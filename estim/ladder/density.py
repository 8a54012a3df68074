"""Rungs of a posterior: its log-density at the start and on prior draws, what it does not see, its gradient."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from estim.estimation import EstimationData, likelihood_of
from estim.evaluations import Evaluations
from estim.ladder.rung import Rung
from estim.posterior import Posterior
from estim.samplers.states import first_gradient_state
from estim.specification import Specification
from estim.status import Status
from estim.typing import Position

Evaluate = Callable[[Position], Evaluations]

_GRADIENT_TOLERANCE = 1e-5
_MOVE = 0.1
_UNSEEN = 1e-11


def at_start(posterior: Posterior, evaluate: Evaluate) -> Rung:
    found = evaluate(posterior.start)
    status = Status(int(found.status))
    lines = (f"log-likelihood {float(found.loglikelihood):.4f}, log-prior {float(found.logprior):.4f}",)
    return Rung(
        "The log-density is finite at the start",
        status == Status.OK,
        lines if status == Status.OK else (posterior.explain(status),),
    )


def calibrated(model: Specification, data: Any) -> Rung:
    """The likelihood of a model without a prior."""
    evaluation, read = likelihood_of(model, data)
    value, failure = evaluation.at(model.params(), EstimationData(read))
    status = Status(int(failure)) if np.isfinite(value) or int(failure) else Status.NOT_FINITE
    lines = (f"log-likelihood {float(value):.4f}", "no parameter has a prior: there is nothing to estimate")
    found = lines if status == Status.OK else (status.message,)
    return Rung("The log-likelihood is finite", status == Status.OK, found)


def prior_draws(posterior: Posterior, evaluate: Evaluate, positions: np.ndarray) -> Rung:
    """How many draws from the prior have which status, signs that are left open, and parameters that are not seen."""
    status = np.array([int(evaluate(position).status) for position in positions])
    lines = tuple(
        f"{np.sum(status == s)} of {len(positions)}: {posterior.explain(int(s))}" for s in np.unique(status)
    )
    lines += tuple(
        f"the sign of '{name}' does not enter the likelihood, and its prior reaches below zero: two modes; cut the "
        "prior at zero"
        for name in _signs_left_open(posterior, evaluate)
    )
    lines += tuple(
        f"the data do not see '{name}': no move of it alone changes the likelihood; its posterior is its prior"
        for name in _unseen(posterior, evaluate, positions[status == Status.OK])
    )
    return Rung("The log-density is finite on draws from the prior", bool(np.any(status == Status.OK)), lines)


def _signs_left_open(posterior: Posterior, evaluate: Evaluate) -> list[str]:
    """Parameters whose prior allows both signs and whose likelihood at the start is that of either sign."""
    values = {name: float(value) for name, value in posterior.constrain_fn(posterior.start).items()}
    here, found = float(evaluate(posterior.start).loglikelihood), []
    for name, value in values.items():
        flipped = posterior.unconstrain_fn(values | {name: -value})
        allowed = bool(np.isclose(posterior.constrain_fn(flipped)[name], -value)) and value != 0.0
        if allowed and np.isclose(float(evaluate(flipped).loglikelihood), here, rtol=1e-12, atol=1e-9):
            found.append(name)
    return found


def _unseen(posterior: Posterior, evaluate: Evaluate, solved: np.ndarray) -> list[str]:
    """Parameters whose move leaves the likelihood as it is, at the start and at another point."""
    if posterior.gradient == "none":  # a noisy likelihood, or one with steps
        return []
    points, left = [np.asarray(posterior.start), *solved[:1]], list(range(len(posterior.param_names)))
    for point in points:
        here = float(evaluate(point).loglikelihood)
        moved = {i: evaluate(point + _MOVE * (np.arange(point.size) == i)) for i in left}
        left = [
            i
            for i, there in moved.items()
            if int(there.status) == Status.OK
            and abs(float(there.loglikelihood) - here) <= _UNSEEN * (1.0 + abs(here))
        ]
    return [posterior.param_names[i] for i in left]


def gradient(posterior: Posterior, evaluate: Evaluate) -> Rung:
    """The gradient against central differences of fourth order, each in units of the largest entry."""
    position = posterior.start
    found = np.asarray(first_gradient_state(posterior, position).gradient)
    shifts = np.eye(position.size) * 1e-5 * np.maximum(1.0, np.abs(np.asarray(position)))
    at = lambda shift: float(evaluate(position + shift).logdensity)
    differences = np.array([(8 * (at(s) - at(-s)) - at(2 * s) + at(-2 * s)) / (12 * s.sum()) for s in shifts])
    error = np.abs(found - differences) / np.max(np.abs(differences))
    wrong = [
        f"{name}: {g:.6g}, by finite differences {d:.6g}"
        for name, g, d, e in zip(posterior.param_names, found, differences, error, strict=True)
        if not e <= _GRADIENT_TOLERANCE
    ]
    lines = wrong or [f"largest difference {np.max(error):.1e} of the largest slope"]
    return Rung("The gradient agrees with finite differences", not wrong, tuple(lines))


def draws_of(posterior: Posterior, num: int) -> np.ndarray:
    """Positions drawn from the prior ``[num, dim]``."""
    return np.asarray(posterior.sample_prior(jax.random.key(1), num))
