"""`perfect_foresight_setup`, `perfect_foresight_solver` and `simul`: paths along which all that is to come is known."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr

from estim.dynare.asked import Command
from estim.dynare.drawings import Drawings
from estim.dynare.histories import in_deviations
from estim.dynare.history_commands import whole
from estim.dynare.modfile import ModFile
from estim.foresight import perfect_foresight
from estim.model import ModelError

_NAMES = ("perfect_foresight_setup", "perfect_foresight_solver", "simul")


class ForesightCommands:
    """Of one file; `perfect_foresight_setup` says how long."""

    def __init__(self, mod: ModFile):
        self.mod, self.periods = mod, 0
        self.table: dict[str, Callable[[Command], dict[str, str]]] = dict(
            zip(_NAMES, (self.setup, self.solver, self.solver), strict=True)
        )

    def setup(self, command: Command) -> dict[str, str]:
        """The number of periods."""
        self.periods = whole(command, "periods", self.periods)
        return {}

    def solver(self, command: Command) -> dict[str, str]:
        """The path of all variables, in levels."""
        self.setup(command)
        found = follow(self.mod, command, self.periods).to_pandas()
        return {"PERFECT FORESIGHT SIMULATION": found.to_string(float_format="{:.6g}".format)}


def simulated(mod: ModFile) -> xr.DataArray:
    """The path of a file's last `perfect_foresight_solver` or `simul`, as `estim.perfect_foresight` returns it.

    Raises:
        ModelError: there is none; otherwise as `follow`.
        SolutionError: there is no path.
    """
    periods, asked = 0, None
    for command in mod.commands:
        if command.name in _NAMES:
            periods = whole(command, "periods", periods)
            asked = asked if command.name == _NAMES[0] else (command, periods)
    if asked is None:
        raise ModelError(f"{mod.path}: there is no 'perfect_foresight_solver' and no 'simul'")
    return follow(mod, *asked)


def follow(mod: ModFile, command: Command, periods: int) -> xr.DataArray:
    """The path that a command asks for, as `estim.perfect_foresight` returns it.

    Where the path begins, `histval` counts before `initval`, and with it a variable that it leaves out is zero, as in
    Dynare; without either the economy is at rest.

    Raises:
        ModelError: something that the path depends on is unknown, no number of periods is given, what is foreseen
            comes after them, `histval` speaks of more than one period before or stands beside `endval`, or an
            exogenous variable that moves has no variance in a file whose others have one.
        SolutionError: there is no path.
    """
    model, (initial, terminal, foreseen, unknown) = mod.model, command.foresight
    name = f"{model.name}: '{command.name}'"
    if unknown:
        raise ModelError(f"{name}: {unknown}")
    if periods < 1:
        raise ModelError(f"{name} needs a number of periods: perfect_foresight_setup(periods=...)")
    if late := [n for n, path in foreseen.items() if max(path) > periods]:
        raise ModelError(f"{name} has {periods} periods, and the path of '{late[0]}' in 'shocks' is longer")
    if any(lag for _, lag in mod.histories.before):
        raise ModelError(f"{name}: 'histval' speaks of more than one period before")
    if mod.histories.before and terminal is not None:
        raise ModelError(f"{name}: 'histval' and 'endval' cannot stand side by side")
    past = {n: level for (n, _), level in mod.histories.before.items()}
    before = dict(initial) | (dict.fromkeys(model.variables._fields, 0.0) if past else {}) | past
    after = dict(initial if terminal is None else terminal)
    exogenous = np.array([[of.get(n, 0.0) for n in model.shocks._fields] for of in (before, after)])
    levels = np.tile(exogenous[1], (periods, 1))
    for column, shock in enumerate(model.shocks._fields):
        for t, level in foreseen.get(shock, {}).items():
            levels[t - 1, column] = level
    levels = np.vstack([exogenous, levels])
    if not model.rest_levels:  # with variances, a shock is what an exogenous variable has beyond its mean
        levels -= [initial.get(n, 0.0) for n in model.shocks._fields]
    levels = in_deviations(mod, command.params, levels, "shocks")
    by_name = lambda row: dict(zip(model.shocks._fields, map(float, row), strict=True))
    return perfect_foresight(
        model,
        command.params,
        pd.DataFrame(levels[2:], columns=model.shocks._fields),
        initial=before | by_name(levels[0]),
        terminal=after | by_name(levels[1]),
        horizon=periods,
    )


def table(mod: ModFile, drawings: Drawings) -> dict[str, Callable[[Command], dict[str, str]]]:
    """The commands of this module: each gives texts by their titles."""
    return ForesightCommands(mod).table
