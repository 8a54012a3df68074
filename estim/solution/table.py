"""The solvers by name, and which one a specification gets if nobody says. A new one is a new row."""

from collections.abc import Mapping
from typing import Any

from estim.arguments import ArgumentError, check_settings, did_you_mean, settings_of, shown
from estim.decision import DecisionModel
from estim.model import Model
from estim.simulation import Simulation
from estim.solution.first_order import FirstOrder
from estim.solution.occasionally_binding import OccasionallyBinding
from estim.solution.perturbation import Perturbation
from estim.solution.sequence_space.solver import SequenceSpace
from estim.solution.simulated import Simulated
from estim.solution.solver import Solver
from estim.solution.stationary import StationarySolver

SOLVERS: dict[str, type] = {
    "first_order": FirstOrder,
    "occasionally_binding": OccasionallyBinding,
    "perturbation": Perturbation,
    "sequence_space": SequenceSpace,
    "simulated": Simulated,
    "stationary": StationarySolver,
}


def default_solver(spec: Any) -> Solver:
    """The solver of a specification: of a model sequence space where agents are heterogeneous, else first order."""
    if isinstance(spec, Simulation):
        return Simulated()
    if isinstance(spec, DecisionModel):
        return StationarySolver(**spec.solver)
    return SequenceSpace() if isinstance(spec, Model) and spec.het_blocks else FirstOrder()


def _has(value: Any, *names: str) -> bool:
    return not isinstance(value, str | Mapping | type) and all(hasattr(value, name) for name in names)


def solver_named(spec: Any, solver: Any = None) -> Solver:
    """A solver by its name, by its settings with their ``"name"``, or itself, a user's own too; where None the default.

    Raises:
        ArgumentError: there is no such solver, or a setting is not its own or out of its range.
    """
    if solver is None:
        return default_solver(spec)
    if type(solver) in SOLVERS.values() or _has(solver, "gives", "solve_once", "solve"):
        return solver
    settings = {"name": solver} if isinstance(solver, str) else solver
    if not isinstance(settings, Mapping) or "name" not in settings:
        raise ArgumentError(
            f"solver must be one of {sorted(SOLVERS)}, or such as estim.FirstOrder(), not {shown(solver)}"
        )
    own = dict(settings)
    if (name := own.pop("name")) not in SOLVERS:
        raise ArgumentError(
            f"unknown solver {name!r}; choose one of {sorted(SOLVERS)}{did_you_mean(name, SOLVERS)}"
        )
    return SOLVERS[name](**check_settings(settings_of(SOLVERS[name]), own, "solver"))
