"""A flat prior without bounds: the density of maximum likelihood, which has a mode and no draws."""

import math
from typing import Any

import jax.numpy as jnp
from numpyro.distributions import Distribution, Uniform, constraints

from estim.arguments import ArgumentError, Number, checked


class Flat(Distribution):
    """A density of one on a half-line or the whole line: no distribution, so that nothing can be drawn from it."""

    arg_constraints: dict = {}  # noqa: RUF012
    pytree_data_fields = ("_support",)

    def __init__(self, low: float = -math.inf, high: float = math.inf):
        if math.isfinite(low):
            self._support = constraints.greater_than_eq(low)
        else:
            self._support = constraints.less_than_eq(high) if math.isfinite(high) else constraints.real
        super().__init__()

    @property
    def support(self) -> constraints.Constraint:
        return self._support

    @property
    def inward(self) -> float:
        """The direction from the end of a half-line."""
        return -1.0 if hasattr(self._support, "upper_bound") else 1.0

    def log_prob(self, value: Any) -> Any:
        return jnp.where(self._support(value), 0.0, -jnp.inf)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Any:
        raise ArgumentError(
            "a flat prior without bounds has no draws: give the parameter a prior or bounds, or look for the mode only"
        )

    @property
    def mean(self) -> Any:
        return jnp.nan

    @property
    def variance(self) -> Any:
        return jnp.inf


@checked
def flat(low: Number = -math.inf, high: Number = math.inf) -> Distribution:
    """Flat prior on [low, high], of height one where an end is infinite (maximum likelihood).

    Args:
        low: lower bound.
        high: upper bound.

    Returns:
        A uniform distribution between finite bounds; else a density without draws, for modes only.
    """
    if not low < high:
        raise ArgumentError(f"flat(low={low}, high={high}): low must be below high")
    if math.isfinite(low) and math.isfinite(high):
        return Uniform(float(low), float(high))
    return Flat(float(low), float(high))
