"""Prior distributions in the units economists use: the mean and the standard deviation.

Every constructor returns a NumPyro distribution of one number and raises ArgumentError when no
distribution has the requested moments. Densities follow Dynare's conventions (its reference
manual, section "Estimation based on likelihood"), so that a prior can be carried over as it is.
`jointly` hands a distribution of several numbers to as many parameters.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jax.scipy.special import gammaincc, gammaln
from numpyro.distributions import Distribution, biject_to, constraints
from numpyro.distributions.transforms import AffineTransform
from scipy.special import gammaincc as gammaincc_of_numbers
from scipy.special import poch

from estim.arguments import ArgumentError, Number, checked
from estim.improper import flat as flat
from estim.truncated import BY_SCIPY, Truncated
from estim.typing import Array, Key


@checked
def normal(mean: Number, std: Number) -> Distribution:
    """Normal prior."""
    _require(std > 0, f"normal(mean={mean}, std={std}): std must be positive")
    return dist.Normal(float(mean), float(std))


@checked
def uniform(low: Number, high: Number) -> Distribution:
    """Uniform prior on [low, high]."""
    _require(-math.inf < low < high < math.inf, f"uniform(low={low}, high={high}): low must be below high")
    return dist.Uniform(float(low), float(high))


@checked
def beta(mean: Number, std: Number, low: Number = 0.0, high: Number = 1.0) -> Distribution:
    """Beta prior on (low, high); `mean` and `std` are those of the parameter itself."""
    call = f"beta(mean={mean}, std={std}, low={low}, high={high})"
    _require(low < mean < high, f"{call}: the mean must lie between low and high")
    largest = math.sqrt((mean - low) * (high - mean))
    _require(
        0 < std < largest,
        f"{call}: std must be positive and below {largest:.6g}, the largest a beta with this mean can have",
    )
    share = (mean - low) / (high - low)
    concentration = (largest / std) ** 2 - 1.0
    base = dist.Beta(np.asarray(share * concentration), np.asarray((1.0 - share) * concentration))
    return base if (low, high) == (0.0, 1.0) else Affine(base, low, high - low)


@checked
def gamma(mean: Number, std: Number, low: Number = 0.0) -> Distribution:
    """Gamma prior on (low, inf); `mean` and `std` are those of the parameter itself."""
    _positive_part("gamma", mean, std, low)
    shape = ((mean - low) / std) ** 2
    return _shift(dist.Gamma(shape, shape / (mean - low)), low)


@checked
def weibull(mean: Number, std: Number, low: Number = 0.0) -> Distribution:
    """Weibull prior on (low, inf); `mean` and `std` are those of the parameter itself."""
    call = _positive_part("weibull", mean, std, low)
    # (std/mean)^2 + 1 = Gamma(1 + 2/k) / Gamma(1 + 1/k)^2 falls in the shape k.
    ratio = math.log1p((std / (mean - low)) ** 2)
    shape = _solve(lambda k: math.lgamma(1 + 2 / k) - 2 * math.lgamma(1 + 1 / k) - ratio, 0.02, 1e4, call)
    return _shift(dist.Weibull((mean - low) / math.gamma(1 + 1 / shape), shape), low)


@checked
def inverse_gamma_1(mean: Number, std: Number) -> Distribution:
    """Inverse gamma prior of the first kind, on a standard deviation; `std` may be infinite."""
    call = _positive_part("inverse_gamma_1", mean, std)
    if math.isinf(std):  # nu = 2: Gamma(1/2) = sqrt(pi), hence mean = sqrt(pi s / 2)
        return InverseGamma1(s=2.0 * mean**2 / math.pi, nu=2.0)

    def s_given(nu: float) -> float:  # mean = sqrt(s/2) Gamma((nu-1)/2) / Gamma(nu/2)
        return 2.0 * (mean * poch((nu - 1) / 2, 0.5)) ** 2

    # E[x^2] = s / (nu - 2) = mean^2 + std^2; solved in log(nu - 2), as nu comes close to 2.
    second_moment = math.log(mean**2 + std**2)
    log_excess = _solve(
        lambda t: math.log(s_given(2.0 + math.exp(t))) - t - second_moment, -30.0, math.log(1e6), call
    )
    nu = 2.0 + math.exp(log_excess)
    return InverseGamma1(s=s_given(nu), nu=nu)


@checked
def inverse_gamma_2(mean: Number, std: Number) -> Distribution:
    """Inverse gamma prior of the second kind, on a variance; `std` may be infinite.

    p(x) ∝ x^{-(nu+2)/2} exp(-s / (2x)): NumPyro's InverseGamma(nu/2, s/2).
    """
    _positive_part("inverse_gamma_2", mean, std)
    shape = 2.0 + (mean / std) ** 2  # 2 when std is infinite
    return dist.InverseGamma(jnp.asarray(shape), jnp.asarray(mean * (shape - 1.0)))


@checked
def truncated(
    base: Distribution, low: Number = -math.inf, high: Number = math.inf, renormalise: bool = True
) -> Distribution:
    """`base` restricted to [low, high], a part of its support.

    With ``renormalise=False`` the density inside keeps the height it had, as in Dynare. Draws,
    mean and variance are those of the restricted distribution either way.
    """
    call = f"truncated({type(base).__name__}, low={low}, high={high})"
    support = base.support
    _require(low < high, f"{call}: low must be below high")
    low = max(float(low), float(getattr(support, "lower_bound", -math.inf)))
    high = min(float(high), float(getattr(support, "upper_bound", math.inf)))
    if math.isinf(low) and math.isinf(high):
        return base
    nothing = f"{call}: no prior mass lies between the bounds (support {support})"
    _require(low < high, nothing)
    try:
        prior = Truncated(base, low, high, renormalise)
        mass = float(prior.mass)
    except NotImplementedError:
        raise PriorError(
            f"{call}: {type(base).__name__} has no distribution function to cut it off by"
        ) from None
    _require(0.0 < mass < math.inf, nothing)
    return prior


class Component(NamedTuple):
    """The number at ``place`` in a random vector; see `jointly`."""

    joint: Distribution
    place: int


@checked
def jointly(joint: Distribution) -> tuple[Component, ...]:
    """A distribution of a vector as the priors of as many parameters, which it makes dependent.

    ::

        psi1, psi2 = jointly(MultivariateNormal(mean, covariance))  # Taylor-rule coefficients

    `joint` is a NumPyro distribution of one vector ``[n]`` with a density in all n directions.
    """
    call = f"jointly({type(joint).__name__})"
    shape = joint.shape()
    _require(len(joint.event_shape) == 1 == len(shape), f"{call}: its draws have shape {shape}, not [n]")
    free = jax.eval_shape(biject_to(joint.support).inv, jax.ShapeDtypeStruct(shape, float)).shape
    _require(
        free == shape,
        f"{call}: its {shape[0]} numbers have {free[0]} degrees of freedom; "
        "let the parameters be those and compute the rest in the model",
    )
    return tuple(Component(joint, i) for i in range(shape[0]))


Names = str | tuple[str, ...]
"""Whose prior a distribution is: one parameter's, or those of a vector's components in their order."""


class PriorError(ValueError):
    """A distribution that cannot be the prior of a parameter, or a start outside its support."""


class InverseGamma1(Distribution):
    """Inverse gamma of the first kind: x is a standard deviation, x^2 ~ InverseGamma(nu/2, s/2).

    p(x) = 2 (s/2)^{nu/2} / Gamma(nu/2) x^{-(nu+1)} exp(-s / (2 x^2))
    (Bauwens, Lubrano and Richard 1999, appendix A; Dynare's `inv_gamma`).
    Zellner's (1971) form with "scale" s0 and degrees nu has s = nu s0^2.
    """

    arg_constraints = {"s": constraints.positive, "nu": constraints.positive}  # noqa: RUF012
    support = constraints.positive

    @checked
    def __init__(self, s: Number, nu: Number):
        _require(s > 0 and nu > 0, f"InverseGamma1(s={s}, nu={nu}): both must be positive")
        self.s, self.nu = np.asarray(s, float), np.asarray(nu, float)
        super().__init__()

    def log_prob(self, value: Any) -> Array:
        inside = value > 0
        x = jnp.where(inside, value, 1.0)
        log_constant = math.log(2.0) + 0.5 * self.nu * jnp.log(0.5 * self.s) - gammaln(0.5 * self.nu)
        logdensity = log_constant - (self.nu + 1.0) * jnp.log(x) - 0.5 * self.s / x**2
        return jnp.where(inside, logdensity, -jnp.inf)

    def sample(self, key: Key, sample_shape: tuple[int, ...] = ()) -> Array:
        return jnp.sqrt(0.5 * self.s / jax.random.gamma(key, 0.5 * self.nu, sample_shape))

    def cdf(self, value: Any) -> Array:
        x = jnp.maximum(value, jnp.finfo(float).tiny)
        return gammaincc(0.5 * self.nu, 0.5 * self.s / x / x)

    @property
    def mean(self) -> Array:
        ratio = jnp.exp(gammaln(0.5 * jnp.maximum(self.nu - 1.0, 1e-300)) - gammaln(0.5 * self.nu))
        return jnp.where(self.nu > 1.0, jnp.sqrt(0.5 * self.s) * ratio, jnp.inf)

    @property
    def variance(self) -> Array:
        finite = self.nu > 2.0
        return jnp.where(finite, self.s / jnp.where(finite, self.nu - 2.0, 1.0) - self.mean**2, jnp.inf)


BY_SCIPY[InverseGamma1] = lambda d, x: gammaincc_of_numbers(0.5 * d.nu, 0.5 * d.s / x**2) if x > 0 else 0.0


class Affine(dist.TransformedDistribution):
    """loc + scale X for a distribution X and scale > 0, with its moments."""

    def __init__(self, base: Distribution, loc: float, scale: float):
        super().__init__(base, AffineTransform(float(loc), float(scale), domain=base.support))

    @property
    def mean(self) -> Array:
        return self.transforms[0](self.base_dist.mean)

    @property
    def variance(self) -> Array:
        return self.transforms[0].scale ** 2 * self.base_dist.variance


def _shift(base: Distribution, low: float) -> Distribution:
    return base if low == 0.0 else Affine(base, low, 1.0)


def _solve(function: Callable[[float], float], left: float, right: float, call: str) -> float:
    """The root of a decreasing function by bisection, or an error naming the prior that has none."""
    _require(function(left) > 0 > function(right), f"{call}: no such distribution has this mean and std")
    while left < (middle := 0.5 * (left + right)) < right:  # until no number lies between the two
        left, right = (middle, right) if function(middle) > 0 else (left, middle)
    return middle


def _positive_part(family: str, mean: float, std: float, low: float = 0.0) -> str:
    call = f"{family}(mean={mean}, std={std}" + (f", low={low})" if low else ")")
    _require(mean > low, f"{call}: the mean must lie above {low}")
    finite = family.startswith("inverse") or std < math.inf
    _require(std > 0 and finite, f"{call}: std must be positive" + ("" if finite else " and finite"))
    return call


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ArgumentError(message)
