"""Constraints that bind at times: which regime is the reference, and what holds in the other one."""

import copy
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import jax
import numpy as np

from estim.kept import kept_on_model
from estim.model import Alternative, Model, Searched
from estim.solution.search_on_host import search
from estim.tracing import ModelError

_ZERO = 1e-7


class Regimes(NamedTuple):
    """``reference``: the model with the equations of its reference regime and no constraint; ``alternatives`` by
    equation: what holds in its place while the constraint binds, in the words of the reference regime (a debt limit
    that binds at rest "binds" here where it is slack)."""

    reference: Model
    alternatives: dict[str, Alternative]


@kept_on_model
def regimes(model: Model) -> Regimes:
    """The regimes of a model, told apart at the steady state of its default parameters.

    Raises:
        ModelError: at rest slack and residual of a constraint are both zero, or one is negative; names the equation.
    """
    if not model.complementarity:
        return Regimes(model if not model.alternatives else _twin(model, ()), dict(model.alternatives))
    with jax.ensure_compile_time_eval():
        slack_first = _slack_at_rest(model)
    chosen: dict[str, Alternative] = {}
    for name, slack in model.complementarity.items():
        residual = _residual_of(model, name)
        if name in slack_first:
            chosen[name] = Alternative(residual, _unshocked(model, residual), slack)
        else:
            chosen[name] = Alternative(_shocked(slack), slack, _unshocked(model, residual))
    return Regimes(_twin(model, slack_first), chosen | dict(model.alternatives))


def _twin(model: Model, slack_first: tuple[str, ...]) -> Model:
    """The model with some of its equations replaced by what their constraints leave, and no constraint."""
    slacks = {name: model.complementarity[name] for name in slack_first}

    def residuals(lag: Any, now: Any, lead: Any, shocks: Any, params: Any) -> dict[str, Any]:
        left = dict(model.residuals(lag, now, lead, shocks, params))
        return left | {name: slack(lag, now, lead, params) for name, slack in slacks.items()}

    twin = copy.copy(model)  # not checked again: a parameter may stand in the constraint alone
    equations = residuals if slacks else model.residuals
    twin.__dict__.update(residuals=equations, complementarity={}, alternatives={})
    return twin


def _residual_of(model: Model, name: str) -> Callable[..., Any]:
    return lambda lag, now, lead, shocks, params: model.residuals(lag, now, lead, shocks, params)[name]


def _unshocked(model: Model, residual: Callable[..., Any]) -> Callable[..., Any]:
    at_rest = model.shocks(*[0.0] * len(model.shocks._fields))
    return lambda lag, now, lead, params: residual(lag, now, lead, at_rest, params)


def _shocked(slack: Callable[..., Any]) -> Callable[..., Any]:
    return lambda lag, now, lead, shocks, params: slack(lag, now, lead, params)


def _slack_at_rest(model: Model) -> tuple[str, ...]:
    """The equations whose slack is zero at rest, while their residual is positive."""
    params = type(model.prior)(*map(float, model.params()))
    if not isinstance(model.steady_state, Searched):
        levels = model.variables(*(np.float64(x) for x in model.steady_state(params)))
        found, faults = _read(model, params, levels)
        if faults:
            raise ModelError(f"{model.name}: {faults[0]}")
        return found
    tried: list[str] = []
    names = tuple(model.complementarity)
    guess = model.variables(*(float(model.start.get(name, 0.0)) for name in model.variables._fields))
    for choice in sorted(product((False, True), repeat=len(names)), key=sum):
        slack_first = tuple(name for name, of in zip(names, choice, strict=True) if of)
        twin = _twin(model, slack_first)
        levels, left = search(_static(twin), guess, [params])
        if not max(abs(float(x)) for x in left.values()) < _ZERO:
            continue
        found, faults = _read(model, params, levels)
        if found == slack_first and not faults:
            return found
        tried += faults
    why = tried[0] if tried else "no steady state was found in any regime"
    raise ModelError(f"{model.name}: {why}")


def _static(model: Model) -> Callable[..., Any]:
    at_rest = model.shocks(*[0.0] * len(model.shocks._fields))
    return lambda lag, now, lead, params: model.residuals(lag, now, lead, at_rest, params)


def violated(model: Model, params: Any, levels: Any, shocks: Any) -> list[str]:
    """The constraints of which residual or slack is negative where the economy rests, in words.

    Both may be zero, which leaves no reference regime but breaks nothing.

    Args:
        model, params: the model and its Params.
        levels: of the variables, in their order.
        shocks: in their order, as the equations read them.
    """
    pairs, size = _at_rest(model, params, model.variables(*levels), model.shocks(*shocks))
    return [
        f"the constraint of equation '{name}' is violated: {_in_words(*pair)}"
        for name, pair in pairs.items()
        if min(pair) < -size
    ]


def _at_rest(
    model: Model, params: Any, levels: Any, shocks: Any
) -> tuple[dict[str, tuple[float, float]], float]:
    """Residual and slack of each constraint, and what counts as zero."""
    residuals = model.residuals(levels, levels, levels, shocks, params)
    pairs = {
        name: (float(residuals[name]), float(slack(levels, levels, levels, params)))
        for name, slack in model.complementarity.items()
    }
    return pairs, _ZERO * (1.0 + max(abs(float(x)) for x in levels))


def _in_words(residual: float, room: float) -> str:
    return f"at the steady state the residual is {residual:.3g} and the slack {room:.3g}"


def _read(model: Model, params: Any, levels: Any) -> tuple[tuple[str, ...], list[str]]:
    """The equations whose slack is zero at these levels, and what is wrong with the constraints there."""
    at_rest = model.shocks(*[0.0] * len(model.shocks._fields))
    pairs, size = _at_rest(model, params, levels, at_rest)
    found, faults = [], violated(model, params, levels, at_rest)
    for name, (residual, room) in pairs.items():
        at = _in_words(residual, room)
        if min(residual, room) < -size:
            continue
        if max(residual, room) <= size:
            faults.append(f"the constraint of equation '{name}' has no reference regime: {at}, both zero")
        elif min(residual, room) > size or not np.isfinite(residual + room):
            faults.append(f"the constraint of equation '{name}': {at}, none of them zero")
        elif room <= size:
            found.append(name)
    return tuple(found), faults
