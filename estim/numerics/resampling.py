"""Systematic resampling: one uniform number decides how often each of many weighted points is taken."""

from typing import Any

import jax.numpy as jnp
import numpy as np


def resample_systematically(weights: Any, uniform: Any, num: int | None = None) -> Any:
    """Which points to take: indices ``[num]``, in order; point i appears ``num * weight`` times but for rounding.

    The levels (k + u) / num, k = 0 ... num - 1, are looked up among the cumulated weights. Every point is drawn
    without bias, and the variance is not above that of independent draws in practice.

    Args:
        weights: ``[n]``, not negative, sum one. NumPy's are answered by NumPy, JAX's inside compiled code.
        uniform: u in [0, 1), the random number ``[]``.
        num: of draws; as many as there are points where None.

    Source: Kitagawa (1996), Journal of Computational and Graphical Statistics 5; Douc and Cappé (2005) on its variance.
    """
    n = weights.shape[0]
    num = num or n
    if isinstance(weights, np.ndarray):
        levels = (np.arange(num) + uniform) / num
        return np.minimum(np.searchsorted(np.cumsum(weights), levels), n - 1)
    # Counted, not searched for: how many levels lie below each cumulated weight, and from which level on a point is
    # taken. In n + num steps, and without the jumps in memory of a search.
    below = jnp.clip(jnp.ceil(num * jnp.cumsum(weights) - uniform), 0, num).astype(jnp.int32)
    passed = jnp.zeros(num, jnp.int32).at[below].add(1, mode="drop", indices_are_sorted=True)
    return jnp.minimum(jnp.cumsum(passed), n - 1)
