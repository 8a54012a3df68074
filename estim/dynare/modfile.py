"""Reading a `.mod` file: from the text to a `Model`, and to what the file says about estimation."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from estim.arguments import checked
from estim.data.datasets import DataError
from estim.dynare.asked import Command, Foresight, Histories, Matched, Planner, RuleSearch
from estim.dynare.building.build import build, module_text
from estim.dynare.building.ramsey import instrument_equation
from estim.dynare.building.system import System, build_system
from estim.dynare.data import find_table, prepare, read_file, read_table, sample
from estim.dynare.macro.processor import expand
from estim.dynare.reading.collect import COMPUTED, collect
from estim.dynare.reading.contents import Contents
from estim.dynare.reading.fields import Fields, build_fields
from estim.dynare.reading.parser import parse
from estim.dynare.reading.settings import (
    STARTS,
    EstimationSettings,
    StochSimulSettings,
    estimation_settings,
    stoch_simul_settings,
)
from estim.dynare.reading.source import ModFileError, ModFileWarning, UnsupportedError
from estim.dynare.reading.steady_state_file import find_steady_state
from estim.dynare.reading.stoch_simul import StochSimul, stoch_simul
from estim.dynare.reading.syntax import Name
from estim.model import Model


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
        commands: its commands in order, with what they see; `estim dynare` runs them.
        planner: who sets policy in it (`planner_objective`), or None.
        rule_search: what its `osr` command asks for, or None.
        histories: what it says of histories and forecasts.
        matched: the moments and responses that its `method_of_moments` matches.
        with_announced: makes the model in which its deterministic variables (`varexo_det`) are shocks of standard
            deviation one, or None where no path of theirs is given.
        announced_rest: the levels of these variables at rest.
        parameters: Dynare's name of every parameter -> its name in ``model``.
    """

    model: Model
    estimation: EstimationSettings
    stoch_simul: StochSimulSettings
    source: str
    path: Path
    calibration: dict[str, float]
    names: dict[str, str]
    at_stoch_simul: dict[str, float]
    commands: tuple[Command, ...] = ()
    planner: Planner | None = None
    rule_search: RuleSearch | None = None
    histories: Histories = Histories({}, {}, {}, {}, {})
    matched: Matched = Matched()
    with_announced: Callable[[], Model] | None = None
    announced_rest: Mapping[str, float] = {}
    parameters: Mapping[str, str] = {}

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

    @property
    def has_data(self) -> bool:
        """Whether the file names its data and they are there."""
        return bool(self.estimation.datafile and find_table(self.path.parent, self.estimation))

    def run_stoch_simul(self) -> StochSimul:
        """What the file's `stoch_simul` command computes; Dynare's defaults where it has none.

        At the values above the command, or at the start of the estimation where that comes first.

        Raises:
            UnsupportedError: the command asks for a solution of order two or three, whose tables are not these.
            SolutionError: the model has no unique stable solution.
        """
        asked = self.stoch_simul
        if asked.order > 1:
            raise UnsupportedError(
                f"{self.path}: the tables of 'stoch_simul' are those of first order, and the file asks for order "
                f"{asked.order}: see estim.solve(model, solver=estim.Perturbation(order={asked.order}))"
            )
        ours = lambda names: tuple(self.names[name] for name in names)
        return stoch_simul(
            self.model,
            self.at_stoch_simul,
            asked._replace(variables=ours(asked.variables), shocks=ours(asked.shocks)),
        )

    @property
    def likelihood_options(self) -> dict[str, Any]:
        """Arguments for `estim.build_posterior` and `estim.loglikelihood`, beside the data."""
        if self.estimation.dsge_var:
            lags, weight = self.estimation.dsge_var
            return {"name": "dsge_var", "lags": lags, "weight": weight}
        asked = {"presample": self.estimation.presample, "start": STARTS[self.estimation.lik_init]}
        scales = self.estimation.shock_scales
        return asked | ({"shock_scales": scales} if scales else {})


