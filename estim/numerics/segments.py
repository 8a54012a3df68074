"""A scan whose reverse pass remembers little: it keeps a state a segment, and computes those between them again."""

from collections.abc import Callable
from math import isqrt
from typing import Any

import jax
import jax.numpy as jnp


def scan_in_segments(step: Callable[[Any, Any], tuple[Any, Any]], start: Any, given: Any) -> tuple[Any, Any]:
    """What ``jax.lax.scan(step, start, given)`` returns.

    A reverse pass through n periods holds some sqrt(n) states and what sqrt(n) steps need, in the place of n, and
    computes every step twice.

    Source: Griewank and Walther (2008), Evaluating Derivatives, ch. 12, with one level of checkpoints.
    """
    num = len(jax.tree.leaves(given)[0])
    length = _length(num)
    whole = num - num % length
    segment = jax.checkpoint(lambda carry, xs: jax.lax.scan(step, carry, xs))
    by_segment = jax.tree.map(lambda x: x[:whole].reshape(-1, length, *x.shape[1:]), given)
    carry, found = jax.lax.scan(segment, start, by_segment)
    found = jax.tree.map(lambda x: x.reshape(whole, *x.shape[2:]), found)
    if whole == num:
        return carry, found
    carry, rest = segment(carry, jax.tree.map(lambda x: x[whole:], given))
    return carry, jax.tree.map(lambda *parts: jnp.concatenate(parts), found, rest)


def _length(num: int) -> int:
    """Of a segment: about sqrt(num), and such that no shorter one is left over where that can be."""
    root = max(isqrt(num), 1)
    whole = [length for length in range(max(root // 2, 1), 2 * root + 1) if num % length == 0]
    return min(whole, key=lambda length: abs(length - root), default=root)
