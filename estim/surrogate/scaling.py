"""What a surrogate knows besides its network: units, a quadratic, its fall far out, and where no solution is."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.typing import Array


class Scaling(NamedTuple):
    """The affine map of the inputs, and all of the log-likelihood that is not the network's.

    ``position = center + scale @ z`` with ``scale`` ``[dim, dim]`` lower triangular, and with the quadratic
    ``Q(z) = intercept + slope @ z + z @ curvature @ z / 2``, whose maximum is ``top``,

        loglikelihood = top - fall(top - Q(z)) + output_scale * network(z') + log P(solution | z).

    Away from the points learnt from a network goes on in a straight line, upward as well as downward. So z' is z
    moved into their box ``[low, high]``, and what the network says is kept between ``lowest`` and
    ``highest``, the range that it was taught: in the empty corners of the box, and beyond it, the rest decides. See
    `fall` for ``power`` and ``bend``, and `log_solvable` for the ``border``, by default none.
    """

    center: Array
    scale: Array
    intercept: Array
    slope: Array
    curvature: Array
    output_scale: Array
    low: Array
    high: Array
    lowest: Array
    highest: Array
    top: Array | float = 0.0
    power: Array | float = 1.0
    bend: Array | float = 1.0
    border_offset: Array | float = jnp.inf
    border_normal: Array | float = 0.0
    border_curvature: Array | float = 0.0


def fall(depth: Any, power: Array | float, bend: Array | float, xp: Any = jnp) -> Any:
    """How far the log-likelihood lies below its top where the quadratic lies ``depth`` below.

    With s = ``bend`` and p = ``power`` (Box and Cox 1964): the depth itself for p = 1, Gaussian tails; else

        s ((1 + depth/s)^p - 1) / p,    with the limit  s log(1 + depth/s)  for p = 0.

    Exponential tails have p = 1/2, and Student's t with nu degrees of freedom in d dimensions p = 0, s = (nu + d)/2.
    By JAX, or by NumPy as ``xp``: points to learn from are of any number, and a number is no program.
    """
    bent = power < 1
    log = xp.log1p(xp.where(bent, xp.maximum(depth, 0), 0) / bend)
    curved = xp.where(power > 0, xp.expm1(power * log) / xp.where(power > 0, power, 1), log)
    return xp.where(bent, bend * curved, depth)


def base_loglikelihood(scaling: Scaling, z: Array) -> Array:
    """All but the network's part, at whitened ``z`` ``[..., dim]``, less the intercept, so that float32 holds it."""
    quadratic = z @ scaling.slope + 0.5 * jnp.sum((z @ scaling.curvature) * z, axis=-1)
    top = scaling.top - scaling.intercept
    return top - fall(top - quadratic, scaling.power, scaling.bend) + log_solvable(scaling, z)


BLUNT = 10.0
"""How much blunter the second border is, and one over its share."""


def log_solvable(scaling: Scaling, z: Array) -> Array:
    """log P(solution | z) ``[...]``, see `estim.surrogate.border`; zero where every point had one.

    A mixture of the border that was learnt with one whose sides are BLUNT times as soft, 1/BLUNT of it: where the
    border is a little wrong, the first falls by many nats within no distance and weights p / p_hat would have no bound.
    """
    normal = jnp.asarray(scaling.border_normal)
    if not normal.ndim:  # none was learnt
        return jnp.zeros(z.shape[:-1])
    margin = z @ normal.T
    margin = margin + jnp.broadcast_to(scaling.border_offset, margin.shape)
    margin = margin.at[..., 0].add(jnp.sum((z @ scaling.border_curvature) * z, axis=-1))
    sharp, blunt = (jnp.sum(jax.nn.log_sigmoid(m), axis=-1) for m in (margin, margin / BLUNT))
    return jnp.logaddexp(jnp.log1p(-1 / BLUNT) + sharp, -jnp.log(BLUNT) + blunt)
