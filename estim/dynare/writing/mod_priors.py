"""Priors as lines of `estimated_params`, in Dynare's conventions (its reference manual)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution

from estim.dynare.writing.mod_arithmetic import number
from estim.priors import Affine, InverseGamma1
from estim.truncated import Truncated


class Row(NamedTuple):
    """Dynare's name of a family, and whether its line gives the ends of the support."""

    name: str
    ends: Callable[[Any, float, float], tuple[float, ...]] = lambda prior, low, width: ()
    moments: bool = True


_LOW = lambda prior, low, width: (low,) if low else ()
_BOTH = lambda prior, low, width: (low, low + width) if (low, width) != (0.0, 1.0) else ()

FAMILIES: dict[type, Row] = {
    dist.Normal: Row("normal_pdf"),
    dist.Beta: Row("beta_pdf", _BOTH),
    dist.Gamma: Row("gamma_pdf", _LOW),
    InverseGamma1: Row("inv_gamma_pdf", _LOW),
    dist.InverseGamma: Row("inv_gamma2_pdf", _LOW),
    dist.Uniform: Row(
        "uniform_pdf", lambda prior, low, width: (low + width * prior.low, low + width * prior.high), False
    ),
}


def prior_line(prior: Distribution) -> str | None:
    """``beta_pdf, 0.5, 0.2`` after the bounds that cut it off; None of a family that Dynare does not have."""
    bounds = ", , "
    if isinstance(prior, Truncated):
        ends = (getattr(prior.support, end, np.nan) for end in ("lower_bound", "upper_bound"))
        bounds = ", ".join("" if not np.isfinite(end) else _text(end) for end in ends) + ", "
        prior = prior.base_dist
    low, width, base = 0.0, 1.0, prior
    if isinstance(prior, Affine):
        low, width = float(prior.transforms[0].loc), float(prior.transforms[0].scale)
        base = prior.base_dist
    row = FAMILIES.get(type(base))
    if row is None or (width != 1.0 and row.name not in ("beta_pdf", "uniform_pdf")):
        return None
    with np.errstate(divide="ignore"):
        moments = (prior.mean, np.sqrt(prior.variance)) if row.moments else ("", "")
    return bounds + ", ".join([row.name, *map(_text, (*moments, *row.ends(base, low, width)))])


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return number(float(value)).text if np.isfinite(value) else "inf"
