"""A distribution between two bounds."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from numpyro.distributions import Distribution, biject_to, constraints
from scipy.special import betainc, gammainc, gammaincc, ndtr

from estim.typing import Array, Key


class Truncated(Distribution):
    """A distribution restricted to [low, high]; see `estim.priors.truncated`."""

    arg_constraints: dict = {}  # noqa: RUF012
    pytree_data_fields = ("base_dist", "_support", "_log_height")
    pytree_aux_fields = ("renormalise",)

    def __init__(self, base: Distribution, low: float, high: float, renormalise: bool):
        self.base_dist, self.renormalise = base, renormalise
        if math.isinf(high):
            self._support = constraints.greater_than_eq(low)
        elif math.isinf(low):
            self._support = constraints.less_than_eq(high)
        else:
            self._support = constraints.interval(low, high)
        mass = self.mass if renormalise else np.ones(())
        self._log_height = -(jnp if isinstance(mass, jax.core.Tracer) else np).log(mass)
        super().__init__()

    @property
    def mass(self) -> Array:
        """The probability of [low, high] under the whole distribution."""
        return self._cdf_at("upper_bound", 1.0) - self._cdf_at("lower_bound", 0.0)

    def _cdf_at(self, bound: str, without: float) -> Any:
        if not hasattr(self._support, bound):
            return without
        return distribution_function(self.base_dist, getattr(self._support, bound))

    @property
    def support(self) -> constraints.Constraint:
        return self._support

    def log_prob(self, value: Any) -> Array:
        value = jnp.asarray(value)
        inside = self._support(value) & self.base_dist.support(value)
        x = jnp.where(inside, value, self._support.feasible_like(value))
        return jnp.where(inside, self.base_dist.log_prob(x) + self._log_height, -jnp.inf)

    def cdf(self, value: Any) -> Array:
        """Of the restricted distribution, for a value in the support."""
        return (self.base_dist.cdf(value) - self._cdf_at("lower_bound", 0.0)) / self.mass

    @jax.jit
    def icdf(self, q: Any) -> Array:
        """Quantiles, by bisection in unconstrained space (needs nothing but the base's cdf)."""
        constrain, q = biject_to(self._support), jnp.asarray(q)
        aim = self._cdf_at("lower_bound", 0.0) + q * self.mass

        def halve(_: int, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
            left, right = bracket
            middle = 0.5 * (left + right)
            below = self.base_dist.cdf(constrain(middle)) < aim
            return jnp.where(below, middle, left), jnp.where(below, right, middle)

        bottom = -50.0 if hasattr(self._support, "lower_bound") else 50.0  # x = high - exp(z) falls in z
        ends = jnp.full(q.shape, bottom), jnp.full(q.shape, -bottom)
        left, right = jax.lax.fori_loop(0, 60, halve, ends)
        return constrain(0.5 * (left + right))

    def sample(self, key: Key, sample_shape: tuple[int, ...] = ()) -> Array:
        return self.icdf(jax.random.uniform(key, sample_shape))

    @property
    def mean(self) -> Array:
        return self._moments()[0]

    @property
    def variance(self) -> Array:
        return self._moments()[1]

    @jax.jit
    def _moments(self) -> tuple[Array, Array]:
        """Mean and variance by the trapezoidal rule in unconstrained space z.

        The integrand decays exponentially on both sides, so that the rule converges geometrically
        (Trefethen and Weideman 2014); two coarse passes find where the density is not negligible.
        """
        constrain = biject_to(self._support)
        left, right = jnp.asarray(-50.0), jnp.asarray(50.0)
        for _ in range(3):
            z = jnp.linspace(left, right, 401)
            x = constrain(z)
            logweight = jax.vmap(self.log_prob)(x) + constrain.log_abs_det_jacobian(z, x)
            matters = logweight > jnp.max(logweight) - 50.0
            left = jnp.min(jnp.where(matters, z, z[-2])) - (z[1] - z[0])
            right = jnp.max(jnp.where(matters, z, z[1])) + (z[1] - z[0])
        weight = jnp.exp(logweight - jnp.max(logweight))
        mean = jnp.sum(weight * x) / jnp.sum(weight)
        return mean, jnp.sum(weight * (x - mean) ** 2) / jnp.sum(weight)


BY_SCIPY = {
    dist.Normal: lambda d, x: ndtr((x - d.loc) / d.scale),
    dist.Gamma: lambda d, x: gammainc(d.concentration, d.rate * x),
    dist.InverseGamma: lambda d, x: gammaincc(d.concentration, d.rate / x) if x > 0 else 0.0,
    dist.Beta: lambda d, x: betainc(d.concentration1, d.concentration0, x),
}
"""Distribution functions of known numbers: a prior need not wait until a program is compiled for its family."""


def distribution_function(base: Distribution, value: Any) -> Any:
    """P(X <= value) at a point of the support or its end, by SciPy where all is known and the family has a row.

    Raises:
        NotImplementedError: the family has no distribution function.
    """
    known = not any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves((base, value)))
    if not (known and type(base) in BY_SCIPY):
        return _compiled(base, value)
    return BY_SCIPY[type(base)](base, value)


@jax.jit
def _compiled(base: Distribution, value: Any) -> Array:
    """One compiled program a family, where op by op there are a dozen."""
    return base.cdf(value)
