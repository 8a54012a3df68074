"""`occbin_solver`: the path that surprises bring about where constraints bind at times."""

from typing import Any

import numpy as np
import pandas as pd

from estim.dynare.drawings import Drawings
from estim.dynare.histories import in_deviations
from estim.dynare.history_commands import whole
from estim.dynare.modfile import Command, ModFile
from estim.paths import simulate
from estim.solution.first_order import FirstOrder
from estim.solution.occasionally_binding import OccasionallyBinding

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
        model, surprises = (
            self.mod.model,
            {n: command.paths.get(n, {}) for n in self.mod.model.shocks._fields},
        )
        last = max((t for path in surprises.values() for t in path), default=1)
        shocks = np.zeros((max(self.periods, last, 1), len(surprises)))
        for column, path in enumerate(surprises.values()):
            for t, value in path.items():
                shocks[t - 1, column] = value
        shocks = in_deviations(self.mod, command.params, shocks, "shocks(surprise)")
        bound = OccasionallyBinding() if model.complementarity or model.alternatives else FirstOrder()
        path = simulate(model, command.params, shocks, solver=bound)
        self.found = path.to_pandas()
        tables = {"PIECEWISE-LINEAR SIMULATION": self.found}
        if "regimes" in path.coords:
            tables["PIECEWISE-LINEAR SIMULATION"] = self.found.assign(regimes=path.regimes.to_numpy())
            tables["LINEAR SIMULATION"] = simulate(
                model, command.params, shocks, solver=FirstOrder()
            ).to_pandas()
        return {title: frame.to_string(float_format="{:.6g}".format) for title, frame in tables.items()}

    def graph(self, command: Command) -> dict[str, str]:
        """A panel for each variable."""
        if self.found is not None:
            self.drawings.lines(command, self.found[list(command.variables or self.found.columns)])
        return {}
