"""A model as a Dynare file: the way back.

Dynare's dates are estim's, its shocks are given a standard deviation of one, as they are here, and an observable
that is no variable becomes one. A closed-form steady state is written where it is arithmetic; elsewhere its numbers are
where the search begins. Measurement errors are shocks of the equations that measure.
"""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from estim.arguments import checked
from estim.dynare.reading.source import ModFileWarning
from estim.dynare.writing.mod_arithmetic import NoArithmeticError, equations, expressions, number
from estim.dynare.writing.mod_priors import prior_line
from estim.dynare.writing.reserved import RESERVED
from estim.model import Model, ModelError
from estim.numerics import semidefinite_cholesky
from estim.numerics.reads import reads
from estim.solution.equations import trace_equations
from estim.solution.steady_state import steady_state_of
from estim.specification_checks import symbols


@checked
def write_mod(model: Model, target: str | Path, data: pd.DataFrame | None = None) -> Path:
    """Write a model as a Dynare file: equations, calibration, steady state, shocks, priors and data.

    Args:
        model: without households and without constraints that bind at times, its equations arithmetic.
        target: the `.mod` file; data go into ``NAME_data.csv`` beside it.
        data: observations by column, in the order of dates, or None.

    Returns:
        The path of the file. Commands at its end solve the model and, where there are data, find the posterior mode.

    Raises:
        ModelError: Dynare's language cannot say an equation, by name, or what the model is.

    Warns:
        ModFileWarning: of priors that Dynare does not have; the file then estimates nothing.
    """
    target = Path(target)
    writer, beside = _Writer(model), target.with_name(f"{target.stem}_data.csv")
    text = "\n\n".join(writer.sections(None if data is None else beside.name)) + "\n"
    if data is not None:
        frame = data[list(model.observables._fields)].rename(columns=writer.observables)
        frame.set_axis(frame.index.map(str), axis=0).to_csv(beside)
    target.write_text(text, encoding="utf-8")
    return target


