"""`perfect_foresight`: the path of an economy that knows what is to come, in levels."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from estim.arguments import ArgumentError, Positive, checked, shown
from estim.given_paths import columns_by_name, levels_by_name
from estim.model import Model
from estim.models import load_model
from estim.runtime import require_own_runtime
from estim.solution.first_order import FirstOrder
from estim.solution.incidence import incidence
from estim.solution.perfect_foresight import Ends, compiled_path
from estim.solution.regimes import regimes, violated
from estim.solution.search_on_host import search
from estim.solution.sequence_space.solver import SequenceSpace
from estim.solution.sequence_space.transitions import solve_transition
from estim.solution.steady_state import steady_state_of
from estim.solution.table import default_solver
from estim.status import SolutionError, Status

_LEFT = 1e-8
_SHORTEST = 2.0**-7


@checked
def perfect_foresight(
    model: Model | str,
    params: Any = None,
    shocks: Any = None,
    initial: Any = None,
    terminal: Any = None,
    *,
    horizon: Positive = 200,
) -> xr.DataArray:
    """The path along which all that is to come is known, nothing linearised; constraints bind where they do.

    Args:
        model: a `Model`, with heterogeneous agents too, or the name of one in the gallery.
        params: values that override the defaults, in the model's own units.
        shocks: levels of the exogenous variables (of the shocks, as the equations read them), a row for each period
            from the first on: a frame, a mapping of paths, or an array ``[n_periods, n_shocks]``. What is left out,
            and what comes after the last row, has its terminal level. Surprises in sequence are a mapping
            ``{period: paths}``: in each of these periods it is learnt what will happen from then on.
        initial: levels in period 0: of variables, or of exogenous variables, which the others then rest at. At rest
            where left out.
        terminal: levels in the period after the horizon, likewise: an exogenous variable named here stays at this
            level for ever. By default it returns to where it rests, or, where `shocks` fill the horizon, stays where
            it is in their last row.
        horizon: number of periods.

    Returns:
        Levels, with the dimensions ``period`` (from 1) and ``variable``.

    Raises:
        ArgumentError: a name is unknown, a path is no path of finite numbers or longer than the horizon, its dates
            repeat, go back or leave a gap, or a constraint is no complementarity.
        ModelError: a parameter is unknown or outside its prior's support.
        SolutionError: no path, or no steady state at its ends, is found.
    """
    require_own_runtime()
    model = load_model(model) if isinstance(model, str) else model
    if not isinstance(model, Model):
        raise ArgumentError(
            f"perfect_foresight: {model.name} is a Simulation, which expects nothing: simulate it"
        )
    given = model.params(params)
    model.check_support(given._asdict())
    given = jax.tree.map(lambda x: jnp.asarray(x, float), given)
    if model.alternatives:
        raise ArgumentError(
            f"perfect_foresight: the constraint of equation '{next(iter(model.alternatives))}' of {model.name} is "
            "given by conditions; perfect foresight needs it as 'complementarity' (in a Dynare file, the tag 'mcp')"
        )
    follow = _BY_SOLVER[type(default_solver(model))]
    return follow(model, given, shocks, initial, terminal, horizon)


def _of_equations(
    model: Model, given: Any, shocks: Any, initial: Any, terminal: Any, horizon: int
) -> xr.DataArray:
    """One path for each date at which something is learnt, from where the last one has come to by then."""
    ends = {"initial": _named(model, "initial", initial), "terminal": _named(model, "terminal", terminal)}
    with jax.ensure_compile_time_eval():
        rest = np.array([float(x) for x in steady_state_of(model)(given)])
    news = _news(shocks, horizon)
    path, before = np.zeros((horizon, len(model.variables._fields))), None
    for period, rows in news.items():
        found = _one_path(model, given, rest, rows, ends, before, horizon)
        path[period - 1 :] = found[: horizon - period + 1]
        following = [p for p in news if p > period]
        before = path[following[0] - 2] if following else None
    return _labelled(model, path)


def _one_path(
    model: Model,
    params: Any,
    rest: np.ndarray,
    rows: Any,
    ends: dict[str, dict[str, float]],
    before: Any,
    horizon: int,
) -> np.ndarray:
    """Levels ``[horizon, n]`` after what is known in the first period; ``before`` is where the economy is then."""
    usual = np.array([float(model.rest_levels.get(name, 0.0)) for name in model.shocks._fields])
    after = _levels(model, usual, ends["terminal"])
    exogenous, last = _exogenous(model, rows, after, set(ends["terminal"]), horizon)
    kinds = incidence(model)
    at_end = partial(_at_end, model, params, rest)
    terminal = at_end(ends["terminal"], last - usual, kinds.lead.any(axis=0), "terminal")
    if before is None:
        first = _levels(model, usual, ends["initial"])
        begin = at_end(ends["initial"], first - usual, kinds.lag.any(axis=0), "initial")
        before = np.where(np.isfinite(begin), begin, terminal)
    solve, settled = compiled_path(model), np.tile(terminal, (horizon, 1))
    guess, share, reached = settled, 1.0, 0.0
    while reached < 1.0:
        at = min(1.0, reached + share)
        start = jnp.asarray(terminal + at * (before - terminal))
        part = (last + at * (exogenous - last) - usual, Ends(start, jnp.asarray(terminal)))
        path, error = solve(params, *part, guess)
        if float(error) < _LEFT:
            guess, reached, share = np.asarray(path), at, 2 * share
        elif (share := share / 2) < _SHORTEST:
            raise SolutionError(
                Status.NOT_CONVERGED,
                model.name,
                f"no path was found: the shocks are too large, or none exists (at {reached:.0%} of them the search "
                f"ends; the equations leave {float(error):.2g})",
            )
    return guess


def _at_end(
    model: Model,
    params: Any,
    rest: np.ndarray,
    given: Mapping[str, float],
    shift: np.ndarray,
    read: np.ndarray,
    role: str,
) -> np.ndarray:
    """Levels at one end ``[n]``: those given, the others at rest with exogenous variables away by ``shift``.

    NaN for those that no equation reads there, where there is no such rest.
    """
    names = model.variables._fields
    known = np.array([given.get(name, np.nan) for name in names])
    if not np.isnan(known).any():
        return known
    at_rest = not shift.any() and np.isfinite(rest).all()
    found = rest if at_rest else _searched_at(model, params, rest, known, shift)
    levels = np.where(np.isnan(known), found, known)
    free = np.isnan(known).all() and np.isfinite(levels).all()
    if free and (faults := violated(model, params, levels, shift)):
        raise SolutionError(
            Status.NO_REFERENCE, model.name, f"{faults[0]}, at the {role} end of the path; give levels there"
        )
    if lacking := [n for n, x, r in zip(names, levels, read, strict=True) if r and not np.isfinite(x)]:
        raise SolutionError(
            Status.NO_STEADY_STATE,
            model.name,
            f"no steady state was found at the {role} end of the path{_where(model, shift)}; give the level of "
            f"{', '.join(lacking)}",
        )
    return levels


def _where(model: Model, shift: np.ndarray) -> str:
    """The exogenous variables there."""
    usual = [float(model.rest_levels.get(name, 0.0)) for name in model.shocks._fields]
    levels = [f"{n} = {u + x:.6g}" for n, u, x in zip(model.shocks._fields, usual, shift, strict=True)]
    return f", with {', '.join(levels)}" if levels else ""


def _searched_at(
    model: Model, params: Any, rest: np.ndarray, known: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """Where the equations rest while the exogenous variables are away by ``shift``, or NaN."""
    shocks, equations = model.shocks(*shift), regimes(model).reference.residuals
    static = lambda lag, now, lead, p: equations(lag, now, lead, shocks, p)
    guess = np.where(np.isnan(known), np.where(np.isfinite(rest), rest, 0.5), known)
    levels, left = search(static, model.variables(*guess), [type(params)(*map(float, params))])
    well = max(abs(float(x)) for x in left.values()) < _LEFT
    return np.array(levels, float) if well else np.full(len(guess), np.nan)


def _named(model: Model, role: str, given: Any) -> dict[str, float]:
    names = (*model.variables._fields, *model.shocks._fields)
    return levels_by_name(f"perfect_foresight: {role}", given, names, "neither a variable nor a shock")


def _levels(model: Model, rest: np.ndarray, given: Mapping[str, float]) -> np.ndarray:
    return np.array([given.get(name, at) for name, at in zip(model.shocks._fields, rest, strict=True)])


def _news(shocks: Any, horizon: int) -> dict[int, Any]:
    """What is learnt, by the period in which it is."""
    if not isinstance(shocks, Mapping) or not shocks or any(isinstance(key, str) for key in shocks):
        return {1: shocks}
    for period in shocks:
        if not isinstance(period, int) or not 1 <= period <= horizon:
            raise ArgumentError(
                f"perfect_foresight: shocks: news come in a period from 1 to {horizon}, not {shown(period)}"
            )
    return {1: None} | {period: shocks[period] for period in sorted(shocks)}


def _exogenous(
    model: Model, rows: Any, after: np.ndarray, fixed: set[str], horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """Levels ``[horizon, n_shocks]``, and those of the period after."""
    names = model.shocks._fields
    path, after = np.tile(after, (horizon, 1)), after.copy()
    columns = {} if rows is None else columns_by_name("perfect_foresight: shocks", rows, names)[0]
    for name, column in columns.items():
        if len(column) > horizon:
            raise ArgumentError(
                f"perfect_foresight: shocks: '{name}' has {len(column)} periods, the horizon {horizon}"
            )
        j = names.index(name)
        path[: len(column), j] = column
        if len(column) == horizon and name not in fixed:
            after[j] = column[-1]
    return path, after


def _transition(
    model: Model, params: Any, shocks: Any, initial: Any, terminal: Any, horizon: int
) -> xr.DataArray:
    """With heterogeneous agents: from rest and back to it."""
    if initial is not None or terminal is not None:
        raise ArgumentError(
            "perfect_foresight: with heterogeneous agents a path begins and ends at rest; leave initial and "
            "terminal out"
        )
    rows, _ = _exogenous(model, shocks, np.zeros(len(model.shocks._fields)), set(), horizon)
    found = solve_transition(model, params, dict(zip(model.shocks._fields, rows.T, strict=True)), horizon)
    if int(found.status):
        raise SolutionError(int(found.status), model.name)
    return _labelled(model, np.stack([np.asarray(x) for x in found.variables], axis=1))


_BY_SOLVER = {FirstOrder: _of_equations, SequenceSpace: _transition}


def _labelled(model: Model, path: np.ndarray) -> xr.DataArray:
    coords = {"period": np.arange(1, len(path) + 1), "variable": list(model.variables._fields)}
    return xr.DataArray(path, coords, ("period", "variable"))
