"""The steady state of a model: what it states, or what a search finds where it states none."""

from collections.abc import Callable
from typing import Any

import jax

from estim.kept import kept_on_model
from estim.model import Model, Searched
from estim.solution.regimes import regimes
from estim.solution.search_on_host import search
from estim.solution.search_steady_state import numerical_steady_state
from estim.solution.static_system import StaticResiduals


def steady_state_of(model: Model) -> Callable[[Any], Any]:
    """``params -> variables`` at rest: the model's own function, or a search with the derivative of what it finds.

    The search begins at the steady state of the default parameters, which is looked for once, from ``model.start``.
    What no equation determines at rest stays where the search begins. NaN where it fails.
    """
    return _searched(model) if isinstance(model.steady_state, Searched) else model.steady_state


@kept_on_model
def _searched(model: Model) -> Callable[[Any], Any]:
    residuals = _static_residuals(model)
    with jax.ensure_compile_time_eval():
        near, _ = search(residuals, _first_guess(model), [_floats(model.params())])
    return lambda params: numerical_steady_state(residuals, near, params)


def best_attempt(model: Model, params: Any) -> tuple[Any, dict[str, float]]:
    """The levels nearest to a steady state that a search finds, and what each equation leaves there.

    Args:
        model: without a ``steady_state``.
        params: its Params, numbers.
    """
    return search(_static_residuals(model), _first_guess(model), [_floats(model.params()), _floats(params)])


@kept_on_model
def _static_residuals(model: Model) -> StaticResiduals:
    model = regimes(model).reference
    at_rest = model.shocks(*[0.0] * len(model.shocks._fields))
    return lambda lag, now, lead, params: model.residuals(lag, now, lead, at_rest, params)


def _first_guess(model: Model) -> Any:
    return model.variables(*(float(model.start.get(name, 0.0)) for name in model.variables._fields))


def _floats(params: Any) -> Any:
    return type(params)(*map(float, params))
