"""Rungs of a model with heterogeneous agents: their steady state, how far the search came, and what is odd about it."""

from typing import Any

import numpy as np

from estim.ladder.rung import Rung
from estim.model import Model
from estim.solution.at_rest import left_of
from estim.solution.sequence_space.stationary_equilibrium import Attempt, attempt

_MUCH = 1e-3
"""Of the mass at the last points of a grid."""

_HARDLY = 1e-2

_TOLERANCE = 1e-7


def households(model: Model) -> tuple[Rung, bool]:
    """The steady state of the agents and of the equations; also whether the agents' own was found."""
    found = attempt(model)
    left = left_of(found.residuals, found.variables, _TOLERANCE)
    lines = [*_unknowns(model, found), *_totals(model, found), *left]
    for block, household in zip(model.het_blocks, found.households, strict=True):
        lines += _oddities(block, household)
    holds = found.solved and not left
    return Rung(
        "The agents' steady state is found, and every equation holds there", holds, tuple(lines)
    ), holds


def _unknowns(model: Model, found: Attempt) -> list[str]:
    if not model.unknowns:
        return []
    at = ", ".join(f"{n} = {float(getattr(found.params, n)):.8g}" for n in model.unknowns)
    left = ", ".join(f"{n} leaves {float(x):.3g}" for n, x in zip(model.targets, found.gap, strict=True))
    return [f"{'solved for' if found.solved else 'last tried'}: {at}; target {left}"]


def _totals(model: Model, found: Attempt) -> list[str]:
    """What the agents make in total beside what `steady_state` states."""
    lines = []
    for block, household in zip(model.het_blocks, found.households, strict=True):
        for output, outcome in block.outputs.items():
            total, stated = float(household.total(outcome)), float(getattr(found.stated, output))
            lines.append(
                f"{output}: {total:.6g} by the agents of '{block.name}', {stated:.6g} in steady_state"
            )
    return lines


def _oddities(block: Any, household: Any) -> list[str]:
    """Mass at the end of a grid, choices outside it, outcomes that are no numbers."""
    lines, mass = [], np.asarray(household.distribution)
    for axis, name in enumerate(block.policy, start=1):
        grid, chosen = (np.asarray(x) for x in (getattr(household.grids, name), household.outcomes[name]))
        along = mass.sum(axis=tuple(a for a in range(mass.ndim) if a != axis))
        lines.append(f"share of agents at the lower end of '{name}', {grid[0]:.4g}: {along[0]:.3g}")
        if (top := along[-2:].sum()) > _MUCH:
            lines.append(
                f"share of agents at the upper end of '{name}', {grid[-1]:.4g}: {top:.3g}; make it longer"
            )
        slack = 1e-9 * (1.0 + np.abs(grid).max())
        for side, outside, end in (
            ("below", chosen < grid[0] - slack, grid[0]),
            ("above", chosen > grid[-1] + slack, grid[-1]),
        ):
            if (share := float(mass[outside].sum())) > _MUCH / 10:
                lines.append(
                    f"'{name}' is chosen {side} its grid's end, {end:.4g}, by {share:.3g} of the agents"
                )
    for name, outcome in household.outcomes.items():
        bad = ~np.isfinite(np.asarray(outcome))
        if bad.any():
            lines.append(f"outcome '{name}' is no number at {bad.sum()} points of the grid")
        negative = np.asarray(outcome) < 0
        if name not in block.policy and negative.any() and mass[negative].sum() < _HARDLY:
            lines.append(
                f"outcome '{name}' is negative at {negative.sum()} points of the grid, where hardly anybody is: "
                "where it is consumption, the grid begins below the natural borrowing limit"
            )
    value_parts = household.value if isinstance(household.value, tuple) else (household.value,)
    if any((~np.isfinite(np.asarray(v))).any() for v in value_parts):
        lines.append(
            f"the value of '{block.name}' is no number somewhere: at the lowest assets and income nothing may be left "
            "to consume, where the grid begins below the natural borrowing limit"
        )
    return lines