@checked
def read_mod(path: str | Path, defines: dict[str, Any] | None = None) -> ModFile:
    """Read a Dynare file.

    Args:
        path: the `.mod` file.
        defines: macro variables, as Dynare's command line sets them with ``-D``.

    Returns:
        The file's model, data settings, commands and options.

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
    text, model = build(system, text, path)
    names = dict(zip(contents.variables, model.variables._fields, strict=False))
    names |= dict(zip(contents.shocks, model.shocks._fields, strict=bool(contents.shocks)))
    names |= {n: n for n in model.variables._fields if n.startswith("MULT_")}
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
        commands=tuple(_commands(contents, fields, names)),
        planner=_planner(contents, model, names),
        rule_search=_rule_search(contents, fields, names),
        histories=_histories(contents, fields, names),
        matched=Matched(
            tuple(tuple((names[n], lead) for n, lead in product) for product in contents.matched),
            {(names[a], names[b]): path for (a, b), path in contents.responses.items()},
        ),
        with_announced=_announced(contents, path, defines),
        parameters={key[1]: i for key, i in fields.identifiers.items() if key[0] == "parameter"},
        announced_rest={name: contents.initial.get(name, 0.0) for name in contents.deterministic},
    )


def _announced(c: Contents, path: Path, defines: dict[str, Any] | None) -> Callable[[], Model] | None:
    if not any(name in values.paths for _, values in c.commands for name in c.deterministic):
        return None

    @cache
    def model() -> Model:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ModFileWarning)  # they have been said
            system, text = translate(path, defines, announced=True)
            return build(system, text, path)[1]

    return model


def _histories(c: Contents, fields: Fields, names: dict[str, str]) -> Histories:
    several = lambda shocks: tuple(names[s] for s in shocks)
    return Histories(
        before={(names[n], lag): v for (n, lag), v in c.history.items() if n in names},
        groups={k: {g: several(m) for g, m in groups.items()} for k, groups in c.groups.items()},
        imposed={names[n]: path for n, path in c.imposed.items()},
        combined={k: {names[n]: v for n, v in parts.items()} for k, parts in c.combined.items()},
        stderr={names[n]: fields.stderr(n) for n in c.shocks},
    )


def _planner(c: Contents, model: Model, names: dict[str, str]) -> Planner | None:
    written = getattr(model.measurement, "__globals__", {})  # the module's own names
    if "objective" not in written:
        return None
    chosen = c.discretion.instruments if c.discretion and not c.planner else ()
    instruments = {names[name]: instrument_equation(name) for name in chosen}
    return Planner(written["objective"], written["planner_discount"], instruments)


def _rule_search(c: Contents, fields: Fields, names: dict[str, str]) -> RuleSearch | None:
    ours = {key[1]: i for key, i in fields.identifiers.items() if key[0] == "parameter"}
    if not c.rule_weights or not c.rule or any(name not in ours for name in c.rule):
        return None
    return RuleSearch(
        tuple(ours[name] for name in c.rule),
        {ours[name]: bounds for name, bounds in c.rule_bounds.items() if name in c.rule},
        {(names[a], names[b]): weight for (a, b), weight in c.rule_weights.items()},
    )


def _commands(c: Contents, fields: Fields, names: dict[str, str]) -> Iterator[Command]:
    """After an `estimation`, what is estimated stays where it starts, unless a command asks for the calibration."""
    estimated = {fields.identifiers[key] for key in c.priors if key in fields.identifiers}
    after = False
    for s, values in c.commands:
        name = s.items[0] if s.keyword == "unsupported" else s.keyword
        options = {o.name: o.value for o in s.options}
        after |= name == "estimation"
        started = after and options.get("parameter_set") != "calibration"
        params = {k: v for k, v in fields.seen(values).items() if not (started and k in estimated)}
        refused = "" if name in COMPUTED else name
        if name == "estimation" and c.not_estimated:
            refused = f"estimation ({c.not_estimated})"
        listed = (n.name for n in s.items if isinstance(n, Name)) if not refused else ()
        variables = tuple(names[n] for n in dict.fromkeys(listed) if n in c.variables)
        paths = {names.get(n, n): path for n, path in values.paths.items()}
        models = dict(s.items) if name == "model_comparison" else {}
        line = c.source.locate(s.at).line
        by_name = lambda given: {names[n]: x for n, x in given.items() if n in names}
        ends = values.foresight
        foresight = Foresight(
            by_name(ends.initial),
            ends.terminal and by_name(ends.terminal),
            by_name(ends.foreseen),
            ends.unknown,
        )
        yield Command(name, line, params, refused, options, variables, paths, models, foresight)


def translate(
    path: Path, defines: dict[str, Any] | None = None, announced: bool = False
) -> tuple[System, str]:
    """The file's system and the source of its module, before anything is computed; ``announced`` makes shocks of its
    deterministic variables, each of standard deviation one.

    Raises:
        ModFileError: as `read_mod`.
    """
    try:
        source = expand(path, defines)
        contents = collect(source, parse(source))
        find_steady_state(contents, path)
        if announced:
            contents.shocks |= contents.deterministic
            contents.stderr |= dict.fromkeys(contents.deterministic, 1.0)
            contents.deterministic = {}
        contents.centred_over = _centred_over(contents, path)
        system = build_system(contents)
        return system, module_text(system, path)
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


@checked
def convert_mod(path: str | Path, target: str | Path) -> Path:
    """Write a Dynare file as a Python module in the style of the gallery; returns its path.

    Args:
        path: the `.mod` file.
        target: the Python file to write.

    Returns:
        The path of the module.

    Raises:
        ModFileError: as `read_mod`.
    """
    target = Path(target)
    target.write_text(read_mod(path).source, encoding="utf-8")
    return target
