"""From a file's system to its module and its model, whose steady state is found to hold."""

import linecache
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpyro.distributions import Distribution

from estim.dynare.building.logarithms import with_ratios
from estim.dynare.building.ramsey import rest_of_all, settle
from estim.dynare.building.system import System
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.fields import build_fields
from estim.dynare.reading.settings import number
from estim.dynare.reading.source import ModFileError
from estim.dynare.reading.syntax import names
from estim.dynare.writing.module import module_source
from estim.model import Model, ModelError
from estim.prior_checks import begin_at
from estim.priors import PriorError
from estim.solution.on_host import at_rest_once, linearize_once
from estim.solution.search_on_host import search
from estim.solution.static_system import StaticResiduals, leaves_open, system_on_host
from estim.status import Status

_EXACT = 1e-8
"""A steady state that leaves no more holds, whatever the size of the terms."""

_TOLERANCE = 1e-5
"""Dynare's own, for a steady state that the file gives; one that leaves more than `linearize` lets pass is where
a search begins."""


def module_text(system: System, path: Path, guess: dict[str, float] | None = None) -> str:
    """The source of the module, beginning a search for the steady state at `guess`."""
    return module_source(system, re.sub(r"\W", "_", path.stem), path.name, guess)


def build(system: System, text: str, path: Path) -> tuple[str, Model]:
    """The module's source and its model, with a steady state that was found to hold."""
    c, searched = system.contents, replace(system, steady_state=None)
    if system.steady_state is None and not c.linear:
        return _build_by_search(system, text, path)
    namespace = _execute(system, text, path)
    if c.linear and c.steady_state is None and system.steady_state is not None and any(c.initial.values()):
        # Where the equations leave something open, what 'initval' says of it counts.
        other = module_text(searched, path)
        found = _execute(searched, other, path)
        if leaves_open(found["static_residuals"], found["GUESS"], _floats(found["model"].params())):
            system, text, namespace = searched, other, found
    model = namespace["model"]
    _require_joint_prior(model, path)
    if system.unchecked:
        return text, model
    levels, left = _at_rest(model)
    if _small(left, _EXACT) or _solved(model) or _waits_for_levels(c):
        return text, model
    if c.steady_state is None:
        system = searched
    elif _small(left, _tolerance(c)):
        system = replace(system, refined=True)
    else:
        _require_steady(left, levels, path)
    text = module_text(system, path)
    model = _execute(system, text, path)["model"]
    levels, left = _at_rest(model)
    _require_steady(left, levels, path)
    return text, model


def _build_by_search(system: System, text: str, path: Path) -> tuple[str, Model]:
    """The same where the steady state is searched for: before the model is made, so that it is made once, with what
    was found as the guess."""
    c = system.contents
    for attempt in ("as it stands", "in ratios"):
        before = text
        namespace = _execute(system, text[: text.index(_MODEL)], path)
        try:
            params = _params(system, namespace)
        except (ModelError, PriorError):
            _execute(system, text, path)  # the model says what is wrong with a start
            raise
        residuals, guess = namespace["static_residuals"], namespace["GUESS"]
        if system.rests is not None:
            guess, params = _planned(system, namespace, params)
        levels, left = search(residuals, guess, _stages(system, params))
        found = dict(zip((*c.variables, *guess._fields[len(c.variables) :]), map(float, levels), strict=True))
        text = module_text(system, path, found)
        other = with_ratios(system, [n for n, r in left.items() if not math.isfinite(r)])
        if attempt == "in ratios" or other is system:
            break
        system = other
        text = module_text(system, path, found)
    namespace["GUESS"] = type(guess)(*map(float, levels))
    # A planner's parameters have moved; and an error names the line in which a function stands now.
    the_same = system.rests is None and text.count("\n") == before.count("\n")
    model = _execute(system, text, path, namespace if the_same else None)["model"]
    _require_joint_prior(model, path)
    if not (_small(left, _EXACT) or _found(residuals, levels, model)):
        _require_steady(left, levels._asdict(), path)
    return text, model


def _planned(system: System, namespace: dict[str, Any], params: Any) -> tuple[Any, Any]:
    """Where the search for a planner's steady state begins, and the parameters there, which become the file's."""
    c, conditions, rests = system.contents, namespace["planner"], system.rests
    assert rests is not None
    fields = {n: i for (kind, n), i in build_fields(system).identifiers.items() if kind == "parameter"}
    least = conditions.at_rest(params)

    def at(levels: dict[str, float]) -> tuple[np.ndarray, Any]:
        moved = {fields[n]: v for n, v in levels.items() if n in fields and n in system.calibrated}
        return np.array(rest_of_all(c, system.auxiliaries, levels)), params._replace(**moved)

    levels = rests.best(lambda levels: least(*at(levels))[1])
    settle(c, levels)
    system.calibrated.update({n: v for n, v in levels.items() if n in system.calibrated})
    rest, params = at(levels)
    guess = dict(zip(namespace["Chosen"]._fields, map(float, rest), strict=True))
    guess |= {name: guess[v] for v, name in conditions.before.items()} | least(rest, params)[0]
    return namespace["GUESS"]._replace(**guess), params


_MODEL = "\nmodel = Model(\n"
"""Where a module makes its model."""


