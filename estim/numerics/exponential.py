"""The exponential of many numbers, for which the compiler's own takes half as long again on a CPU."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from estim.typing import Array

_LOG2E = 1 / math.log(2)
_LN2_HIGH, _LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10  # 33 bits of ln 2, and the rest
_ROUNDS = 1.5 * 2.0**52
"""A sum with it is rounded to a whole number, which its last bits hold."""

_DEGREE = 12
_LEAST, _MOST = -708.0, 709.0


@jax.custom_jvp
def exp(x: Array) -> Array:
    """The exponential, within two units in the last place; zero below -708, infinite above 709.

    In double precision on a CPU: with n the whole number nearest to ``x / ln 2`` (Cody and Waite 1980), ``exp(x) = 2^n
    exp(x - n ln 2)``, the last by Taylor's polynomial and the first by adding n to the exponent's bits. Everywhere
    else it is `jax.numpy.exp`.
    """
    if jnp.result_type(x) != jnp.float64:
        return jnp.exp(x)
    return lax.platform_dependent(x, cpu=_exp, default=jnp.exp)


exp.defjvp(lambda primals, tangents: ((y := exp(*primals)), y * tangents[0]))


def _exp(x: Array) -> Array:
    shifted = x * _LOG2E + _ROUNDS
    n = shifted - _ROUNDS
    rest = (x - n * _LN2_HIGH) - n * _LN2_LOW
    series = jnp.full_like(rest, 1 / math.factorial(_DEGREE))
    for k in reversed(range(_DEGREE)):
        series = series * rest + 1 / math.factorial(k)
    bits = lax.bitcast_convert_type(series, jnp.int64) + (lax.bitcast_convert_type(shifted, jnp.int64) << 52)
    y = lax.bitcast_convert_type(bits, jnp.float64)
    return jnp.where(x < _LEAST, 0.0, jnp.where(x > _MOST, jnp.inf, y))
