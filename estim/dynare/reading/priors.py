"""Dynare's priors as calls of `estim.priors`, in Dynare's own conventions.

Reference manual, `estimated_params`: a third parameter shifts the support of a gamma, inverse
gamma or Weibull prior; the third and fourth are the ends of a beta or uniform one. Bounds cut a
prior off without renormalising it. So does zero that of a standard deviation: its sign does not enter the
likelihood, and below zero the posterior would be what it is above, a second time.
"""

import math

from estim.dynare.reading.contents import Contents, Prior
from estim.dynare.writing.printer import number


def prior_source(c: Contents, prior: Prior) -> str:
    """Source of the prior, for example ``priors.beta(0.5, 0.2)``.

    Raises:
        ModFileError: a field that the shape needs is empty or makes no sense.
    """
    if prior.shape is None:
        low = 0.0 if prior.kind == "stderr" and math.isnan(prior.low) else prior.low
        low, high = (
            (-math.inf if math.isnan(low) else low),
            (math.inf if math.isnan(prior.high) else prior.high),
        )
        if math.isfinite(low) and math.isfinite(high):
            return _call("uniform", low, high)
        ends = {"low": low, "high": high}
        return f"priors.flat({', '.join(f'{k}={number(v)}' for k, v in ends.items() if math.isfinite(v))})"
    source = _shaped(c, prior)
    if _reaches_below_zero(prior):
        c.warn(
            f"the prior of the standard deviation of '{' '.join(prior.names)}' reaches below zero: cut off there",
            prior.at,
        )
    bounds = [f"{end}={number(value)}" for end, value in _binding(prior).items()]
    return f"priors.truncated({source}, {', '.join(bounds)}, renormalise=False)" if bounds else source


def start(prior: Prior) -> float:
    """The initial value, or NaN: the mean of the prior where bounds cut it off (the default, the mean
    of what is left, would differ from Dynare's)."""
    return prior.mean if math.isnan(prior.start) and _binding(prior) else prior.start


def _reaches_below_zero(prior: Prior) -> bool:
    return prior.kind == "stderr" and _support(prior)[0] < 0.0 and not prior.low >= 0.0


def _support(prior: Prior) -> tuple[float, float]:
    third = 0.0 if math.isnan(prior.third) else prior.third
    fourth = 1.0 if math.isnan(prior.fourth) else prior.fourth
    if prior.shape == "uniform" and math.isnan(prior.third):
        half = math.sqrt(3.0) * prior.std
        return prior.mean - half, prior.mean + half
    return {
        "beta": (third, fourth),
        "uniform": (prior.third, prior.fourth),
        "normal": (-math.inf, math.inf),
    }.get(prior.shape or "", (third, math.inf))


def _binding(prior: Prior) -> dict[str, float]:
    """The bounds that cut something off the prior's support."""
    support = _support(prior)
    bounds = {"low": 0.0 if _reaches_below_zero(prior) else prior.low, "high": prior.high}
    cuts = {"low": not prior.low <= support[0], "high": not prior.high >= support[1]}
    return {end: value for end, value in bounds.items() if math.isfinite(value) and cuts[end]}


def _shaped(c: Contents, prior: Prior) -> str:
    shape = prior.shape or "uniform"
    mean, std, third, fourth = prior.mean, prior.std, prior.third, prior.fourth
    if shape == "uniform":
        return _uniform(c, prior)
    for name, value in (("mean", mean), ("standard deviation", std)):
        if math.isnan(value):
            raise c.source.error(f"the {shape} prior of '{' '.join(prior.names)}' has no {name}", prior.at)
    low = 0.0 if math.isnan(third) else third
    if shape == "normal":
        if not all(math.isnan(x) or math.isinf(x) for x in (third, fourth)):
            c.warn(
                f"a normal prior has no third and fourth parameter ('{' '.join(prior.names)}'): ignored",
                prior.at,
            )
        return _call("normal", mean, std)
    if shape == "beta":
        high = 1.0 if math.isnan(fourth) else fourth
        return _call("beta", mean, std, *([] if (low, high) == (0.0, 1.0) else [low, high]))
    if shape in ("gamma", "weibull"):
        return _call(shape, mean, std, *([] if low == 0.0 else [low]))
    source = _call(shape, mean - low, std)
    return source if low == 0.0 else f"priors.Affine({source}, {number(low)}, 1.0)"


def _uniform(c: Contents, prior: Prior) -> str:
    """By its ends or by its mean and standard deviation, not by both."""
    moments, ends = (prior.mean, prior.std), (prior.third, prior.fourth)
    given = [not any(map(math.isnan, pair)) for pair in (moments, ends)]
    if given == [True, True] or not any(given):
        raise c.source.error(
            f"the uniform prior of '{' '.join(prior.names)}' needs a mean and standard deviation, or two ends",
            prior.at,
        )
    half = math.sqrt(3.0) * prior.std
    return _call("uniform", *(ends if given[1] else (prior.mean - half, prior.mean + half)))


def _call(name: str, *arguments: float) -> str:
    return f"priors.{name}({', '.join(number(a) if math.isfinite(a) else 'inf' for a in arguments)})"
