"""Reading a `.mod` file: from the text to a `Model`, and to what the file says about estimation."""

import linecache
import math
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pandas as pd

from estim.datasets import DataError
from estim.dynare.collect import collect
from estim.dynare.contents import Contents
from estim.dynare.data import prepare, read_file, read_table, sample
from estim.dynare.fields import build_fields
from estim.dynare.macro import expand
from estim.dynare.module import module_source
from estim.dynare.parser import parse
from estim.dynare.settings import (
    STARTS,
    EstimationSettings,
    StochSimulSettings,
    estimation_settings,
    stoch_simul_settings,
)
from estim.dynare.source import ModFileError, UnsupportedError
from estim.dynare.static_system import leaves_open
from estim.dynare.steady_state import search
from estim.dynare.stoch_simul import StochSimul, stoch_simul
from estim.dynare.system import System, build_system
from estim.model import Model, ModelError
from estim.solution.linearize import linearize
from estim.status import Status

_EXACT = 1e-8
"""A steady state that leaves no more holds, whatever the size of the terms."""

_TOLERANCE = 1e-5
"""Dynare's own, for a steady state that the file gives; one that leaves more than `linearize` lets pass is where
a search begins."""


class ModFile(NamedTuple):
    """A `.mod` file as estim reads it.

    Attributes:
        model: its equations, priors and observables, ready for everything estim does.
        estimation: the options of its `estimation` command.
        stoch_simul: those of its `stoch_simul` command.
        source: the Python module that defines ``model``; `convert_mod` writes it.
        path: the file.
        calibration: the values that the file assigns to the parameters it estimates; it is there
            that Dynare solves a model before it is estimated.
        names: Dynare's name of every variable and shock -> its name in ``model``; they differ for
            words that Python does not allow.
        at_stoch_simul: the values at which its `stoch_simul` command is computed, where they are not the
            model's own: a command sees the values above it.
    """

    model: Model
    estimation: EstimationSettings
    stoch_simul: StochSimulSettings
    source: str
    path: Path
    calibration: dict[str, float]
    names: dict[str, str]
    at_stoch_simul: dict[str, float]

    def load_data(self, data: str | Path | pd.DataFrame | None = None) -> pd.DataFrame:
        """The observables, with the file's options `first_obs`, `nobs`, `prefilter` and logs applied.

        Args:
            data: a file or a frame with Dynare's names; the file's own `datafile` where None.

        Raises:
            DataError: the data cannot be read or lack an observable.
        """
        if data is None:
            data = read_table(self.path.parent, self.estimation)
        elif not isinstance(data, pd.DataFrame):
            data = read_file(Path(data), self.estimation)
        dynare = {ours: name for name, ours in self.names.items()}
        frame = prepare(data, {dynare[f]: f for f in self.model.observables._fields}, self.estimation)
        if (periods := self.estimation.centred_over) not in (None, len(frame)):
            raise DataError(
                f"the model's trends have lost their means over {periods} periods, but there are {len(frame)} in the "
                "data: 'nobs' in the file must say how many"
            )
        return frame

    def run_stoch_simul(self) -> StochSimul:
        """What the file's `stoch_simul` command computes; Dynare's defaults where it has none.

        At the values above the command, or at the start of the estimation where that comes first.

        Raises:
            SolutionError: the model has no unique stable solution.
        """
        asked = self.stoch_simul
        ours = lambda names: tuple(self.names[name] for name in names)
        return stoch_simul(
            self.model,
            self.at_stoch_simul,
            asked._replace(variables=ours(asked.variables), shocks=ours(asked.shocks)),
        )

    @property
    def likelihood_options(self) -> dict[str, Any]:
        """Arguments for `estim.build_posterior` and `estim.loglikelihood`, beside the data."""
        return {"presample": self.estimation.presample, "start": STARTS[self.estimation.lik_init]}


def read_mod(path: str | Path, defines: dict[str, Any] | None = None) -> ModFile:
    """Read a Dynare file.

    Args:
        path: the `.mod` file.
        defines: macro variables, as Dynare's command line sets them with ``-D``.

    Raises:
        ModFileError: the file is not valid; the message gives file, line and column, and what
            was expected there. Its subclass `UnsupportedError` names what estim does not do.

    Warns:
        ModFileWarning: native Matlab code and commands that are skipped, each quoted.
    """
    path = Path(path)
    system, text = translate(path, defines)
    contents = system.contents
    estimation, asked = estimation_settings(contents), stoch_simul_settings(contents)
    text, model = _build(system, text, path)
    names = dict(zip(contents.variables, model.variables._fields, strict=False))
    names |= dict(zip(contents.shocks, model.shocks._fields, strict=bool(contents.shocks)))
    fields = build_fields(system)
    return ModFile(
        model=model,
        estimation=estimation,
        stoch_simul=asked,
        source=text,
        path=path,
        calibration=fields.calibration(),
        names=names,
        at_stoch_simul=fields.at_stoch_simul(),
    )