class _Writer:
    def __init__(self, model: Model):
        self.model = model
        for what, there in (
            ("households", model.het_blocks),
            ("constraints that bind at times", model.complementarity or model.alternatives),
        ):
            if there:
                raise ModelError(f"{model.name} has {what}: that is not written as a Dynare file")
        self.traced = trace_equations(model)
        taken = set(RESERVED)
        self.variables = _distinct(model.variables._fields, taken, "_")
        self.copied = self._copied()
        observed = [n for n in model.observables._fields if n not in self.copied]
        self.observables = _distinct(observed, taken, "_obs")
        self.observables |= {n: self.variables[v] for n, v in self.copied.items()}
        self.parameters = _distinct(model.param_names, taken, "_p")
        self.shocks = _distinct(model.shocks._fields, taken, "_shock")
        self.errors = self._errors(taken)

    def _copied(self) -> dict[str, str]:
        """Observables that are a variable under its own name, without an error: `varobs` names that."""
        program, n = self.traced.measurement.jaxpr, len(self.model.variables._fields)
        places = {id(v): k for k, v in enumerate(program.invars[len(self.model.param_names) :][:n])}
        if self.model.measurement_error is not None or self.model.trend is not None:
            return {}
        found = {
            name: self.model.variables._fields[places[id(out)]]
            for name, out in zip(self.model.observables._fields, program.outvars, strict=True)
            if id(out) in places
        }
        return {name: variable for name, variable in found.items() if name == variable}

    def _errors(self, taken: set[str]) -> dict[str, str]:
        """The shock that is the measurement error of each observable that has one."""
        if self.model.measurement_error is None:
            return {}
        covariance = np.asarray(self.model.measurement_covariance(self.model.params()), float)
        moves = self._moves(lambda p: jnp.diagonal(self.model.measurement_covariance(p)))
        fields = self.model.observables._fields
        named = [n for n, s, m in zip(fields, np.diag(covariance), moves, strict=True) if s > 0 or m]
        return dict(zip(named, _distinct([f"error_{n}" for n in named], taken, "_").values(), strict=True))

    def _moves(self, function: Any) -> np.ndarray:
        """Whether each entry of a function of the parameters reads one that is estimated."""
        program = jax.make_jaxpr(lambda p: [x for x in jnp.ravel(function(p))])(
            symbols(type(self.model.prior))
        )
        estimated = {self.model.param_names.index(name) for name in self.model.estimated}
        return np.array([bool(read & estimated) for read in reads(program)])

    def sections(self, datafile: str | None) -> Iterable[str]:
        model = self.model
        yield f"// {' '.join((model.reference or model.name).split())}"
        added = [self.observables[n] for n in model.observables._fields if n not in self.copied]
        yield self._declare("var", self.variables, added)
        yield self._declare("varexo", self.shocks, list(self.errors.values()))
        yield self._declare("parameters", self.parameters)
        values = {n: float(x) for n, x in model.params()._asdict().items()}
        yield "\n".join(f"{self.parameters[n]} = {number(x).text};" for n, x in values.items())
        yield _block("model", [*self._residuals(), *self._measurement()])
        yield self._steady_state()
        yield _block("shocks", self._covariances())
        yield "steady;\ncheck;\nstoch_simul(order=1, irf=20, nograph);"
        yield f"varobs {' '.join(self.observables[n] for n in model.observables._fields)};"
        if model.trend is not None:
            yield _block("observation_trends", self._trends())
        if model.estimated and self._estimable():
            yield _block("estimated_params", self._priors())
            if datafile:
                yield f"estimation(datafile='{datafile}', mode_compute=4, mh_replic=0, nograph);"

    def _declare(self, what: str, names: Mapping[str, str], more: Iterable[str] = ()) -> str:
        labels = self.model.labels
        lines = [
            f"  {new} ${labels[name][1]}$ (long_name='{labels[name][0]}')" if name in labels else f"  {new}"
            for name, new in names.items()
        ]
        return "\n".join([what, *lines, *(f"  {name}" for name in more), ";"])

    def _residuals(self) -> list[str]:
        at = [f"{v}{date}" for date in ("(-1)", "", "(+1)") for v in self.variables.values()]
        inputs = [*self.parameters.values(), *at, *self.shocks.values()]
        found = []
        for k, name in enumerate(self.traced.names):
            try:
                found.append(f"[name='{name}']\n{equations(_output(self.traced.residuals, k), inputs)[0]};")
            except NoArithmeticError as error:
                raise ModelError(
                    f"{self.model.name}: Dynare's language cannot say equation '{name}': {error}"
                ) from None
        return found

    def _measurement(self) -> Iterable[str]:
        now = list(self.variables.values())
        inputs = [*self.parameters.values(), *now, *(f"{v}(-1)" for v in now)]
        errors = self._error_terms()
        for name, right in zip(self.model.observables._fields, self._measured(inputs), strict=True):
            if name not in self.copied:
                yield f"[name='measurement of {name}']\n{self.observables[name]} = {right}{errors.get(name, '')};"

    def _measured(self, inputs: list[str]) -> list[str]:
        try:
            return expressions(self.traced.measurement, inputs)
        except NoArithmeticError as error:
            raise ModelError(
                f"{self.model.name}: Dynare's language cannot say the measurement: {error}"
            ) from None

    def _error_terms(self) -> dict[str, str]:
        """What the error adds to each observable, a shock of variance one times its standard deviation."""
        if not self.errors:
            return {}
        stated = self.model.measurement_error(self.model.params())  # type: ignore[misc]
        if isinstance(stated, tuple):
            sds = self._of_parameters(self.model.measurement_error, "the standard deviations of the errors")
            named = zip(self.model.observables._fields, sds, strict=True)
            return {n: f" + ({sd})*{self.errors[n]}" for n, sd in named if n in self.errors}
        self._require_fixed(self.model.measurement_covariance, "the covariance of the errors")
        return {n: f" + {shock}" for n, shock in self.errors.items()}

    def _covariances(self) -> list[str]:
        lines = [f"var {shock}; stderr 1;" for shock in self.shocks.values()]
        if self.model.shock_correlation is not None:
            self._require_fixed(self.model.shock_correlation, "the correlation of the shocks")
            root = semidefinite_cholesky(
                jnp.asarray(self.model.shock_correlation(self.model.params()), float)
            )
            lines += _pairs("corr", list(self.shocks.values()), np.asarray(root @ root.T))
        if self.errors and not isinstance(self.model.measurement_error(self.model.params()), tuple):  # type: ignore[misc]
            chosen = [self.model.observables._fields.index(n) for n in self.errors]
            covariance = np.asarray(self.model.measurement_covariance(self.model.params()))
            covariance = covariance[np.ix_(chosen, chosen)]
            shocks = list(self.errors.values())
            lines += [
                f"var {s} = {number(float(v)).text};"
                for s, v in zip(shocks, np.diag(covariance), strict=True)
            ]
            return lines + _pairs("var", shocks, covariance)
        return lines + [f"var {shock}; stderr 1;" for shock in self.errors.values()]

    def _require_fixed(self, function: Any, what: str) -> None:
        if self._moves(function).any():
            raise ModelError(
                f"{self.model.name}: {what} depends on estimated parameters: Dynare has numbers there"
            )

    def _of_parameters(self, function: Any, what: str) -> list[str]:
        """A function of the parameters, entry by entry."""
        program = jax.make_jaxpr(lambda p: [jnp.asarray(x, float) for x in function(p)])(
            symbols(type(self.model.prior))
        )
        try:
            return expressions(program, list(self.parameters.values()))
        except NoArithmeticError as error:
            raise ModelError(f"{self.model.name}: Dynare's language cannot say {what}: {error}") from None

    def _steady_state(self) -> str:
        model = self.model
        rest = np.asarray(steady_state_of(model)(model.params()), float)
        levels = dict(zip(self.variables.values(), (number(float(x)).text for x in rest), strict=True))
        kind = "initval"
        if model.states_rest:
            try:
                stated = self._of_parameters(model.steady_state, "the steady state")
                levels, kind = dict(zip(self.variables.values(), stated, strict=True)), "steady_state_model"
            except (ModelError, TypeError, ValueError):  # a search, a loop: its numbers serve
                pass
        now = list(self.variables.values())
        measured = self._measured([*self.parameters.values(), *now, *now])
        added = zip(model.observables._fields, measured, strict=True)
        levels |= {self.observables[n]: right for n, right in added if n not in self.copied}
        return _block(kind, [f"{name} = {text};" for name, text in levels.items()])

    def _trends(self) -> list[str]:
        growth = self._of_parameters(self.model.trend, "the trend")
        named = zip(self.model.observables._fields, growth, strict=True)
        return [f"{self.observables[n]} ({text});" for n, text in named if text != "0"]

    def _estimable(self) -> bool:
        """Whether Dynare has all of the prior."""
        lacks = [str(names) for names, prior in self.model.priors.items() if prior_line(prior) is None]
        lacks += ["a joint prior"] if self.model.joint_prior is not None else []
        if lacks:
            warnings.warn(
                f"{self.model.name}: Dynare has no such prior ({', '.join(lacks)}): the file estimates nothing",
                ModFileWarning,
                stacklevel=4,
            )
        return not lacks

    def _priors(self) -> list[str]:
        starts = self.model.defaults
        return [
            f"{self.parameters[name]}, {number(starts[name]).text}, {prior_line(prior)};"
            for name, prior in self.model.priors.items()
            if isinstance(name, str)  # a joint one has no line, and the file no estimation
        ]


def _output(program: Any, k: int) -> Any:
    """The program of one output."""
    return program.replace(jaxpr=program.jaxpr.replace(outvars=program.jaxpr.outvars[k : k + 1]))


def _pairs(what: str, names: list[str], matrix: np.ndarray) -> list[str]:
    """``corr a, b = number;`` for each that is not zero."""
    return [
        f"{what} {names[i]}, {names[j]} = {number(float(matrix[i, j])).text};"
        for i in range(len(names))
        for j in range(i)
        if matrix[i, j] != 0
    ]


def _block(name: str, lines: Iterable[str]) -> str:
    return "\n".join([f"{name};", *(f"  {line}" for text in lines for line in text.split("\n")), "end;"])


def _distinct(names: Iterable[str], taken: set[str], suffix: str) -> dict[str, str]:
    """Each name as Dynare may call it: ASCII, and no other's."""
    found = {}
    for name in names:
        new = name if name.isascii() else "".join(c if c.isascii() else f"u{ord(c):x}" for c in name)
        new = new.lstrip("_") or "x"
        while new in taken:
            new += suffix
        taken.add(new)
        found[name] = new
    return found
