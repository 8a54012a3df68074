"""Rungs of dynamic programs: the fixed point, what agents do, where they are, and whether markets clear."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from estim.covariances import check_covariances
from estim.decision import DecisionModel
from estim.ladder.rung import Rung
from estim.solution.table import default_solver
from estim.status import Status

GAP = 1e-6  # of a market, relative to the unknown
MASS_AT_END = 1e-3  # beyond which a grid is too short


def fixed_point(model: DecisionModel) -> tuple[Rung, Any]:
    """Is it found, in how many steps, and what is left? And the solution."""
    check_covariances(model, model.params())
    solver = default_solver(model)
    found = solver.solve(model, model.params(), solver.at_defaults(model))
    status = Status(int(np.max(np.asarray(found.status))))
    lines = [status.message]
    if status == Status.OK:
        steps, error, radius = (np.max(np.asarray(x)) for x in (found.steps, found.error, found.radius))
        bound = "" if np.isnan(radius) else f"; spectral radius of discounting at most {radius:.6g}"
        lines.append(f"{steps} steps, largest residual {error:.1e}{bound}")
    return Rung("The fixed point is found", status == Status.OK, tuple(lines)), found


def market(model: DecisionModel, solution: Any) -> Rung:
    """What is left of the condition that the unknown is solved for."""
    assert model.clearing is not None
    [name] = model.unknowns
    unknown, gap = float(getattr(solution.params, name)), float(model.clearing(solution, solution.params))
    passed = abs(gap) <= GAP * max(abs(unknown), 1.0)
    words = (
        "" if passed else ": it jumps there, as on a grid of choices, or agents are solved for too loosely"
    )
    return Rung("The market clears", passed, (f"{name} = {unknown:.8g}; excess {gap:.1e}{words}",))


def policies(model: DecisionModel, solution: Any) -> Rung:
    """Where choices rise with a state, where they fall, and how often the last one is taken."""
    lines = [line for name, choice in _choices(model, solution) for line in _describe(name, choice)]
    if model.chooses and model.taste is None and solution.action_values.ndim == np.ndim(solution.policy) + 1:
        last = solution.action_values.shape[-1] - 1
        share = float(np.mean(np.asarray(solution.policy) == last))
        lines.append(f"the last of {last + 1} actions is taken in {100 * share:.3g} % of states")
    finite = all(bool(np.isfinite(np.asarray(c)).all()) for _, c in _choices(model, solution))
    return Rung("Policies are finite", finite, tuple(lines))


def distribution(model: DecisionModel, solution: Any) -> Rung:
    """Its mass, and how much of it is at the ends of each axis of states."""
    law = np.asarray(solution.distribution)
    lines, crowded = [f"mass {law.sum():.12g}, smallest {law.min():.1e}"], False
    moved = np.asarray(model.motion(solution.distribution, solution, solution.params))  # type: ignore[misc]
    lines.append(f"a period moves {np.abs(moved - law).sum():.1e}")
    for axis, size in enumerate(law.shape):
        along = law.sum(axis=tuple(k for k in range(law.ndim) if k != axis))
        crowded = crowded or (size > 20 and along[-1] > MASS_AT_END)
        lines.append(
            f"axis {axis}, of {size}: {along[0]:.3g} at the first point, {along[-1]:.3g} at the last"
        )
    if crowded:
        lines.append("agents gather at the end of a grid: it is too short, unless states end there")
    settled = abs(law.sum() - 1) < 1e-8 and law.min() > -1e-8 and np.abs(moved - law).sum() < 1e-6
    return Rung("The distribution is stationary", bool(settled), tuple(lines))


def _choices(model: DecisionModel, solution: Any) -> list[tuple[str, Any]]:
    """Arrays of the policy, or with taste shocks of the probabilities, by name."""
    if solution.shares is not None:
        return []
    if model.chooses:
        return [("the best action", solution.policy)] if model.taste is None else []
    fields = getattr(solution.policy, "_asdict", lambda: {"policy": solution.policy})()
    return [(n, x) for n, x in fields.items() if x is not None and not isinstance(x, tuple) and jnp.ndim(x)]


def _describe(name: str, choice: jax.Array) -> list[str]:
    """From where to where, and in which direction along each axis."""
    x = np.asarray(choice, float)
    ways = []
    for axis in range(x.ndim):
        step = np.diff(x, axis=axis)
        small = 1e-12 * max(np.abs(x).max(), 1e-300)
        way = "rises" if (step >= -small).all() else "falls" if (step <= small).all() else "is not monotone"
        ways.append(f"{way} along axis {axis}")
    return [f"{name} from {x.min():.4g} to {x.max():.4g}; {', '.join(ways)}"]
