"""What a steady state leaves of the equations, in words: for errors and for `estim check`."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from estim.model import Model, Searched
from estim.solution.regimes import regimes
from estim.solution.steady_state import best_attempt
from estim.solution.table import default_solver
from estim.status import SolutionError, Status

_TOLERANCE = 1e-8
_MOST_LINES = 4


def equations_left(model: Model, params: Any) -> tuple[str, ...]:
    """The equations that do not hold at the model's steady state, with what they leave; variables without a value."""
    steady, residuals = at_rest(model, _as_arrays(params))  # which divide by zero without an exception
    lines = left_of(residuals, steady, _TOLERANCE)
    without = [name for name, level in steady._asdict().items() if not np.isfinite(float(level))]
    return (*lines, *([f"no number: {', '.join(without)}"] if without else []))


def left_of(residuals: Mapping[str, Any], steady: Any, tolerance: float) -> list[str]:
    """The equations that leave more than a share of the largest level."""
    scale = 1.0 + float(np.nanmax(np.abs(np.array(steady, float)), initial=0.0))
    left = {name: float(x) for name, x in residuals.items()}
    return [
        f"equation '{name}' leaves {x:.3g}" for name, x in left.items() if not abs(x) <= tolerance * scale
    ]


def at_rest(model: Model, params: Any) -> tuple[Any, dict[str, float]]:
    """The steady state that the model states, or the nearest to one that is found; and what each equation leaves."""
    if isinstance(model.steady_state, Searched):
        return best_attempt(model, params)
    steady = _as_arrays(model.steady_state(params))
    shocks = _as_arrays(model.shocks(*[0.0] * len(model.shocks._fields)))
    left = regimes(model).reference.residuals(steady, steady, steady, shocks, params)
    return steady, {name: float(x) for name, x in left.items()}


def levels(model: Model, params: Any) -> str:
    """The variables at rest."""
    steady, _ = at_rest(model, _as_arrays(params))
    return ", ".join(f"{n} = {float(x):.6g}" for n, x in steady._asdict().items())


def solution_error(status: int, model: Any, params: Any, message: str | None = None) -> SolutionError:
    """The error of a bad status at these parameters; of a missing steady state with the equations that do not hold."""
    if status != Status.NO_STEADY_STATE or not default_solver(model).states_rest:
        return SolutionError(status, model.name, message)
    lines = equations_left(model, params)
    some = "; ".join(lines[:_MOST_LINES])
    rest = f"; and {len(lines) - _MOST_LINES} more" if len(lines) > _MOST_LINES else ""
    return SolutionError(status, model.name, f"{Status(status).message}: {some}{rest}" if some else message)


def _as_arrays(values: Any) -> Any:
    return type(values)(*(jnp.asarray(x, float) for x in values))
