"""Whether a distribution can be a prior, where its middle is, and what its bounds leave of it."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution, biject_to

from estim.improper import Flat
from estim.priors import Names, PriorError
from estim.truncated import Truncated
from estim.typing import ParamValues


def check_prior(names: Names, prior: Any) -> None:
    """Make sure that a distribution can be a prior: continuous, of the right shape, and one can draw from it.

    Raises:
        PriorError: it cannot; the message names the parameter and says why.
    """
    own = (names,) if isinstance(names, str) else tuple(names)
    whose = f"the prior of {', '.join(repr(name) for name in own)}"
    if not isinstance(prior, Distribution):
        raise PriorError(f"{whose} is {prior!r}, not a NumPyro distribution")
    kind = type(prior).__name__
    expected = () if isinstance(names, str) else (len(own),)
    if prior.shape() != expected:
        raise PriorError(
            f"{whose}, {kind}, has draws of shape {prior.shape()}, not {expected}; a vector's components are "
            "given together under a tuple of names"
        )
    if prior.is_discrete or isinstance(prior, dist.Delta):
        raise PriorError(f"{whose}, {kind}, is discrete; an estimated parameter needs a density")
    innermost = prior
    while isinstance(getattr(innermost, "base_dist", None), Distribution):
        innermost = innermost.base_dist
    if type(innermost).sample is Distribution.sample:
        raise PriorError(
            f"{whose}, {kind}, cannot be drawn from (is it improper?); give a proper one, however wide"
        )
    try:
        biject_to(prior.support)
    except (NotImplementedError, KeyError):
        raise PriorError(
            f"{whose}, {kind}, has a support that no transform leads onto: {prior.support}"
        ) from None
    if _traced(prior):
        return
    numbers = [np.asarray(leaf) for leaf in jax.tree.leaves(prior)]
    if any(np.isnan(array).any() for array in numbers if np.issubdtype(array.dtype, np.floating)):
        raise PriorError(f"{whose}, {kind}, has a parameter that is not a number")


def log_mass(prior: Distribution) -> float:
    """ln of the integral of a prior's density: zero but for bounds that cut it off without renormalising."""
    base = getattr(prior, "base_dist", None)
    inner = log_mass(base) if isinstance(base, Distribution) else 0.0
    if isinstance(prior, Truncated) and not prior.renormalise:
        return inner + math.log(float(prior.mass))
    return inner


def centre(prior: Distribution) -> np.ndarray:
    """A value in the midst of a prior: its mean, or the median of 2,001 draws where there is no finite mean inside."""
    try:
        mean = np.asarray(prior.mean, float)
        if _inside(prior, mean):
            return mean
    except NotImplementedError:
        pass
    draws = np.asarray(prior.sample(jax.random.key(0), (2001,)), float)
    median = np.median(draws, axis=0)
    return median if _inside(prior, median) else draws[0]


def _inside(prior: Distribution, value: np.ndarray) -> bool:
    """Whether a value lies in the support and not at its end, where the position would be infinite."""
    if not (np.all(np.isfinite(value)) and np.all(np.asarray(prior.support(jnp.asarray(value))))):
        return False
    ends = [getattr(prior.support, end, None) for end in ("lower_bound", "upper_bound")]
    if any(end is not None for end in ends):  # by its ends, which serves where a caller is tracing, too
        return all(end is None or bool(np.all(value != np.asarray(end))) for end in ends)
    return bool(np.all(np.isfinite(np.asarray(biject_to(prior.support).inv(jnp.asarray(value))))))


def begin_at(priors: Mapping[Names, Distribution], start: ParamValues) -> dict[str, Any]:
    """A value for each name: that in `start`, else the prior mean (the median where no mean is finite).

    A start at the very end of a support, where its position would be infinite, is moved inside by a thousandth of
    the way to the centre, of a half-line by a thousandth.

    Raises:
        PriorError: a start outside the support of its prior.
    """
    values: dict[str, Any] = {}
    for names, prior in priors.items():
        own = (names,) if isinstance(names, str) else tuple(names)
        if _traced((prior, [start.get(name) for name in own])):  # of numbers to be nothing is known
            values |= {} if set(own) <= start.keys() else spread(names, prior.mean)
            values |= {name: start[name] for name in own if name in start}
            continue
        with jax.ensure_compile_time_eval():
            values |= _begin_at(names, prior, start)
    return values


def _begin_at(names: Names, prior: Distribution, start: ParamValues) -> dict[str, Any]:
    own = (names,) if isinstance(names, str) else tuple(names)
    listed = {name: start[name] for name in own if name in start}
    begun = gather(names, listed if len(listed) == len(own) else spread(names, centre(prior)) | listed)
    if not _inside(prior, begun):
        middle = begun + prior.inward if isinstance(prior, Flat) else centre(prior)
        if not np.all(np.isfinite(begun)) or not _inside(prior, begun + 1e-9 * (middle - begun)):
            given = ", ".join(f"{n} = {x:g}" for n, x in zip(own, np.atleast_1d(begun), strict=True))
            raise PriorError(f"the start {given} lies outside the support of its prior, {prior.support}")
        begun = begun + 1e-3 * (middle - begun)
    return spread(names, begun)


def _traced(tree: Any) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def gather(names: Names, values: ParamValues) -> np.ndarray:
    """The argument of the distribution with these names, ``[]`` or ``[n]``, from numbers by name."""
    return np.asarray(values[names] if isinstance(names, str) else [values[name] for name in names], float)


def spread(names: Names, value: Any) -> dict[str, Any]:
    """The components of a draw ``[..., ]`` or ``[..., n]`` by the names of their parameters."""
    if isinstance(names, str):
        return {names: value}
    return {name: value[..., i] for i, name in enumerate(names)}
