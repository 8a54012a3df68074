"""The fields of Params: Dynare's parameters, then standard deviations and correlations of shocks
and measurement errors, each calibrated or with its prior."""

import math
from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np

from estim.dynare.building.system import System
from estim.dynare.reading.contents import Contents, Values
from estim.dynare.reading.identifiers import Identifiers
from estim.dynare.reading.priors import prior_source, start
from estim.dynare.writing.printer import as_float, number
from estim.numerics import semidefinite_cholesky

_ROUNDING = 1e-9
"""By this share a covariance may exceed what variances allow: it was rounded when it was written down."""

_DEFINITE = 1e-6
"""A matrix whose eigenvalues are larger is positive definite, without a closer look."""

type Key = tuple[str, ...]
"""("parameter", name), ("stderr", name), ("corr", a, b) or ("covariance", a, b), a before b."""


@dataclass(frozen=True)
class Fields:
    """``identifiers`` and ``defaults`` (Python source) by key; ``start`` holds initial values."""

    contents: Contents
    identifiers: dict[Key, str]
    defaults: dict[Key, str]
    comments: dict[Key, str]
    start: dict[str, float]

    def correlation(self, first: str, second: str) -> str:
        """Source of the correlation of two shocks or measurement errors, a function of ``p``."""
        if first == second:
            return "1.0"
        pair = tuple(sorted((first, second)))
        if field := self.identifiers.get(("corr", *pair)):
            return f"p.{field}"
        if field := self.identifiers.get(("covariance", *pair)):
            return f"p.{field} / (p.{self.stderr(first)} * p.{self.stderr(second)})"
        return "0.0"

    def stderr(self, name: str) -> str:
        return self.identifiers["stderr", name]

    def calibration(self) -> dict[str, float]:
        """The values that the file assigns to what it estimates, by field."""
        c = self.contents
        given = self._values(c.now)
        return {self.identifiers[key]: given[key] for key in c.priors if key in given}

    def at_stoch_simul(self) -> dict[str, float]:
        """The values at which `stoch_simul` is computed, where they are not the model's own, by field.

        After an `estimation`, what is estimated keeps the value at which the estimation starts, unless the file
        gives it another one between the two.
        """
        seen, c = self.contents.seen, self.contents
        if "stoch_simul" not in seen:
            return self.calibration()
        at, own = (
            self._values(seen["stoch_simul"]),
            self._values(Values(c.values, c.stderr, c.corr, c.covariance, c.initial)),
        )
        after = "estimation" in seen and list(seen)[-1] == "stoch_simul"
        changed = {key for key in at if at[key] != own.get(key)}
        keys = changed if after else changed | {*c.priors}
        return {self.identifiers[key]: at[key] for key in self.identifiers if key in keys and key in at}

    def seen(self, values: Values) -> dict[str, float]:
        """What the file assigns, by field; a field without a value keeps the model's."""
        given = self._values(values)
        return {
            i: given[key] for key, i in self.identifiers.items() if math.isfinite(given.get(key, math.nan))
        }

    def _values(self, values: Values) -> dict[Key, float]:
        """What the file assigns to each field; a covariance counts where its correlation is not estimated.

        What is assigned to a parameter counts for nothing where the steady-state file gives it its value.
        """
        given: dict[Key, float] = {
            ("parameter", n): v for n, v in values.parameters.items() if n not in self.contents.set_at_rest
        }
        if values.stderr:  # a shock that has its variance from a block further down has none yet
            idle = {("stderr", n): 0.0 for n in self.contents.shocks}
            given |= {key: v for key, v in idle.items() if key not in self.contents.priors}
        given |= {("stderr", n): v for n, v in values.stderr.items()}
        for kind, *names in self.identifiers:
            pair, spread = tuple(names), math.prod(values.stderr.get(n, 0.0) for n in names)
            if kind == "covariance":
                given["covariance", *pair] = values.covariance.get(pair, values.corr.get(pair, 0.0) * spread)
            elif kind == "corr" and (pair in values.covariance or pair in values.corr):
                covariance = values.covariance.get(pair)
                by_covariance = covariance is not None and not (pair in values.corr and self.contents.priors)
                ratio = (covariance or 0.0) / spread if spread else 0.0
                given["corr", *pair] = (
                    max(-1.0, min(1.0, ratio)) if by_covariance else values.corr.get(pair, 0.0)
                )
            elif kind == "corr" and ("corr", *pair) not in self.contents.priors:
                given["corr", *pair] = 0.0
        return given

    @property
    def correlated(self) -> list[str]:
        """The shocks that have a correlation, in the order of their declaration."""
        return [shock for shock in self.contents.shocks if shock in self._paired]

    @property
    def constrained(self) -> list[list[str]]:
        """Shocks, or errors, whose estimated correlations may be those of no random variables: three or more, or
        some with a covariance that stays as variances move."""
        groups = [self.correlated, [n for n in self.measurement_errors if n in self._paired]]
        within = lambda group: [k for k in self.identifiers if len(k) == 3 and set(k[1:]) <= set(group)]
        moves = lambda group: any(k in self.contents.priors for k in within(group)) and len(group) > 2
        fixed = lambda group: any(k[0] == "covariance" for k in within(group))
        return [group for group in groups if moves(group) or fixed(group)]

    @property
    def correlated_errors(self) -> bool:
        """Are there measurement errors that have a correlation?"""
        return any(name in self._paired for name in self.measurement_errors)

    @cached_property
    def _paired(self) -> set[str]:
        return {n for kind, *names in self.identifiers if kind in ("corr", "covariance") for n in names}

    @property
    def measurement_errors(self) -> list[str]:
        spread = [key[1] for key in self.identifiers if key[0] == "stderr"]
        return [name for name in spread if name in self.contents.variables]


