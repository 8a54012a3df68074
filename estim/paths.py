"""`simulate`: the path of an economy after given shocks, in levels."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from estim.arguments import ArgumentError, checked
from estim.given_paths import levels_by_name, rows_of
from estim.model import Model
from estim.models import load_model
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.representations.nonlinear import SimulatedStateSpace
from estim.representations.piecewise import PiecewiseLinear
from estim.representations.pruned import PrunedStateSpace
from estim.runtime import require_own_runtime
from estim.simulation import Simulation
from estim.solution.at_rest import solution_error
from estim.solution.piecewise_paths import durations, follow_piecewise, in_words
from estim.solution.rational_expectations import read_of_past, solve_decision_rule
from estim.solution.regimes import regimes
from estim.solution.responses import household_paths
from estim.solution.solver import Solver
from estim.solution.table import solver_named
from estim.status import SolutionError, Status
from estim.typing import Array


@checked
def simulate(
    model: Model | Simulation | str,
    params: Any = None,
    shocks: Any = None,
    *,
    errors: Any = None,
    solver: Any = None,
    start: Any = None,
    include_start: bool = False,
) -> xr.DataArray:
    """The path of an economy after given shocks, each of them a surprise, in levels.

    For a function of the path that JAX differentiates see `estim.Simulation.path`.

    Args:
        model: a `Model`, a `Simulation`, or the name of a model in the gallery.
        params: values that override the defaults, in the model's own units: a mapping, or its own Params.
        shocks: in the units of the model's file, a row for each period: a frame or a DataArray with the names of
            shocks (what is left out is zero), a mapping of paths, or an array ``[n_periods, n_shocks]``; of a
            `Simulation` also its own NamedTuple of shocks, as `Simulation.path` takes it.
        errors: measurement errors of a `Simulation`, in the same forms by observable, standard normal numbers;
            none where left out.
        solver: such as ``estim.FirstOrder()``; by default the one that suits the model.
        start: where the economy is in the period before the first: levels by variable (those left out at rest) for
            a `Model`, a state for a `Simulation`. By default at rest, or the simulation's own start.
        include_start: whether the period of the start is the first row.

    Returns:
        An array with the dimensions ``period`` (the frame's index, else counted from 1, from 0 with the start) and
        ``variable``: the model's variables; the numbers of a simulation's state (``name.0``, ``name.1`` in a
        vector) and its observables, "observed NAME" where a state has that name. Where constraints bind at times the
        periods have further coordinates: ``regimes``, what is expected from a period on, one character for each period
        ahead (a group of them where there are several constraints), "1" where a constraint binds, until the reference
        regime returns for good; ``other_regimes``, those of a second solution, found from a guess with everything
        bound, empty where there is none; and for each constraint the number of periods in which it is expected to
        bind.

    Raises:
        ArgumentError: a shock or variable is unknown, a path is no path of finite numbers, the dates of a frame
            repeat, go back or leave a gap, or the solver has no rule for paths.
        ModelError: a parameter is unknown or outside its prior's support.
        SolutionError: the model has no solution there; the message says why.
    """
    require_own_runtime()
    model = load_model(model) if isinstance(model, str) else model
    given = model.params(params)
    model.check_support(given._asdict())
    names = model.shocks._fields
    if shocks is None:
        raise ArgumentError(f"simulate: shocks must be paths of ({', '.join(names)})")
    of_a_cross_section = isinstance(model, Simulation) and isinstance(shocks, model.shocks)
    e, index = (shocks, None) if of_a_cross_section else rows_of("simulate: shocks", shocks, names)
    solver = solver_named(model, solver)
    if solver.gives not in _RULES:
        raise ArgumentError(
            f"simulate: {solver.gives.__name__}, which {type(solver).__name__} gives, has no rule for paths"
        )
    if errors is not None and not isinstance(model, Simulation):
        raise ArgumentError("simulate: errors are for a Simulation; the variables of a Model have none")
    path = _RULES[solver.gives](_Asked(model, solver, given, e, errors, start, include_start))
    coords: dict[str, Any] = {
        "period": _periods(index, len(path.values) - include_start, include_start),
        "variable": path.labels,
    }
    for name, by_period in path.more.items():
        before = [type(by_period[0])()] if include_start else []
        coords[name] = ("period", [*before, *by_period])
    return xr.DataArray(np.asarray(path.values), coords, ("period", "variable"))


class _Asked(NamedTuple):
    """What `simulate` was asked for, with the shocks ``[n_periods, n_shocks]``."""

    model: Any
    solver: Solver
    params: Any
    shocks: np.ndarray
    errors: Any
    start: Any
    include_start: bool

    def solution(self) -> Any:
        solution = self.solver.solve(self.model, self.params)
        self.require_ok(solution.status)
        return solution

    def require_ok(self, status: Any) -> None:
        if int(status):
            raise solution_error(int(status), self.model, self.params)

    def begun(self, rest: Array) -> np.ndarray:
        """Where the variables of a model are in the period before the first: at rest, but for the levels of `start`."""
        names, levels = self.model.variables._fields, np.array(rest)
        given = levels_by_name("simulate: start", self.start, names, "no variable")
        for name, level in given.items():
            levels[names.index(name)] = level
        return levels

    def path(self, begun: Any, levels: Any, more: Mapping[str, list[Any]] | None = None) -> "_Path":
        """Of a model's variables ``[n_periods, n_variables]``, with where it began if that was asked for."""
        rows = [np.asarray(begun)[None]] if self.include_start else []
        return _Path(
            list(self.model.variables._fields), np.concatenate([*rows, np.asarray(levels)]), more or {}
        )


class _Path(NamedTuple):
    """``values`` ``[n_periods, n]`` with the ``labels`` of their columns, and what else is said of each period."""

    labels: list[str]
    values: Any
    more: Mapping[str, list[Any]] = {}


def _linear(asked: _Asked) -> _Path:
    """The variables of a model at first order."""
    rule = solve_decision_rule(asked.model, asked.params)
    asked.require_ok(rule.status)
    begun = asked.begun(rule.steady_state)
    past = read_of_past(asked.model, asked.params) @ (begun - rule.steady_state)
    return asked.path(begun, _follow_rule(rule, past, jnp.asarray(asked.shocks)))


@jax.jit
def _follow_rule(rule: Any, past: Array, shocks: Array) -> Array:
    """Levels ``[n_periods, n_variables]``; `past` is what the first period's state is without its shocks."""

    def step(past, shock):
        state = past + rule.selection @ shock
        return rule.transition @ state, rule.steady_state + rule.policy @ state

    return jax.lax.scan(step, past, shocks)[1]


def _pruned(asked: _Asked) -> _Path:
    """The variables of a model by a perturbation; a start away from rest is a deviation of first order."""
    solution = asked.solution()
    rest = solution.variables.level
    begun = asked.begun(rest)
    return asked.path(begun, _follow_pruned(solution, begun - rest, jnp.asarray(asked.shocks)))


@jax.jit
def _follow_pruned(solution: PrunedStateSpace, begun: Array, shocks: Array) -> Array:
    """Levels ``[n_periods, n_variables]`` after the deviations from rest ``begun`` ``[n_variables]``."""
    states = np.array(solution.states, int)

    def step(parts, shock):
        found = solution.variables.parts(parts, shock)
        return tuple(part[states] for part in found), solution.variables.level + sum(found)

    first, *later = solution.rest.parts
    return jax.lax.scan(step, (first + begun[states], *later), shocks)[1]


def _piecewise(asked: _Asked) -> _Path:
    """The variables of a model whose constraints bind at times, and what is expected in each period."""
    solution, model = asked.solution(), asked.model
    begun = asked.begun(solution.steady_state)
    found = follow_piecewise(solution, begun - solution.steady_state, jnp.asarray(asked.shocks))
    if (failed := np.flatnonzero(found.status)).size:
        status = Status(int(found.status[failed[0]]))
        raise SolutionError(status, f"{model.name}, period {failed[0] + 1}")
    J = solution.num_constraints
    expected, other = in_words(found.binding, J), in_words(found.other, J)
    spells = durations(found.binding, J)
    more: dict[str, list[Any]] = {
        "regimes": expected,
        "other_regimes": [b if a != b else "" for a, b in zip(expected, other, strict=True)],
    } | {f"duration of '{name}'": spells[:, j].tolist() for j, name in enumerate(regimes(model).alternatives)}
    return asked.path(begun, found.variables, more)


def _sequence(asked: _Asked) -> _Path:
    """The variables of a model with heterogeneous agents, from its responses over the horizon."""
    if asked.start is not None:
        raise ArgumentError("simulate: with heterogeneous agents a path begins at rest; leave start out")
    responses, rest, status = household_paths(asked.model)(asked.params)
    asked.require_ok(status)
    shocks = asked.shocks
    path = np.tile(np.asarray(rest), (len(shocks), 1))
    for h, response in enumerate(np.asarray(responses)[: len(shocks)]):
        path[h:] += shocks[: len(shocks) - h] @ response.T
    return asked.path(rest, path)


def _simulated(asked: _Asked) -> _Path:
    """The numbers of the state of a simulation, and its observables."""
    simulation, rows = asked.model, None
    if asked.errors is not None:
        rows, _ = rows_of("simulate: errors", asked.errors, simulation.observables._fields)
    path = simulation.compiled_path(
        asked.params, asked.shocks, rows, include_start=asked.include_start, start=asked.start
    )
    labels, values = labelled(simulation, path)
    return _Path(labels, values)


def labelled(simulation: Simulation, path: Any) -> tuple[list[str], Array]:
    """The numbers of a path's state and its observables ``[n_periods, n]``, and what each column is called."""
    states, labels = [], []
    for where, leaf in jax.tree.leaves_with_path(path.states):
        name = jax.tree_util.keystr(where, simple=True, separator=".")
        for at in np.ndindex(leaf.shape[1:]):
            labels.append(".".join([name or "state", *map(str, at)]))
        states.append(jnp.reshape(leaf, (len(leaf), -1)))
    observed = [f"observed {n}" if n in labels else n for n in simulation.observables._fields]
    return [*labels, *observed], jnp.concatenate([*states, jnp.stack(path.observables, 1)], axis=1)


def responses_of_simulation(
    simulation: Simulation, params: Any, horizon: int, size: float, start: Any
) -> xr.DataArray:
    """What a shock of each kind in the first period changes, ``[horizon, variable, shock]``."""
    names = simulation.shocks._fields
    begun = simulation.start(params) if start is None else start
    pulses = np.zeros((len(names) + 1, horizon, len(names)))  # the last one is the path without a shock
    pulses[range(len(names)), 0, range(len(names))] = size
    paths = jax.vmap(lambda shocks: simulation.compiled_path(params, shocks, start=begun))(pulses)
    labels, _ = labelled(simulation, jax.tree.map(lambda x: x[0], paths))
    values = jax.vmap(lambda path: labelled(simulation, path)[1])(paths)
    return xr.DataArray(
        np.moveaxis(np.asarray(values[:-1] - values[-1:]), 0, 2),
        {"horizon": np.arange(horizon), "variable": labels, "shock": list(names)},
        ("horizon", "variable", "shock"),
    )


_RULES: dict[type, Callable[[_Asked], _Path]] = {
    StateSpace: _linear,
    PiecewiseLinear: _piecewise,
    PrunedStateSpace: _pruned,
    MovingAverage: _sequence,
    SimulatedStateSpace: _simulated,
}
"""How a path follows from shocks, by what the solver gives."""


def _periods(index: Any, num: int, include_start: bool) -> Any:
    if index is None or (include_start and getattr(index, "freq", None) is None):
        return np.arange(0 if include_start else 1, num + 1)
    return index.insert(0, index[0] - index.freq) if include_start else index
