"""The fields of Params: Dynare's parameters, then standard deviations and correlations of shocks
and measurement errors, each calibrated or with its prior."""

import math
from dataclasses import dataclass

from estim.dynare.contents import Contents
from estim.dynare.identifiers import Identifiers
from estim.dynare.printer import as_float, number
from estim.dynare.priors import prior_source, start
from estim.dynare.system import System

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
        given: dict[Key, float] = {("parameter", n): v for n, v in self.contents.values.items()}
        given |= {("stderr", n): v for n, v in self.contents.stderr.items()}
        given |= {("corr", *pair): v for pair, v in self.contents.corr.items()}
        return {self.identifiers[key]: given[key] for key in self.contents.priors if key in given}

    @property
    def correlated(self) -> list[str]:
        """The shocks that have a correlation, in the order of their declaration."""
        return [shock for shock in self.contents.shocks if shock in self._paired]

    @property
    def correlated_errors(self) -> bool:
        """Are there measurement errors that have a correlation?"""
        return any(name in self._paired for name in self.measurement_errors)

    @property
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
    values |= {("stderr", name): c.stderr.get(name, 0.0) for name in noisy}
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
    return Fields(
        contents=c,
        identifiers=identifiers,
        defaults={k: prior_source(c, p) if (p := priors[k]) else as_float(number(v)) for k, v in values.items()},
        comments={k: c.parameters[k[1]].long_name if k[0] == "parameter" else "" for k in values},
        start={identifiers[k]: x for k, p in priors.items() if p and math.isfinite(x := start(p))},
    )


def _correlations(c: Contents) -> dict[Key, float]:
    estimated = {key[1:]: prior.at for key, prior in c.priors.items() if key[0] == "corr"}
    found: dict[Key, float] = {}
    for pair in dict.fromkeys([*c.corr, *c.covariance, *estimated]):
        symbols = [c.shocks.get(name) or c.variables[name] for name in pair]
        if len({name in c.shocks for name in pair}) == 2:
            message = f"{pair[0]} and {pair[1]} cannot be correlated: one is a shock, one a measurement error"
            raise c.source.error(message, estimated.get(pair, symbols[0].at))
        covariance = c.covariance.get(pair)
        if covariance is None or pair in estimated:
            found["corr", *pair] = c.corr.get(pair, 0.0)
        elif any(("stderr", name) in c.priors for name in pair):
            found["covariance", *pair] = covariance  # stays what it is, whatever the variances
        elif covariance:
            scale = c.stderr.get(pair[0], 0.0) * c.stderr.get(pair[1], 0.0)
            if abs(covariance) > scale:
                message = f"the covariance of {pair[0]} and {pair[1]} is larger than their variances allow"
                raise c.source.error(message, symbols[0].at)
            found["corr", *pair] = covariance / scale
    return found


def _measured_with_error(c: Contents) -> list[str]:
    estimated = {n: p.at for key, p in c.priors.items() if key[0] in ("stderr", "corr") for n in p.names}
    noisy = [name for name in [*c.stderr, *estimated] if name in c.variables]
    noisy += [name for pair in [*c.corr, *c.covariance] for name in pair if name in c.variables]
    observed = [name.name for name in c.observables]
    for name in noisy:
        if name not in observed:
            message = f"'{name}' has a measurement error but is not in 'varobs'"
            raise c.source.error(message, estimated.get(name, c.variables[name].at))
    return [name for name in observed if name in noisy]
