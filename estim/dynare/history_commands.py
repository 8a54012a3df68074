"""The commands of histories and forecasts, with their tables; each at the values above it."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from estim.dynare.announced import announced
from estim.dynare.asked import Command
from estim.dynare.drawings import Drawings
from estim.dynare.histories import (
    Beginning,
    History,
    beginning,
    conditional_forecast,
    forecast,
    smoothed,
)
from estim.dynare.modfile import ModFile
from estim.dynare.reading.settings import MAX_PERIODS
from estim.model import ModelError

_PERIODS = {"forecast": 5, "conditional_forecast": 40}
"""Dynare's defaults."""


class HistoryCommands:
    """Of one file; where a command has told its history, later ones go on from it."""

    def __init__(self, mod: ModFile, drawings: Drawings):
        self.mod, self.drawings = mod, drawings
        self._told: tuple[dict[str, float], History] | None = None
        self._after: History | None = None
        self._imposed: tuple[pd.DataFrame, pd.DataFrame] | None = None
        self.table: dict[str, Callable[[Command], dict[str, str]]] = {
            "calib_smoother": self.calib_smoother,
            "smoother2histval": self.smoother2histval,
            "shock_decomposition": self.shock_decomposition,
            "realtime_shock_decomposition": self.realtime_shock_decomposition,
            "plot_shock_decomposition": self.plot_shock_decomposition,
            "forecast": self.forecast,
            "conditional_forecast": self.conditional_forecast,
            "plot_conditional_forecast": self.plot_conditional_forecast,
        }

    def calib_smoother(self, command: Command) -> dict[str, str]:
        """Smoothed variables and shocks."""
        found = self._history(command)
        chosen = list(command.variables or self.mod.model.variables._fields)
        self.drawings.lines(command, found.variables[chosen])
        return {
            "SMOOTHED VARIABLES": _shown(found.variables[chosen]),
            "SMOOTHED SHOCKS": _shown(found.shocks),
        }

    def smoother2histval(self, command: Command) -> dict[str, str]:
        """Forecasts below begin where the data end."""
        self._after = self._history(command)
        return {}

    def shock_decomposition(self, command: Command) -> dict[str, str]:
        """What each shock, or group of shocks, did to each variable."""
        found = self._history(command)
        return self._parts(command, found, found.parts)

    def realtime_shock_decomposition(self, command: Command) -> dict[str, str]:
        """The same at each date with the data until then."""
        found = self._history(command)
        first = max(whole(command, "presample", 1), 1)
        parts = np.full_like(found.parts, np.nan)
        for t in range(first - 1, len(parts)):
            parts[t] = smoothed(self.mod, command.params, t + 1).parts[t]
        return self._parts(command, found, parts, "REAL TIME ")

    def plot_shock_decomposition(self, command: Command) -> dict[str, str]:
        """Its figure."""
        self.shock_decomposition(command)
        return {}

    def forecast(self, command: Command) -> dict[str, str]:
        """Means and bounds."""
        probability = _number(command, "conf_sig", 0.9)
        periods = whole(command, "periods", _PERIODS["forecast"])
        found = forecast(self.mod, command.params, self._beginning(command), periods, probability)
        moved = announced(self.mod, command.params, command.paths, periods)
        found = {k: frame + moved for k, frame in found.items()}
        chosen = list(command.variables or self.mod.model.variables._fields)
        table = pd.concat({k: frame[chosen] for k, frame in found.items()}, axis=1).swaplevel(axis=1)
        self.drawings.fan(command, {k: frame[chosen] for k, frame in found.items()})
        return {f"FORECAST (bounds with probability {probability:g})": _shown(table[chosen])}

    def conditional_forecast(self, command: Command) -> dict[str, str]:
        """The path given what is imposed, and the shocks that bring it about."""
        given = (command.options.get("controlled_varexo") or "").strip("() ").replace(",", " ").split()
        unknown = [name for name in given if name not in self.mod.names]
        if unknown or not given or not self.mod.histories.imposed:
            what = f"'{unknown[0]}' is no shock" if unknown else "controlled_varexo and paths are needed"
            raise ModelError(f"{self.mod.model.name}: {what} (conditional_forecast, line {command.line})")
        periods = whole(command, "periods", _PERIODS["conditional_forecast"])
        controlled = tuple(self.mod.names[name] for name in given)
        begin = self._beginning(command)
        self._imposed = conditional_forecast(self.mod, command.params, begin, periods, controlled)
        chosen = list(command.variables or self.mod.histories.imposed)
        return {
            "CONDITIONAL FORECAST": _shown(self._imposed[0][chosen]),
            "CONTROLLED SHOCKS": _shown(self._imposed[1]),
        }

    def plot_conditional_forecast(self, command: Command) -> dict[str, str]:
        """Its figure."""
        if self._imposed is None:
            raise ModelError(
                f"{self.mod.model.name}: there is no 'conditional_forecast' above line {command.line}"
            )
        chosen = list(command.variables or self.mod.histories.imposed)
        self.drawings.lines(command, self._imposed[0][chosen])
        return {}

    def _history(self, command: Command) -> History:
        """One for the same values."""
        if self._told is None or self._told[0] != command.params:
            self._told = command.params, smoothed(self.mod, command.params)
        return self._told[1]

    def _beginning(self, command: Command) -> Beginning:
        """After the data where the file estimates, or has said so; else after the past that it gives, or at rest."""
        estimates = any(c.name == "estimation" and c.line < command.line for c in self.mod.commands)
        after = self._after
        if after is None and command.name == "conditional_forecast" and estimates:
            after = self._history(command)
        return beginning(self.mod, command.params, after)

    def _parts(self, command: Command, found: History, parts: np.ndarray, title: str = "") -> dict[str, str]:
        model = self.mod.model
        asked = (command.options.get("use_shock_groups") or "default").strip("'\"")
        groups = self.mod.histories.groups.get(asked, {}) if "use_shock_groups" in command.options else {}
        if "use_shock_groups" in command.options and not groups:
            raise ModelError(f"{model.name}: there is no 'shock_groups(name={asked})'")
        members = groups or {name: (name,) for name in model.shocks._fields}
        others = [s for s in model.shocks._fields if not any(s in m for m in members.values())]
        members = members | ({"others": tuple(others)} if others else {})
        names = [*members, "initial values"]
        at = lambda shocks: [model.shocks._fields.index(s) for s in shocks]
        summed = np.stack(
            [parts[:, :, at(m)].sum(axis=2) for m in members.values()] + [parts[:, :, -1]], axis=2
        )
        tables = {}
        chosen = list(command.variables or model.variables._fields)
        rows = [model.variables._fields.index(name) for name in chosen]
        for name, row in zip(chosen, rows, strict=True):
            table = pd.DataFrame(summed[:, row], found.variables.index, names)
            table["deviation from rest"] = table.sum(axis=1, skipna=False)
            tables[f"{title}SHOCK DECOMPOSITION of {name}"] = _shown(table)
        self.drawings.history(command, summed[:, rows], found.variables.index, chosen, names)
        return tables


def _shown(frame: pd.DataFrame) -> str:
    return frame.to_string(float_format="{:.6g}".format)


def whole(command: Command, option: str, default: int) -> int:
    """The whole number that a command's option gives; ModelError where it is none."""
    value = _number(command, option, default)
    if value != int(value) or not 0 <= value <= MAX_PERIODS:
        raise ModelError(
            f"'{option}' of '{command.name}' (line {command.line}) must be a whole number to {MAX_PERIODS}"
        )
    return int(value)


def _number(command: Command, option: str, default: float) -> float:
    try:
        return float(command.options.get(option) or default)
    except ValueError:
        raise ModelError(f"'{option}' of '{command.name}' (line {command.line}) must be a number") from None


def table(mod: ModFile, drawings: Drawings) -> dict[str, Callable[[Command], dict[str, str]]]:
    """The commands of this module: each gives texts by their titles."""
    return HistoryCommands(mod, drawings).table
