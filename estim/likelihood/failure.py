"""What a likelihood returns where it cannot be computed: -inf, and a gradient of zero."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from estim.typing import Scalar


def impossible_if_not_finite(loglikelihood: Callable[..., Scalar]) -> Callable[..., Scalar]:
    """The same function of arrays, but -inf with a gradient of zero where it is not finite.

    The rule acts on the whole function: the pullback of a failed evaluation makes NaN of a
    zero cotangent (0 * NaN), whichever step has failed. What it returns has reverse-mode
    derivatives, and forward-mode derivatives of those (`jax.hessian`).
    """

    def value(*args) -> Scalar:
        result = loglikelihood(*args)
        return jnp.where(jnp.isfinite(result), result, -jnp.inf)

    def forward(*args):
        result, pullback = jax.vjp(value, *args)
        return result, (jnp.isfinite(result), pullback)

    def backward(residuals, cotangent):
        finite, pullback = residuals
        return jax.tree.map(
            lambda g: g if g.dtype == jax.dtypes.float0 else jnp.where(finite, g, 0.0), pullback(cotangent)
        )

    guarded = jax.custom_vjp(value)
    guarded.defvjp(forward, backward)
    return guarded