def translate(path: Path, defines: dict[str, Any] | None = None) -> tuple[System, str]:
    """The file's system and the source of its module, before anything is computed.

    Raises:
        ModFileError: as `read_mod`.
    """
    try:
        source = expand(path, defines)
        contents = collect(source, parse(source))
        matlab = path.with_name(f"{path.stem}_steadystate.m")
        if contents.steady_state is None and matlab.exists():
            raise UnsupportedError(
                f"{path}: a steady state computed by Matlab ({matlab.name}) is not supported by estim"
            )
        contents.centred_over = _centred_over(contents, path)
        system = build_system(contents)
        return system, _module(system, path)
    except RecursionError:
        raise ModFileError(f"{path}: an expression is nested too deeply") from None


def _centred_over(c: Contents, path: Path) -> int | None:
    """The number of periods in the sample, where `prefilter` takes the means out of trends."""
    settings = estimation_settings(c)
    if not (settings.prefilter and c.trends):
        return None
    try:
        return settings.nobs or len(sample(read_table(path.parent, settings), settings))
    except DataError as error:
        at = next(o["prefilter"].at for o in c.options.values() if "prefilter" in o)
        raise c.source.error(
            f"'prefilter' takes the mean out of trends too; over how many periods, 'nobs' must say ({error})",
            at,
        ) from None


def _module(system: System, path: Path, guess: dict[str, float] | None = None) -> str:
    return module_source(system, re.sub(r"\W", "_", path.stem), path.name, guess)


def convert_mod(path: str | Path, target: str | Path) -> Path:
    """Write a Dynare file as a Python module in the style of the gallery; returns its path.

    Raises:
        ModFileError: as `read_mod`.
    """
    target = Path(target)
    target.write_text(read_mod(path).source, encoding="utf-8")
    return target


def _build(system: System, text: str, path: Path) -> tuple[str, Model]:
    """The module's source and its model, with a steady state that was found to hold."""
    c, searched = system.contents, replace(system, steady_state=None)
    namespace = _execute(system, text, path)
    if c.linear and c.steady_state is None and system.steady_state is not None and any(c.initial.values()):
        # Where the equations leave something open, what 'initval' says of it counts.
        other = _module(searched, path)
        found = _execute(searched, other, path)
        if leaves_open(found["static_residuals"], found["GUESS"], _floats(found["model"].params())):
            system, text, namespace = searched, other, found
    model = namespace["model"]
    if model.joint_prior is not None and not math.isfinite(model.joint_prior(_floats(model.params()))):
        raise ModFileError(
            f"{path}: the correlations and covariances at the start of the estimation are those of no random "
            "variables: their matrix is not positive semidefinite"
        )
    if "GUESS" in namespace and not c.linear:
        levels, left = search(namespace["static_residuals"], namespace["GUESS"], _stages(system, model))
        _require_steady(left, levels._asdict(), path)
        text = _module(system, path, dict(zip(c.variables, map(float, levels), strict=True)))
        return text, _execute(system, text, path)["model"]
    if system.unchecked:
        return text, model
    levels, left = _at_rest(model)
    largest = max(abs(float(r)) for r in left.values())
    if largest <= _EXACT or int(jax.jit(lambda p: linearize(model, p))(model.params()).status) == Status.OK:
        return text, model
    if c.steady_state is None:
        system = searched
    elif largest <= _tolerance(c):
        system = replace(system, refined=True)
    else:
        _require_steady(left, levels, path)
    text = _module(system, path)
    model = _execute(system, text, path)["model"]
    levels, left = _at_rest(model)
    _require_steady(left, levels, path)
    return text, model


def _stages(system: System, model: Model) -> list[Any]:
    """The parameters at which a steady state is searched for: the model's own, at the end of its homotopy."""
    params, known = _floats(model.params()), build_fields(system).identifiers
    moves = {known[k]: v for n, v in system.contents.homotopy.items() if (k := ("parameter", n)) in known}
    steps = range(max(map(len, moves.values()), default=1) - 1)
    on_the_way = [{n: float(v[min(k, len(v) - 1)]) for n, v in moves.items()} for k in steps]
    return [*(params._replace(**values) for values in on_the_way), params]


def _floats(params: Any) -> Any:
    return type(params)(*map(float, params))


def _tolerance(c: Contents) -> float:
    """What an equation may leave at a steady state that the file gives: Dynare's number, or its option `tolf`."""
    given = c.options.get("steady", {}).get("tolf")
    try:
        return max(_TOLERANCE, float(given.value or "")) if given else _TOLERANCE
    except ValueError:
        raise c.source.error(f"'tolf' must be a number, not {given.value}", given.at) from None


def _execute(system: System, text: str, path: Path) -> dict[str, Any]:
    """Run a module's source; errors show its lines."""
    name = f"<converted {path.name}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    namespace: dict[str, Any] = {"__name__": path.stem}
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


@partial(jax.jit, static_argnums=0)
def _residuals_at_rest(model: Model, params: Any) -> tuple[Any, dict[str, Any]]:
    levels = model.steady_state(params)
    shocks = model.shocks(*[0.0] * len(model.shocks._fields))
    left = model.residuals(levels, levels, levels, shocks, params)
    return jax.tree.map(lambda x: jnp.asarray(x, float), (levels, left))


def _at_rest(model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """The steady state at the starting values, and what each equation leaves there."""
    levels, left = _residuals_at_rest(model, _floats(model.params()))
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
