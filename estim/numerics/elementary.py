"""Exponentials, logarithms, cosines and sines of many numbers, as polynomials that become vector instructions.

The compiler's own are more careful and on a CPU take 1.5 (exponential) to eight times (cosine) as long: they also hold
for arguments that nothing here has. Ranges are reduced as in Cody and Waite (1980), Software Manual for the Elementary
Functions; the polynomials are Taylor's, the exponential's that of least relative error (Remez) from its third term on.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from estim.typing import Array


class _Format(NamedTuple):
    """Of floating-point numbers: the integers of their size, bits of the mantissa, and what polynomials need there."""

    integer: Any
    mantissa: int
    ln2: tuple[float, float]  # its first bits, and the rest
    least: float  # below it exponentials are zero
    most: float  # above it they are infinite
    series: tuple[float, ...]  # of the exponential between -ln 2/2 and ln 2/2
    log_terms: int
    sine_terms: int


_FORMATS = {
    jnp.dtype(jnp.float64): _Format(
        integer=jnp.int64,
        mantissa=52,
        ln2=(0.6931471803691238, 1.9082149292705877e-10),
        least=-708.0,
        most=709.0,
        series=(
            1.0,
            1.0,
            0.499999999999983159,
            0.166666666666113353,
            0.0416666666681423292,
            0.00833333337098234873,
            0.00138888885151193597,
            0.000198411850675002721,
            2.48019323953685337e-5,
            2.76350682540421781e-6,
            2.74767205670340693e-7,
        ),
        log_terms=11,
        sine_terms=9,
    ),
    jnp.dtype(jnp.float32): _Format(
        integer=jnp.int32,
        mantissa=23,
        ln2=(0.693359375, -2.12194440e-4),
        least=-87.0,
        most=88.0,
        series=(
            1.0,
            1.0,
            0.499999934321292902,
            0.166665203990425301,
            0.0416683907835479131,
            0.00836874510894259065,
            0.00138145401768013064,
        ),
        log_terms=5,
        sine_terms=5,
    ),
}


@jax.custom_jvp
def exp(x: Array) -> Array:
    """e^x within three units in the last place; zero below -708, infinite above 709 (float32: -87, 88).

    ``2^n exp(x - n ln 2)`` with n the whole number nearest to ``x / ln 2``, which is added to the exponent's bits.
    """
    x = jnp.asarray(x)
    if x.dtype not in _FORMATS:
        return jnp.exp(x)
    form = _FORMATS[x.dtype]
    rounds = 1.5 * 2.0**form.mantissa  # a sum with it is rounded to a whole number, which its last bits hold
    shifted = x * (1 / math.log(2)) + rounds
    n = shifted - rounds
    rest = (x - n * form.ln2[0]) - n * form.ln2[1]
    y = _from_bits(_bits(_polynomial(rest, form.series)) + (_bits(shifted) << form.mantissa), x.dtype)
    return jnp.where(x < form.least, 0, jnp.where(x > form.most, jnp.inf, y))


exp.defjvp(lambda primals, tangents: ((y := exp(*primals)), y * tangents[0]))


def log_of_positive(x: Array) -> Array:
    """ln x of positive normal numbers in floating point, without a derivative.

    ``n ln 2 + 2 artanh((m - 1)/(m + 1))`` with ``x = 2^n m`` and m between 1/sqrt 2 and sqrt 2.
    """
    form, bits = _FORMATS[x.dtype], _bits(x)
    n = (bits - _bits(jnp.asarray(math.sqrt(0.5), x.dtype))) >> form.mantissa
    m = _from_bits(bits - (n << form.mantissa), x.dtype)
    s = (m - 1) / (m + 1)
    artanh = s * _polynomial(s * s, [1 / (2 * k + 1) for k in range(form.log_terms)])
    n = n.astype(x.dtype)
    return n * form.ln2[0] + (2 * artanh + n * form.ln2[1])


@jax.custom_jvp
def power(x: Array, exponent: Array) -> Array:
    """x^a = e^(a ln x) of positive normal x, to ``|a ln x|`` units in the last place; else not a number."""
    x, exponent = jnp.asarray(x, float), jnp.asarray(exponent, float)
    return jnp.where(x > 0, exp(exponent * log_of_positive(jnp.where(x > 0, x, 1))), jnp.nan)


@power.defjvp
def _power_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, a), (dx, da) = primals, tangents
    y = power(x, a)
    return y, y * (a * dx / x + jnp.log(x) * da)


def cosine_and_sine_of_turns(v: Array) -> tuple[Array, Array]:
    """cos 2 pi v and sin 2 pi v of floating-point v, of moderate size, without a derivative.

    Of the angle to the nearest quarter turn, then exchanged and negated.
    """
    terms = _FORMATS[v.dtype].sine_terms
    quarters = jnp.floor(4 * v + 0.5)
    angle = 2 * math.pi * (v - 0.25 * quarters)
    square = angle * angle
    signed = [(-1) ** k / math.factorial(2 * k) for k in range(terms + 1)]
    cosine = _polynomial(square, signed)
    sine = angle * _polynomial(square, [c / (2 * k + 1) for k, c in enumerate(signed[:-1])])
    quarter = quarters.astype(jnp.int32)
    odd = quarter & 1 == 1
    first, second = jnp.where(odd, sine, cosine), jnp.where(odd, cosine, sine)
    return (
        jnp.where((quarter + 1) & 2 == 2, -first, first),
        jnp.where(quarter & 2 == 2, -second, second),
    )


def _polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    """By Horner's rule, the constant first."""
    total = jnp.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = total * x + c
    return total


def _bits(x: Array) -> Array:
    return lax.bitcast_convert_type(x, _FORMATS[x.dtype].integer)


def _from_bits(bits: Array, dtype: Any) -> Array:
    return lax.bitcast_convert_type(bits, dtype)
