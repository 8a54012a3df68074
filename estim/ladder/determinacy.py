"""Why there is no single stable solution: roots against forward-looking variables, slips of timing, parameters to move.

Sources: Blanchard and Kahn (1980, Econometrica 48) on the count.
"""

from functools import singledispatch
from typing import Any

import numpy as np
from scipy.linalg import eigvals

from estim.ladder.rung import Rung
from estim.model import Model
from estim.numerics.roots import RADIUS
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.solution.incidence import incidence
from estim.solution.linearize import LinearModel
from estim.solution.sequence_space.parameter_roles import parameter_roles
from estim.solution.table import default_solver
from estim.status import Status

_FACTORS = 1.1, 1.25, 1.5, 2.0, 3.0
_FEW_FACTORS = (1.5,)
_MOST = 3
_HALVINGS, _FEW_HALVINGS = 12, 3  # few of both where households are solved for


def stable_solution(model: Model, solution: Any, linear: LinearModel | None, given: Any) -> Rung:
    """Is there one stable solution? The dates that variables stand at, roots, and where there is none a way out.

    Args:
        solution: at the model's defaults.
        linear: the equations there; None with heterogeneous agents.
        given: what the solver has of households at the defaults.
    """
    status = Status(int(solution.status))
    lines = [status.message]
    if linear is not None and np.isfinite(np.asarray(linear.now)).all():
        lines += [_count(model, linear), *_dates(model)]
    lines += _inertia(solution)
    if status in (Status.INDETERMINATE, Status.EXPLOSIVE):
        redated = [] if linear is None else _redated(model, linear)
        lines[1:1] = redated
        lines += [] if redated else _moves(model, given)
    return Rung("There is one stable solution", status == Status.OK, tuple(lines))


@singledispatch
def _inertia(solution: Any) -> list[str]:
    """How long what happens goes on to matter."""
    return []


@_inertia.register
def _(solution: StateSpace) -> list[str]:
    if int(solution.status):
        return []
    roots = np.sort(np.abs(np.linalg.eigvals(np.asarray(solution.transition))))[::-1]
    return [f"{roots.size} states; largest roots {', '.join(f'{r:.4f}' for r in roots[:4])}"]


@_inertia.register
def _(solution: MovingAverage) -> list[str]:
    sizes = np.abs(np.asarray(solution.impulse_responses))
    left = sizes[-1].max() / max(sizes.max(), 1e-300)
    known = f"at the end of the horizon of {len(sizes)} periods {left:.2g} of the largest response is left"
    return [known] if np.isfinite(sizes).all() else []


def _dates(model: Model) -> list[str]:
    """Each variable of last and of next period, with the equations that read it so."""
    found, names = incidence(model), model.variables._fields
    lines = []
    for what, table in (("of last period (states)", found.lag), ("of next period", found.lead)):
        read = [
            f"{name} in {', '.join(found.equations[i] for i in np.flatnonzero(table[:, j]))}"
            for j, name in enumerate(names)
            if table[:, j].any()
        ]
        lines.append(f"{what}: {'; '.join(read) or 'none'}")
    return lines


def _count(model: Model, linear: LinearModel) -> str:
    led = int(incidence(model).lead.any(axis=0).sum())
    unstable = _unstable(np.asarray(linear.lead), np.asarray(linear.now), np.asarray(linear.lag), led)
    return f"{unstable} roots outside the unit circle for {led} forward-looking variables" + (
        "" if unstable == led else ": a single stable solution needs as many"
    )


def _unstable(lead: np.ndarray, now: np.ndarray, lag: np.ndarray, led: int) -> int:
    """Roots of A z^2 + B z + C outside the unit circle, without those at infinity of variables that are never led."""
    n, zero = len(now), np.zeros_like(now)
    identity = np.eye(n)
    alpha, beta = eigvals(
        np.block([[-now, -lag], [identity, zero]]),
        np.block([[lead, zero], [zero, identity]]),
        homogeneous_eigvals=True,
    )
    return int((np.abs(alpha) > RADIUS * np.abs(beta)).sum()) - (n - led)


def _redated(model: Model, linear: LinearModel) -> list[str]:
    """Stocks dated at the beginning of the period, which dated at its end would leave one stable solution.

    Such a stock is never of last period, and next period's stands in one equation only, its law of motion, alone with
    a root of at most one: k(+1) = 0.975 k + i. (Where it is greater, as in pi = 0.99 pi(+1) + x, it looks forward.)
    """
    found, names = incidence(model), model.variables._fields
    matrices = [np.array(m) for m in (linear.lead, linear.now, linear.lag)]
    led, lines = int(found.lead.any(axis=0).sum()), []
    for j in np.flatnonzero((found.lead.sum(axis=0) == 1) & ~found.lag.any(axis=0)):
        row = int(np.argmax(found.lead[:, j]))
        if found.lead[row].sum() > 1 or abs(matrices[1][row, j]) > RADIUS * abs(matrices[0][row, j]):
            continue
        lead, now, lag = (m.copy() for m in matrices)
        lag[:, j], now[:, j], lead[:, j] = now[:, j], lead[:, j], 0.0
        if _unstable(lead, now, lag, led - 1) == led - 1:
            name = names[j]
            lines.append(
                f"'{name}' is dated at the beginning of the period: a stock is dated when it is decided, at its end; "
                f"with now.{name} for lead.{name}, and lag.{name} for now.{name}, there is one stable solution (in a "
                f".mod file 'predetermined_variables {name}' says the same)"
            )
    return lines


def _moves(model: Model, given: Any) -> list[str]:
    """The parameters whose move alone, the shortest first, leads to one stable solution, and where it begins."""
    values = model.params()._asdict()
    roles = () if given is None else parameter_roles(model).household
    found = []
    for name, value in values.items():
        if name in roles or name in model.unknowns or np.ndim(value):
            continue
        if (move := _shortest(model, name, float(value), given)) is not None:
            distance = abs(np.log(move / value)) if value else abs(move)
            found.append((distance, name, move, float(value)))
    lines = [
        f"one stable solution {'from' if move > value else 'down from'} {name} = {move:.4g} on, everything else as "
        f"it is; it is {value:.4g}"
        for _, name, move, value in sorted(found)[:_MOST]
    ]
    where = ", ".join(f"{name} = {float(v):.4g}" for name, v in values.items() if not np.ndim(v))
    return [*(lines or ["no parameter alone leads to one stable solution nearby"]), f"at {where}"]


def _shortest(model: Model, name: str, value: float, given: Any) -> float | None:
    """The nearest value of a parameter at which the model is determinate, found between values tried; None if none."""
    factors = _FACTORS if given is None else _FEW_FACTORS
    steps = [value * f for x in factors for f in (x, 1 / x)] if value else [s * 0.3 for s in (1, -1)]
    good = next((x for x in steps if _determinate(model, name, x, given)), None)
    if good is None:
        return None
    bad = value
    for _ in range(_HALVINGS if given is None else _FEW_HALVINGS):
        middle = 0.5 * (good + bad)
        good, bad = (middle, bad) if _determinate(model, name, middle, given) else (good, middle)
    return good


def _determinate(model: Model, name: str, value: float, given: Any) -> bool:
    prior = model.priors.get(name)
    if prior is not None and not bool(prior.support(value)):
        return False
    params = model.params({name: value})
    return int(default_solver(model).solve(model, params, given).status) == Status.OK
