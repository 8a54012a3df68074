"""The decision of a household that saves in one asset, by the endogenous grid."""

import jax.numpy as jnp

from estim.numerics.interpolate import interpolate
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
