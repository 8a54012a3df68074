"""Reading a `.mod` file: from the text to a `Model`, and to what the file says about estimation."""

import linecache
import re
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pandas as pd

from estim.arguments import checked
from estim.dynare.collect import collect
from estim.dynare.data import prepare, read_file, read_table
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
from estim.dynare.steady_state import search
from estim.dynare.stoch_simul import StochSimul, stoch_simul
from estim.dynare.system import System, build_system
from estim.model import Model, ModelError

_TOLERANCE = 1e-5  # Dynare's own, for a steady state that the file gives


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
    """

    model: Model
    estimation: EstimationSettings
    stoch_simul: StochSimulSettings
    source: str
    path: Path
    calibration: dict[str, float]
    names: dict[str, str]

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
        return prepare(data, {dynare[f]: f for f in self.model.observables._fields}, self.estimation)

    def run_stoch_simul(self) -> StochSimul:
        """What the file's `stoch_simul` command computes; Dynare's defaults where it has none.

        At the file's calibration, or at the start of the estimation where that comes first.

        Raises:
            SolutionError: the model has no unique stable solution.
        """
        asked = self.stoch_simul
        ours = lambda names: tuple(self.names[name] for name in names)
        return stoch_simul(
            self.model,
            {} if asked.estimated else self.calibration,
            asked._replace(variables=ours(asked.variables), shocks=ours(asked.shocks)),
        )

    @property
    def likelihood_options(self) -> dict[str, Any]:
        """Arguments for `estim.build_posterior` and `estim.loglikelihood`, beside the data."""
        return {"presample": self.estimation.presample, "start": STARTS[self.estimation.lik_init]}


@checked
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
    names |= dict(zip(contents.shocks, model.shocks._fields, strict=True))
    return ModFile(
        model=model,
        estimation=estimation,
        stoch_simul=asked,
        source=text,
        path=path,
        calibration=build_fields(system).calibration(),
        names=names,
    )


def translate(path: Path, defines: dict[str, Any] | None = None) -> tuple[System, str]:
    """The file's system and the source of its module, before anything is computed.

    Raises:
        ModFileError: as `read_mod`.
    """
    source = expand(path, defines)
    try:
        contents = collect(source, parse(source))
        matlab = path.with_name(f"{path.stem}_steadystate.m")
        if contents.steady_state is None and matlab.exists():
            raise UnsupportedError(
                f"{path}: a steady state computed by Matlab ({matlab.name}) is not supported by estim"
            )
        system = build_system(contents)
        return system, _module(system, path)
    except RecursionError:
        raise ModFileError(f"{path}: an expression is nested too deeply") from None


def _module(system: System, path: Path, guess: dict[str, float] | None = None) -> str:
    return module_source(system, re.sub(r"\W", "_", path.stem), path.name, guess)


@checked
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
    namespace = _execute(system, text, path)
    model = namespace["model"]
    if "GUESS" in namespace:
        levels, left = search(namespace["static_residuals"], namespace["GUESS"], model.params())
        _require_steady(system, left, levels._asdict(), path)
        text = _module(system, path, dict(zip(system.contents.variables, map(float, levels), strict=True)))
        return text, _execute(system, text, path)["model"]
    _check_steady_state(system, model, path)
    return text, model


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
    except (RecursionError, MemoryError, SyntaxError):
        raise ModFileError(f"{path}: an expression is nested too deeply") from None
    return namespace


def _with_place(system: System, error: ModelError, path: Path) -> ModFileError:
    """The error with the line of the prior whose parameter it names, or with the file alone."""
    contents = system.contents
    for key, identifier in build_fields(system).identifiers.items():
        if f"'{identifier}'" in str(error) and key in contents.priors:
            return contents.source.error(str(error), contents.priors[key].at)
    return ModFileError(f"{path}: {error}")


def _check_steady_state(system: System, model: Model, path: Path) -> None:
    """The steady state that the file gives must solve its equations, at the starting values."""
    if any("nocheck" in options for options in system.contents.options.values()):
        return

    @jax.jit
    def at_rest(params):
        levels = model.steady_state(params)
        shocks = model.shocks(*[0.0] * len(model.shocks._fields))
        left = model.residuals(levels, levels, levels, shocks, params)
        floats = lambda tree: jax.tree.map(lambda x: jnp.asarray(x, float), tree)
        return floats(levels), floats(left)

    levels, left = at_rest(model.params())
    _require_steady(system, left, levels._asdict(), path)


def _require_steady(system: System, left: dict[str, Any], levels: dict[str, Any], path: Path) -> None:
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
