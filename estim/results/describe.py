"""A model, its prior and the machine in words and numbers that JSON knows."""

import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from numpyro.distributions import Distribution

from estim.model import Model
from estim.priors import Component
from estim.specification import Specification

_PACKAGES = (
    *("estim", "jax", "jaxlib", "numpyro", "blackjax", "flax", "optax"),
    *("numpy", "scipy", "pandas", "arviz"),
)


_DECIDE = ("estim", "jax", "jaxlib", "numpyro", "blackjax", "flax", "optax", "numpy", "scipy")


def describe_model(model: Specification) -> dict[str, Any]:
    """Names, reference, priors and calibrated values of a model; its equations, if it is written as such."""
    defaults, labels = model.params(), getattr(model, "labels", {})
    equations = model.equations_in_tex() if isinstance(model, Model) else {}
    names = lambda kind: list(getattr(getattr(model, kind, None), "_fields", ()))
    calibrated = [n for n in model.param_names if n not in model.estimated]
    return {
        "name": model.name,
        "reference": model.reference,
        "variables": names("variables"),
        "shocks": names("shocks"),
        "observables": names("observables"),
        "prior": [{"name": n, **describe_prior(getattr(model.prior, n))} for n in model.estimated],
        "equations": equations,
        "labels": {name: words for name, (words, _) in labels.items() if words},
        "symbols": {name: tex for name, (_, tex) in labels.items() if tex},
        "published": {n: float(v) for n, v in model.published.items() if n in model.estimated},
        "calibrated": {n: float(getattr(defaults, n)) for n in calibrated},
    }


def describe_prior(prior: Distribution | Component) -> dict[str, Any]:
    """The family in words, with its bounds unless it is the half-line from zero, and mean and standard deviation.

    A moment that does not exist is None.
    """
    distribution, place = prior if isinstance(prior, Component) else (prior, ())
    base = getattr(distribution, "base_dist", distribution)
    family = re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", type(base).__name__).lower()
    low = float(getattr(distribution.support, "lower_bound", -np.inf))
    high = float(getattr(distribution.support, "upper_bound", np.inf))
    if np.isfinite(low) and np.isfinite(high):
        family += f" [{low:g}, {high:g}]"
    elif np.isfinite(high):
        family += f" up to {high:g}"
    elif np.isfinite(low) and low != 0:
        family += f" from {low:g}"
    mean, variance = (np.asarray(moment)[place] for moment in (distribution.mean, distribution.variance))
    moments = {"mean": float(mean), "std": float(np.sqrt(variance))}
    return {"family": family, **{k: v if np.isfinite(v) else None for k, v in moments.items()}}


def describe_environment() -> dict[str, Any]:
    """Date, machine and versions."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.system()} {platform.machine()}, {jax.local_device_count()} × {jax.default_backend()}",
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }


def versions_that_matter(environment: dict[str, Any]) -> dict[str, str]:
    """Of what `describe_environment` returns: the versions of the packages that numbers come from."""
    versions = environment.get("versions", {})
    return {name: versions[name] for name in _DECIDE if name in versions}
