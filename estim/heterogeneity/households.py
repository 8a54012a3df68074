"""The decision of a household that saves in one asset, by the endogenous grid."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from estim.numerics.interpolate import interpolate
from estim.numerics.upper_envelope import upper_envelope
from estim.typing import Array, Scalar


def save_one_asset(
    marginal: Array, cash: Array, assets: Array, gamma: Scalar | float, price: Scalar | float = 1.0
) -> tuple[Array, Array]:
    """Saving and consumption with u(c) = c^(1 - gamma) / (1 - gamma), c + price a' = cash, a' not below the grid.

    Where the Euler equation c^-gamma = marginal holds, each a' tells c, and so the cash of who chooses it; between
    these points saving is linear in cash.

    Args:
        marginal: what a unit of a' is worth tomorrow, beta E u'(c') times its return over its price, ``[..., n_a]`` at
            each choice of a'.
        cash: ``[..., n_a]`` of each state.
        assets: the grid ``[n_a]``, rising; its first point is the borrowing limit.
        gamma: relative risk aversion.
        price: of a unit of a'.

    Returns:
        a' and c ``[..., n_a]`` in each state.

    Source: Carroll (2006), Economics Letters 91(3).
    """
    assets = jnp.asarray(assets)
    at_choice = marginal ** (-1 / gamma)
    spent = price * assets.reshape(*[1] * (at_choice.ndim - 1), -1)
    saved = interpolate(at_choice + spent, cash, assets).clip(assets[0])
    return saved, cash - price * saved


def save_by_envelope(
    marginal: Array,
    expected: Array,
    cash: Array,
    assets: Array,
    utility: Callable[[Array], Array],
    inverse_marginal: Callable[[Array], Array],
) -> tuple[Array, Array, Array]:
    """Saving, consumption and value where tomorrow's value is not concave, c + a' = cash, a' not below the grid.

    Several a' may satisfy the Euler equation u'(c) = marginal at the same cash; the upper envelope of their values
    takes the best, and compares it with a' at the limit.

    Args:
        marginal: what a unit of a' is worth tomorrow, discounted, ``[n_a]`` at each choice of a'; positive.
        expected: tomorrow's value, discounted, ``[n_a]``.
        cash: ``[m]`` of each state, in any order.
        assets: the grid ``[n_a]``, rising; its first point is the borrowing limit.
        utility: u of c.
        inverse_marginal: c of u'(c).

    Returns:
        a', c and the value ``[m]``, -inf where cash is not above the limit.

    Source: Iskhakov, Jorgensen, Rust and Schjerning (2017), Quantitative Economics 8(2).
    """
    assets = jnp.asarray(assets, float)
    at_choice = inverse_marginal(marginal)
    value, saved = upper_envelope(at_choice + assets, utility(at_choice) + expected, cash, assets)
    left = cash - assets[0]
    at_limit = jnp.where(left > 0, utility(jnp.where(left > 0, left, 1.0)) + expected[0], -jnp.inf)
    limited = jax.lax.stop_gradient(at_limit >= value)
    saved = jnp.where(limited, assets[0], saved)
    c = jnp.where(limited, left, cash - saved)
    # On a line the value is a little off; what is chosen has the value of choosing it.
    good = (c > 0) & (left > 0)
    worth = utility(jnp.where(good, c, 1.0)) + interpolate(assets, saved, expected)
    return saved, c, jnp.where(good, worth, -jnp.inf)
