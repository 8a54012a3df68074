"""`occbin_solver`: the path that surprises bring about where constraints bind at times."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

from estim.dynare.asked import Command
from estim.dynare.drawings import Drawings
from estim.dynare.histories import follow, in_deviations
from estim.dynare.history_commands import whole
from estim.dynare.modfile import ModFile
from estim.solution.occasionally_binding import OccasionallyBinding
from estim.solution.piecewise_paths import follow_piecewise, in_words
from estim.status import SolutionError

_PERIODS = 100
"""Dynare's default."""


class OccbinCommands:
    """Of one file; `occbin_setup` says how long, `occbin_graph` draws what `occbin_solver` has found."""

    def __init__(self, mod: ModFile, drawings: Drawings):
        self.mod, self.drawings, self.periods = mod, drawings, _PERIODS
        self.found: pd.DataFrame | None = None
        self.table: dict[str, Any] = {
            "occbin_setup": self.setup,
            "occbin_solver": self.solver,
            "occbin_graph": self.graph,
        }

    def setup(self, command: Command) -> dict[str, str]:
        """The number of periods."""
        self.periods = whole(command, "simul_periods", self.periods)
        return {}

    def solver(self, command: Command) -> dict[str, str]:
        """The path of all variables, in levels, beside the one without constraints, and the regime of each period.

        Raises:
            ModelError: a shock has no variance.
            SolutionError: the model has no solution, or a period has no regimes that solve it.
        """
        self.setup(command)
        model = self.mod.model
        surprises = {name: command.paths.get(name, {}) for name in model.shocks._fields}
        last = max((t for given in surprises.values() for t in given), default=1)
        shocks = np.zeros((max(self.periods, last), len(surprises)))
        for column, given in enumerate(surprises.values()):
            for t, value in given.items():
                shocks[t - 1, column] = value
        shocks = in_deviations(self.mod, command.params, shocks, "shocks(surprise)")
        rows = pd.RangeIndex(1, len(shocks) + 1, name="period")
        frame = lambda levels: pd.DataFrame(np.asarray(levels), rows, model.variables._fields)
        self.found = frame(follow(self.mod, command.params, shocks))
        tables = {"LINEAR SIMULATION": self.found}
        if model.complementarity or model.alternatives:
            solution = OccasionallyBinding().solve(model, model.params(command.params))
            path = follow_piecewise(solution, jnp.zeros_like(solution.steady_state), jnp.asarray(shocks))
            for t, status in enumerate(np.maximum(path.status, solution.status), 1):
                if status:
                    raise SolutionError(int(status), f"{model.name}, period {t}")
            self.found = frame(path.variables)
            regimes = in_words(path.binding, solution.num_constraints)
            tables = {"PIECEWISE-LINEAR SIMULATION": self.found.assign(regimes=regimes), **tables}
        return {title: table.to_string(float_format="{:.6g}".format) for title, table in tables.items()}

    def graph(self, command: Command) -> dict[str, str]:
        """A panel for each variable."""
        if self.found is not None:
            self.drawings.lines(command, self.found[list(command.variables or self.found.columns)])
        return {}


def table(mod: ModFile, drawings: Drawings) -> dict[str, Callable[[Command], dict[str, str]]]:
    """The commands of this module: each gives texts by their titles."""
    return OccbinCommands(mod, drawings).table
