"""Matlab's distribution functions, with its parameters: ``NAMEpdf``, ``NAMEcdf``, ``NAMEinv`` of each family."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy

_FAMILIES: dict[str, Callable[..., Any]] = {
    "norm": lambda mean=0.0, std=1.0: scipy.stats.norm(mean, std),
    "logn": lambda mean=0.0, std=1.0: scipy.stats.lognorm(std, scale=np.exp(mean)),
    "gam": lambda shape, scale=1.0: scipy.stats.gamma(shape, scale=scale),
    "beta": lambda a, b: scipy.stats.beta(a, b),
    "exp": lambda mean=1.0: scipy.stats.expon(scale=mean),
    "unif": lambda low=0.0, high=1.0: scipy.stats.uniform(low, high - low),
    "t": lambda freedom: scipy.stats.t(freedom),
    "chi2": lambda freedom: scipy.stats.chi2(freedom),
    "f": lambda first, second: scipy.stats.f(first, second),
    "wbl": lambda scale=1.0, shape=1.0: scipy.stats.weibull_min(shape, scale=scale),
}
"""By Matlab's word: its parameters, in its order and with its defaults -> the distribution."""


def _function(family: Callable[..., Any], method: str) -> Callable[..., Any]:
    return lambda x, *parameters: getattr(family(*parameters), method)(x)


DISTRIBUTIONS: dict[str, Callable[..., Any]] = {
    f"{word}{kind}": _function(family, method)
    for word, family in _FAMILIES.items()
    for kind, method in (("pdf", "pdf"), ("cdf", "cdf"), ("inv", "ppf"))
}
"""Functions of each element."""