def _params(system: System, namespace: dict[str, Any]) -> Any:
    """The parameters at their starting values, as the model will have them."""
    prior, start = namespace["Params"](), build_fields(system).start
    priors = {name: leaf for name, leaf in prior._asdict().items() if isinstance(leaf, Distribution)}
    return _floats(prior._replace(**{**begin_at(priors, start), **start}))


def _require_joint_prior(model: Model, path: Path) -> None:
    if model.joint_prior is not None and not math.isfinite(model.joint_prior(_floats(model.params()))):
        raise ModFileError(
            f"{path}: the correlations and covariances at the start of the estimation are those of no random "
            "variables: their matrix is not positive semidefinite"
        )


def _waits_for_levels(c: Contents) -> bool:
    """Does the steady state depend on exogenous variables to which the file gives no level?

    Then paths of perfect foresight say where they begin and end.
    """
    read = {n.name for a in c.steady_state or () for n in names(a.value)}
    waiting = [shock for shock in c.shocks if shock in read - set(c.initial)]
    if not (waiting and c.in_levels):
        return False
    which = ", ".join(f"'{name}'" for name in waiting)
    c.warn(f"the steady state depends on {which}, to which the file gives no level", c.shocks[waiting[0]].at)
    return True


def _small(left: dict[str, Any], tolerance: float) -> bool:
    return all(abs(float(r)) <= tolerance for r in left.values())


def _found(static_residuals: StaticResiduals, levels: Any, model: Model) -> bool:
    """Is what a search leaves small in units of each equation's terms?"""
    params = _floats(model.params())
    here = system_on_host(static_residuals, type(levels), params)(np.array(levels, float), params)
    return bool((np.abs(here.value) <= _EXACT * here.scale).all())


def _solved(model: Model) -> bool:
    """Does the steady state hold as `linearize` judges it, in units of each equation's terms?"""
    return int(linearize_once(model, model.params()).status) != Status.NO_STEADY_STATE


def _stages(system: System, params: Any) -> list[Any]:
    """The parameters at which a steady state is searched for: the model's own, at the end of its homotopy."""
    known = build_fields(system).identifiers
    moves = {known[k]: v for n, v in system.contents.homotopy.items() if (k := ("parameter", n)) in known}
    steps = range(max(map(len, moves.values()), default=1) - 1)
    on_the_way = [{n: float(v[min(k, len(v) - 1)]) for n, v in moves.items()} for k in steps]
    return [*(params._replace(**values) for values in on_the_way), params]


def _floats(params: Any) -> Any:
    return type(params)(*map(float, params))


def _tolerance(c: Contents) -> float:
    """What an equation may leave at a steady state that the file gives: Dynare's number, or its option `tolf`."""
    given = c.options.get("steady", {}).get("tolf")
    return max(_TOLERANCE, number(c, given)) if given else _TOLERANCE


def _execute(
    system: System, text: str, path: Path, namespace: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Run a module's source, or of it what makes the model where a namespace has the rest; errors show its lines."""
    name = f"<converted {path.name}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    if namespace is None:
        namespace = {"__name__": path.stem}
    else:
        begin = text.index(_MODEL)
        text = "\n" * text.count("\n", 0, begin) + text[begin:]
    try:
        exec(compile(text, name, "exec"), namespace)
    except ModFileError:
        raise
    except ModelError as error:
        raise _with_place(system, error, path) from error
    except (ArithmeticError, ValueError, TypeError) as error:
        raise ModFileError(f"{path}: {error}") from error
    except (RecursionError, MemoryError):
        raise ModFileError(f"{path}: an expression is nested too deeply") from None
    except SyntaxError as error:
        deep = "too many nested" in str(error) or "too complex" in str(error)
        what = (
            "an expression is nested too deeply" if deep else f"it cannot be written in Python: {error.msg}"
        )
        raise ModFileError(f"{path}: {what}") from None
    return namespace


def _with_place(system: System, error: ModelError, path: Path) -> ModFileError:
    """The error with the line of the prior whose parameter it names, or with the file alone."""
    contents = system.contents
    for key, identifier in build_fields(system).identifiers.items():
        if f"'{identifier}'" in str(error) and key in contents.priors:
            return contents.source.error(str(error), contents.priors[key].at)
    return ModFileError(f"{path}: {error}")


def _at_rest(model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """The steady state at the starting values, and what each equation leaves there."""
    levels, left = at_rest_once(model, model.params())
    return levels._asdict(), left


def _require_steady(left: dict[str, Any], levels: dict[str, Any], path: Path) -> None:
    """Raise with a table of residuals unless all are small."""
    if all(abs(float(r)) < _TOLERANCE for r in left.values()):
        return
    width = max(map(len, left))
    rows = [
        f"    {name:{width}}  {float(r):12.4g}" for name, r in left.items() if not abs(float(r)) < _TOLERANCE
    ]
    values = ", ".join(f"{n} = {float(v):.6g}" for n, v in levels.items())
    raise ModFileError(
        f"{path}: no steady state: {len(rows)} of {len(left)} equations leave a residual\n"
        + "\n".join(rows)
        + f"\n  at {values}\n  Better starting values in 'initval', or a 'steady_state_model', may help."
    )
