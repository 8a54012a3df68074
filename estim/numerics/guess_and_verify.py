"""Which constraints bind when: a guess, what follows from it, and whether it is what follows.

Along a path of H periods each of J constraints binds or does not. While one binds, the residual of the equation that it
replaces is free, a "shadow" y; while it does not, y is zero. All that is looked at is linear in the shadows,

    other = q_0 + M_0 y,    bind = q_1 + M_1 y,    relax = q_2 + M_2 y    ``[H J]``,

and those y that are free are such that the other equations hold where their constraints bind: other = 0 there.
The update of a guess g is (g or bind < 0) and not (g and relax < 0), in all periods at once.

Source: Guerrieri and Iacoviello (2015, Journal of Monetary Economics 70); the shadows are those of Holden (2016).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from estim.status import Status
from estim.typing import Array, Scalar

MAX_GUESSES = 50

LEADING = (8, 32)
"""Sizes of the leading blocks that are solved where nothing binds beyond them, if they are at most half of all."""


class Verified(NamedTuple):
    """``binding`` ``[H J]``, the fixed point that was found, or the last guess, and a `Status`: OK, NO_REGIMES or
    BINDS_FOR_EVER."""

    binding: Array
    status: Scalar


def shadows(effects: Array, base: Array, binding: Array) -> Array:
    """y ``[H J, m]`` such that base + effects y is zero where a constraint binds; y is zero elsewhere.

    Beyond the last that binds there is nothing to be solved for: of some leading blocks the smallest that holds all of
    them is taken, so that a long horizon costs little where spells are short.

    Args:
        effects: M_0 ``[H J, H J]``.
        base: q_0 ``[H J, m]``.
        binding: ``[H J]``.
    """

    def leading(size: int, effects: Array, base: Array, binding: Array) -> Array:
        effects, base, binds = effects[:size, :size], base[:size], binding[:size]
        matrix = jnp.where(binds[:, None] & binds[None, :], effects, jnp.eye(size))
        y = jnp.linalg.solve(matrix, jnp.where(binds[:, None], -base, 0.0))
        return jnp.pad(y, ((0, len(binding) - size), (0, 0)))

    sizes = [*(size for size in LEADING if 2 * size <= len(binding)), len(binding)]
    reach = jnp.max(jnp.where(binding, jnp.arange(1, len(binding) + 1), 0))
    which = jnp.searchsorted(jnp.array(sizes), reach)
    return jax.lax.switch(which, [partial(leading, size) for size in sizes], effects, base, binding)


def update_guess(effects: Array, base: Array, binding: Array) -> Array:
    """The next guess ``[H J]``. `effects` is M ``[3, H J, H J]``, `base` is q ``[3, H J]``."""
    bound = lambda: base[1:] + effects[1:] @ shadows(effects[0], base[0][:, None], binding)[:, 0]
    seen = jax.lax.cond(binding.any(), bound, lambda: base[1:])
    begins, ends = ~(seen >= 0.0)  # what is no number is no fixed point
    return (binding | begins) & ~(binding & ends)


def guess_and_verify(effects: Array, base: Array, guess: Array, num_constraints: int) -> Verified:
    """A fixed point of the update, from a guess ``[H J]``; periods are outermost. It has no derivatives.

    Where none is found, or one that binds to the end of the horizon, the search begins again with nothing that binds.
    """
    effects, base = jax.lax.stop_gradient((effects, base))

    def unsettled(state):
        _, settled, guesses = state
        return ~settled & (guesses < 2 * MAX_GUESSES)

    def verify(state):
        binding, _, guesses = state
        new = update_guess(effects, base, binding)
        same, first = (new == binding).all(), guesses < MAX_GUESSES
        for_ever = same & binding[-num_constraints:].any()
        again = first & (for_ever | (guesses == MAX_GUESSES - 1)) & ~(same & ~for_ever)
        binding = jnp.where(again, jnp.zeros_like(new), new)
        return binding, same & ~again, jnp.where(again, MAX_GUESSES, guesses + 1)

    binding, settled, _ = jax.lax.while_loop(unsettled, verify, (guess, jnp.array(False), 0))
    ends = binding[-num_constraints:].any()
    status = jnp.select([~settled, ends], [Status.NO_REGIMES, Status.BINDS_FOR_EVER], Status.OK)
    return Verified(binding, status)


def a_period_later(binding: Array, num_constraints: int) -> Array:
    """What was expected, moved on by one period."""
    nothing = jnp.zeros(num_constraints, bool)
    return jnp.concatenate([binding[num_constraints:], nothing])
