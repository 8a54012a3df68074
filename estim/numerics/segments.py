"""A scan whose reverse pass remembers little: it keeps a state a segment, and computes those between them again."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

_LENGTH = 10
"""Steps in a segment, about. They are written out one after another, so that those of a reverse pass become one loop
over the numbers of a state: twenty are no faster, five keep twice as many states."""
_MOST = 100
"""Segments of which states are kept at once; more are taken as steps of longer segments."""


def scan_in_segments(step: Callable[[Any, Any], tuple[Any, Any]], start: Any, given: Any) -> tuple[Any, Any]:
    """What ``jax.lax.scan(step, start, given)`` returns.

    A reverse pass through n periods holds some n / 10 states, or beyond a thousand periods n / 100 and so on, and what
    ten steps need; it computes every step twice, and three times beyond a thousand.

    Source: Griewank and Walther (2008), Evaluating Derivatives, ch. 12.
    """
    num = len(jax.tree.leaves(given)[0])
    length = _length(num)
    whole = num - num % length

    def apart(carry: Any, x: Any) -> tuple[Any, Any]:
        """A step by itself: one loop of ten steps would wait for each before the next."""
        return step(jax.lax.optimization_barrier(carry), x)

    segment = jax.checkpoint(lambda carry, xs: jax.lax.scan(apart, carry, xs, unroll=True), prevent_cse=False)
    by_segment = jax.tree.map(lambda x: x[:whole].reshape(-1, length, *x.shape[1:]), given)
    scan = scan_in_segments if whole > length * _MOST else jax.lax.scan
    carry, found = scan(segment, start, by_segment)
    found = jax.tree.map(lambda x: x.reshape(whole, *x.shape[2:]), found)
    if whole == num:
        return carry, found
    carry, rest = segment(carry, jax.tree.map(lambda x: x[whole:], given))
    return carry, jax.tree.map(lambda *parts: jnp.concatenate(parts), found, rest)


def _length(num: int) -> int:
    """Of a segment: such that no shorter one is left over where that can be."""
    whole = [length for length in range(_LENGTH - 2, _LENGTH + 3) if num % length == 0]
    return min(whole, key=lambda length: abs(length - _LENGTH), default=min(_LENGTH, max(num, 1)))
