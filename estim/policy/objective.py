"""What a period is worth to whoever chooses a policy, and how future periods are discounted: checked at the door."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from estim.arguments import did_you_mean
from estim.model import Model, ModelError
from estim.numerics.interpreted import interpreted
from estim.solution.at_rest import solution_error
from estim.solution.linearize import linearize
from estim.specification_checks import is_number, listed, scalar, symbols
from estim.status import Status
from estim.tracing import call
from estim.typing import Scalar

type Objective = Callable[[Any, Any], Any]
"""``(now, params) -> number``, what a period is worth."""

type Discount = float | str | Callable[[Any], Any]
"""A number, the name of a parameter, or ``params -> number``."""

_TOLERANCE = 1e-8


def period_objective(model: Model, objective: Objective, role: str = "objective") -> Objective:
    """The objective, once it is known to be a number for the model's variables and parameters.

    Raises:
        ModelError: it is no function of (now, params), reads what the model does not have, or is no number.
    """
    names = {"prior": model.param_names, "variables": model.variables._fields}

    def traced(now: Any, params: Any) -> Any:
        value = call(objective, {"now": now, "params": params}, model.name, role, names)
        return jnp.asarray(scalar(model, role, value), float)

    jax.eval_shape(traced, symbols(model.variables), symbols(type(model.prior)))
    return lambda now, params: jnp.asarray(objective(now, params), float)


def discount_factor(model: Model, discount: Discount) -> Callable[[Any], Scalar]:
    """The discount factor as a function of the model's Params.

    Raises:
        ModelError: it is no number, no parameter and no function, or not between zero and one at the defaults.
    """
    if isinstance(discount, str):
        name = discount
        if name not in model.param_names:
            raise ModelError(
                f"{model.name}: the discount factor {name!r} is no parameter{did_you_mean(name, model.param_names)}"
            )
        found = lambda params: jnp.asarray(getattr(params, name), float)
    elif callable(discount):
        given = discount
        found = lambda params: jnp.asarray(given(params), float)
    elif is_number(discount):
        found = lambda params: jnp.asarray(discount, float)
    else:
        raise ModelError(
            f"{model.name}: discount must be a number, a parameter's name or a function of params"
        )
    with jax.ensure_compile_time_eval():
        value = float(found(model.params()))
    if not 0 < value <= 1:
        raise ModelError(f"{model.name}: the discount factor is {value:g}, not between zero and one")
    return found


def replaced_equations(model: Model, instruments: Mapping[str, str], equations: tuple[str, ...]) -> None:
    """Are the instruments variables of the model, and what they replace equations of it?

    Raises:
        ModelError: names the culprit.
    """
    if not instruments:
        raise ModelError(f"{model.name}: instruments must say which variable replaces which equation")
    for variable, equation in instruments.items():
        if variable not in model.variables._fields:
            hint = did_you_mean(variable, model.variables._fields)
            raise ModelError(f"{model.name}: the instrument {variable!r} is no variable{hint}")
        if equation not in equations:
            hint = did_you_mean(equation, equations)
            raise ModelError(
                f"{model.name}: the instrument '{variable}' cannot take the place of {equation!r}, no equation of "
                f"{listed(equations)}{hint}"
            )
    if len(set(instruments.values())) < len(instruments):
        raise ModelError(f"{model.name}: two instruments take the place of one equation")


def require_quadratic(model: Model, objective: Objective, params: Any, why: str) -> None:
    """Is the objective flat at rest, as a quadratic loss around the steady state is?

    Where it is not, the second order of the equations matters as much as that of the objective (Kim and Kim 2003,
    Journal of International Economics 60).

    Raises:
        ModelError: it is not; names the variables.
        SolutionError: the model has no steady state at these parameters.
    """

    def at_rest(params: Any) -> tuple[Any, Any]:
        linear = linearize(model, params)
        return linear.status, tuple(jax.grad(objective)(model.variables(*linear.steady_state), params))

    status, slopes = interpreted(at_rest, params)(params)
    if int(status) == Status.NO_STEADY_STATE:
        raise solution_error(int(status), model, params)
    slope = dict(zip(model.variables._fields, slopes, strict=True))
    if steep := [n for n, s in slope.items() if abs(float(s)) > _TOLERANCE]:
        raise ModelError(
            f"{model.name}: {why} needs an objective that is flat at the steady state, a quadratic loss, but it "
            f"moves there with {listed(steep)}"
        )
