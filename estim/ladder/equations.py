"""Rungs of a model's equations: which variable stands where, and whether each equation says something of its own."""

from typing import Any

import numpy as np

from estim.ladder.rung import Rung
from estim.model import Model
from estim.numerics.matching import unmatched
from estim.solution.at_rest import at_rest, equations_left, levels
from estim.solution.incidence import Incidence, incidence
from estim.solution.linearize import LinearModel
from estim.solution.on_host import linearize_once
from estim.status import Status

_SHIFTS = 0.7 * np.exp(0.9j), 1.3 * np.exp(2.0j)  # dates apart, as numbers that are no root
_DEPENDENT = 1e-12
_IN = 1e-6
_DATES = ("(-1)", "lag"), ("", "now"), ("(+1)", "lead")


def equations(model: Model) -> Rung:
    """Which equation contains which variable, and whether they can be matched one to one."""
    found, names = incidence(model), model.variables._fields
    lines = []
    for row, equation in enumerate(found.equations):
        dated = [
            name + date
            for date, field in _DATES
            for name, present in zip(names, getattr(found, field)[row], strict=True)
            if present
        ]
        lines.append(f"{equation}: {', '.join(dated) or 'no variable'}")
    supplied = {n for block in model.het_blocks for n in block.outputs}
    wanted = [j for j, n in enumerate(names) if n not in supplied]
    anywhere = (found.lag | found.now | found.lead)[:, wanted]
    absent = [names[j] for j, present in zip(wanted, anywhere.any(axis=0), strict=True) if not present]
    left = [names[wanted[j]] for j in unmatched(anywhere)]
    if absent:
        lines.append(f"no equation contains {', '.join(absent)}")
    elif left:
        lines.append(f"no equation is left to determine {' or '.join(left)}")
    lines += _idle(model, found)
    title = f"{len(found.equations)} equations in {len(wanted)} variables"
    if supplied:
        title += f", and {len(supplied)} that agents supply"
    return Rung(title, not left, tuple(lines))


def _idle(model: Model, found: Incidence) -> list[str]:
    """Shocks that move nothing, and variables that nothing depends on: often a slip of the pen, and no error."""
    lines = []
    if idle := [
        n for n, used in zip(model.shocks._fields, found.shocks.any(axis=0), strict=True) if not used
    ]:
        lines.append(f"no equation contains the shock {', '.join(idle)}")
    dated = found.lag | found.now | found.lead
    observed = (found.measured_now | found.measured_lag).any(axis=0)
    read = {n for block in model.het_blocks for n in (*block.inputs, *block.outputs)}
    ends = [
        name
        for j, name in enumerate(model.variables._fields)
        if dated[:, j].sum() == 1
        and dated[dated[:, j]].sum() > 1
        and not observed[j]
        and name not in read
        and not found.lag[:, j].any()
    ]
    if ends:
        lines.append(f"in one equation only, and not observed: {', '.join(ends)}")
    return lines


def linear_at_rest(model: Model) -> LinearModel:
    """The equations linearised at the steady state of the defaults, or at the nearest to one that is found."""
    params = model.params()
    linear = linearize_once(model, params)
    if int(linear.status) == Status.NO_STEADY_STATE and not model.states_rest:
        nearest, _ = at_rest(model, params)
        return linearize_once(model, params, nearest)
    return linear


def independence(model: Model, linear: LinearModel) -> Rung:
    """Does some equation follow from others, dates apart too? Then another one is missing.

    Linearised, A x_{t+1} + B x_t + C x_{t-1} is the polynomial matrix M(z) = A z + B + C / z, whose rows are
    dependent at every z where equations are, and at its roots alone where they are not.
    """
    matrices = [np.asarray(m) for m in (linear.lead, linear.now, linear.lag)]
    title = "No equation follows from the others"
    if not all(np.isfinite(m).all() for m in matrices):
        return Rung(title, True, ())
    lead, now, lag = matrices
    dependent = [_dependent(lead, now, lag, z) for z in _SHIFTS]
    if not all(len(rows) for rows, _ in dependent):
        return Rung(title, True, ())
    rows, columns = dependent[0]
    equation, variable = incidence(model).equations, model.variables._fields
    lines = [_said_twice([equation[i] for i in found]) for found in rows]
    open_ones = sorted({variable[j] for found in columns for j in found}, key=variable.index)
    lines.append(f"so that nothing determines {', '.join(open_ones)}")
    return Rung(title, False, tuple(lines))


def _said_twice(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    if len(quoted) == 1:
        return f"{quoted[0]} says nothing: no variable moves it"
    if len(quoted) == 2:
        return f"{quoted[0]} and {quoted[1]} are the same equation"
    return f"{', '.join(quoted[:-1])} and {quoted[-1]} are dependent: each follows from the others"


def _dependent(lead: Any, now: Any, lag: Any, z: complex) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The sets of rows of M(z) that are dependent, and those of columns."""
    matrix = lead * z + now + lag / z
    rows = np.abs(matrix).max(axis=1, keepdims=True)
    matrix = matrix / np.where(rows > 0, rows, 1.0)
    columns = np.abs(matrix).max(axis=0, keepdims=True)
    u, sizes, vh = np.linalg.svd(matrix / np.where(columns > 0, columns, 1.0))
    null = sizes <= _DEPENDENT * sizes[0]
    return _supports(u[:, null].T), _supports(vh[null])


def _supports(basis: np.ndarray) -> list[np.ndarray]:
    """Where the vectors of a basis are not zero, after Gauss and Jordan's elimination between them."""
    basis = basis.copy()
    for i in range(len(basis)):
        pivot = int(np.argmax(np.abs(basis[i])))
        basis[i] /= basis[i, pivot]
        others = np.arange(len(basis)) != i
        basis[others] -= np.outer(basis[others, pivot], basis[i])
    return [np.flatnonzero(np.abs(row) > _IN * np.abs(row).max()) for row in basis]


def steady_state(model: Model, linear: LinearModel) -> Rung:
    """Does the steady state solve every equation?"""
    passed = int(linear.status) == Status.OK
    params = model.params()
    found = () if passed else (*equations_left(model, params), f"at rest: {levels(model, params)}")
    return Rung("The steady state solves every equation", passed, found)
