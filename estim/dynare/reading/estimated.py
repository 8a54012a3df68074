"""The blocks that say what is estimated: `estimated_params`, its initial values and its bounds."""

import math
from collections.abc import Iterator

from estim.dynare.reading.contents import Contents, Prior
from estim.dynare.reading.syntax import Estimated, Expression, Name, Statement, Symbol

DSGE_VAR = "dsge_prior_weight"
"""What a DSGE-VAR estimates beside the model's parameters."""

_SHAPES = {
    "beta_pdf": "beta",
    "gamma_pdf": "gamma",
    "normal_pdf": "normal",
    "uniform_pdf": "uniform",
    "inv_gamma_pdf": "inverse_gamma_1",
    "inv_gamma1_pdf": "inverse_gamma_1",
    "inv_gamma2_pdf": "inverse_gamma_2",
    "weibull_pdf": "weibull",
}


def _target(c: Contents, entry: Estimated) -> tuple[str, ...]:
    for name in entry.names:
        roles = ("parameters",) if entry.kind == "parameter" else ("shocks", "variables")
        c.require(name, entry.at, *roles)
    return (entry.kind, *sorted(entry.names))


def estimated_params(c: Contents, s: Statement) -> None:
    if s.option("overwrite") is not None:
        c.priors = {}
    for entry in s.items:
        if entry.names == (DSGE_VAR,) and c.role(DSGE_VAR) is None:
            c.parameters[DSGE_VAR] = Symbol(DSGE_VAR, "weight of the model as a prior of a VAR", entry.at)
        key = _target(c, entry)
        if key in c.priors:
            raise c.source.error(f"'{' '.join(entry.names)}' has two priors", entry.at)
        c.priors[key] = _prior(c, entry)


def _prior(c: Contents, entry: Estimated) -> Prior:
    """``[init [, low, high]] [, shape, mean, std [, third [, fourth [, scale]]]]``"""
    shapes = [
        i for i, f in enumerate(entry.fields) if isinstance(f, Name) and f.name.lower().endswith("_pdf")
    ]
    prior = Prior(entry.kind, entry.names, entry.at)
    at = shapes[0] if shapes else len(entry.fields)
    before, after = _numbers(c, entry.fields[:at]), _numbers(c, entry.fields[at + 1 :])
    if len(shapes) > 1 or len(before) not in (0, 1, 3) or len(after) > 5:
        raise c.source.error(
            "expected: name, [initial value, [lower bound, upper bound,]] shape, mean, standard deviation "
            "[, 3rd parameter [, 4th parameter]]",
            entry.at,
        )
    prior.start, prior.low, prior.high = (*before, *[math.nan] * (3 - len(before)))
    if not shapes:
        return prior
    shape = entry.fields[at]
    assert isinstance(shape, Name)
    if shape.name.lower() not in _SHAPES:
        raise c.unknown(shape.name, shape.at, _SHAPES)
    prior.shape = _SHAPES[shape.name.lower()]
    prior.mean, prior.std, prior.third, prior.fourth = (*after, *[math.nan] * 4)[:4]
    return prior


def _numbers(c: Contents, fields: tuple[Expression | None, ...]) -> list[float]:
    return [math.nan if f is None else c.evaluate(f) for f in fields]


def estimated_params_init(c: Contents, s: Statement) -> None:
    for entry in _of_priors(c, s):
        prior = _existing(c, entry, 1)
        (prior.start,) = _numbers(c, entry.fields)
    if s.option("use_calibration") is not None:
        for prior in c.priors.values():
            if math.isnan(prior.start):
                prior.start = calibrated(c, prior)


def estimated_params_remove(c: Contents, s: Statement) -> None:
    for entry in s.items:
        _existing(c, entry, 0)
        del c.priors[_target(c, entry)]


def estimated_params_bounds(c: Contents, s: Statement) -> None:
    for entry in _of_priors(c, s):
        prior = _existing(c, entry, 2)
        prior.low, prior.high = _numbers(c, entry.fields)


def _of_priors(c: Contents, s: Statement) -> Iterator[Estimated]:
    """The entries of what is estimated; others say nothing, as in Dynare."""
    for entry in s.items:
        if _target(c, entry) in c.priors:
            yield entry
        else:
            c.warn(f"skipped: '{' '.join(entry.names)}' is not in 'estimated_params'", entry.at)


def _existing(c: Contents, entry: Estimated, count: int) -> Prior:
    key = _target(c, entry)
    if key not in c.priors:
        raise c.source.error(f"'{' '.join(entry.names)}' is not in 'estimated_params'", entry.at)
    if len(entry.fields) != count:
        raise c.source.error(f"expected {count} number(s) after '{' '.join(entry.names)}'", entry.at)
    return c.priors[key]


def calibrated(c: Contents, prior: Prior) -> float:
    """The value that the file assigns to what is estimated, NaN where it assigns none."""
    match prior.kind:
        case "stderr":
            return c.stderr.get(prior.names[0], math.nan)
        case "corr":
            return c.corr.get(tuple(sorted(prior.names)), math.nan)
    return c.values.get(prior.names[0], math.nan)