def build_fields(system: System) -> Fields:
    """Raises ModFileError for a measurement error of what is not observed."""
    c = system.contents
    values: dict[Key, float] = {("parameter", n): v for n, v in system.calibrated.items()}
    noisy = [*c.shocks, *_measured_with_error(c)]
    values |= {("stderr", name): c.stderr.get(name, float(c.in_levels)) for name in noisy}
    values |= _correlations(c)

    names = []
    for kind, *rest in values:
        name = rest[0] if kind == "parameter" else "_".join([kind, *rest])
        while name in names:
            name += "_"
        names.append(name)
    unique = Identifiers(names, reserved=["priors", "inf", "Any"])
    identifiers = {key: unique[name] for key, name in zip(values, names, strict=True)}
    priors = {key: c.priors.get(key) for key in values}
    fields = Fields(
        contents=c,
        identifiers=identifiers,
        defaults={
            k: prior_source(c, p) if (p := priors[k]) else as_float(number(v)) for k, v in values.items()
        },
        comments={k: c.parameters[k[1]].long_name if k[0] == "parameter" else "" for k in values},
        start={identifiers[k]: x for k, p in priors.items() if p and math.isfinite(x := start(p))},
    )
    _require_correlations(fields, values)
    return fields


def _correlations(c: Contents) -> dict[Key, float]:
    estimated = {key[1:]: prior.at for key, prior in c.priors.items() if key[0] == "corr"}
    found: dict[Key, float] = {}
    elsewhere = [pair for seen in c.seen.values() for pair in (*seen.corr, *seen.covariance)]
    for pair in dict.fromkeys([*c.corr, *c.covariance, *estimated, *elsewhere]):
        symbols = [c.shocks.get(name) or c.variables[name] for name in pair]
        if len({name in c.shocks for name in pair}) == 2:
            message = f"{pair[0]} and {pair[1]} cannot be correlated: one is a shock, one a measurement error"
            raise c.source.error(message, estimated.get(pair, symbols[0].at))
        covariance = c.covariance.get(pair)
        if covariance is None or pair in estimated or (pair in c.corr and c.priors):
            found["corr", *pair] = c.corr.get(pair, 0.0)
        elif any(("stderr", name) in c.priors for name in pair):
            found["covariance", *pair] = covariance  # stays what it is, whatever the variances
        else:
            scale = c.stderr.get(pair[0], 0.0) * c.stderr.get(pair[1], 0.0)
            if abs(covariance) > scale * (1 + _ROUNDING):
                message = f"the covariance of {pair[0]} and {pair[1]} is larger than their variances allow"
                raise c.source.error(message, symbols[0].at)
            found["corr", *pair] = max(-1.0, min(1.0, covariance / scale)) if scale else 0.0
    return found


def _require_correlations(fields: Fields, values: dict[Key, float]) -> None:
    """Raise for given correlations that no shocks or errors can have; estimated ones are judged at each draw."""
    for names in (fields.correlated, fields.measurement_errors):
        pairs = [key for key in values if key[0] in ("corr", "covariance") and set(key[1:]) <= set(names)]
        if not pairs or any(key in fields.contents.priors or key[0] == "covariance" for key in pairs):
            continue
        matrix = np.eye(len(names))
        for _, a, b in pairs:
            i, k = names.index(a), names.index(b)
            matrix[i, k] = matrix[k, i] = values["corr", a, b]
        if np.linalg.eigvalsh(matrix)[0] > _DEFINITE:
            continue
        if np.isnan(semidefinite_cholesky(jnp.asarray(matrix))).any():
            raise fields.contents.source.error(
                f"the correlations of {', '.join(names)} are those of no random variables: their matrix is not "
                f"positive semidefinite (smallest eigenvalue {np.linalg.eigvalsh(matrix)[0]:.3g})",
                (fields.contents.shocks.get(names[0]) or fields.contents.variables[names[0]]).at,
            )


def _measured_with_error(c: Contents) -> list[str]:
    estimated = {n: p.at for key, p in c.priors.items() if key[0] in ("stderr", "corr") for n in p.names}
    elsewhere = [name for seen in c.seen.values() for name in seen.stderr]
    noisy = [name for name in [*c.stderr, *estimated, *elsewhere] if name in c.variables]
    noisy += [name for pair in [*c.corr, *c.covariance] for name in pair if name in c.variables]
    observed = [name.name for name in c.observables]
    for name in noisy:
        if name not in observed:
            message = f"'{name}' has a measurement error but is not in 'varobs'"
            raise c.source.error(message, estimated.get(name, c.variables[name].at))
    return [name for name in observed if name in noisy]
