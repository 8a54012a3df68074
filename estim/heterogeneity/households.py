"""Households that save, by the endogenous grid: their decisions, and blocks of them that are ready made.

`one_asset`, `one_asset_with_labour` and `two_assets` make the `HetBlock` of a budget that is written as a function. Its
arguments are the variables that households read, by name, and ``grid`` and ``p``, the block's Grids and the model's
Params; so a block's inputs are read from signatures. Each state is [income, assets], with two of them
[income, liquid, illiquid].
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from estim.arguments import checked
from estim.heterogeneity.block import HetBlock
from estim.heterogeneity.named_inputs import nothing_else, of_beta, of_eis, of_variables
from estim.heterogeneity.two_assets import two_assets as two_assets
from estim.numerics.fixed_point import solve_elementwise
from estim.numerics.interpolate import interpolate
from estim.numerics.upper_envelope import upper_envelope
from estim.typing import Array, Scalar

FIRST_SHARE = 0.05
"""Of assets, what is spent in the first guess of consumption."""


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


@checked
def one_asset(
    cash: Callable,
    grids: Callable,
    outputs: Mapping,
    name: str = "household",
    discount: Callable = of_beta,
    eis: Callable = of_eis,
    also: Callable = nothing_else,
) -> HetBlock:
    """Households who save in one asset: max E sum beta^t c^(1-1/eis) / (1-1/eis), c + a' = cash, a' not below the grid.

    Args:
        cash: ``(variables..., grid, p) -> [n_e, n_a]``, what there is to spend; of each household's own assets
            ``grid.a``, element by element, since its derivative is their return. For instance
            ``lambda r, w, grid, p: (1 + r) * grid.a + w * grid.e[:, None]``.
        grids: ``params -> Grids`` with ``transition`` and ``a``, whose first point is the borrowing limit.
        outputs: ``{variable: outcome}`` of the outcomes "a" and "c" and those of `also`.
        name: for messages.
        discount: ``params ->`` the discount factor; a column ``[n_e, 1]`` where it moves with the state.
        eis: ``params ->`` the elasticity of intertemporal substitution.
        also: ``(outcomes, grid, params) -> {name: [n_e, n_a]}``, more outcomes made of those.

    Returns:
        The block. Consumption is NaN where the poorest cannot pay the interest on their debt: there is no solution.

    Raises:
        ArgumentError: an argument of `cash` is no name.

    Source: Carroll (2006), Economics Letters 91(3).
    """
    of, inputs = of_variables(cash=cash)

    def backward(expected: Any, x: Any, grid: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        there, slope = _with_slope(of["cash"], x, grid, p)
        a, c = save_one_asset(discount(p) * expected, there, grid.a, 1 / eis(p))
        c = jnp.where(c > 0, c, jnp.nan)
        outcomes = {"a": a, "c": c}
        return slope * c ** (-1 / eis(p)), outcomes | also(outcomes, grid, p)

    def initial(x: Any, grid: Any, p: Any) -> Any:
        there, slope = _with_slope(of["cash"], x, grid, p)
        return slope * _first_consumption(there, slope, grid.a) ** (-1 / eis(p))

    return HetBlock(name, inputs, outputs, ("a",), grids, backward, initial)


@checked
def one_asset_with_labour(
    cash: Callable,
    wage: Callable,
    grids: Callable,
    outputs: Mapping,
    name: str = "household",
    discount: Callable = of_beta,
    eis: Callable = of_eis,
    also: Callable = nothing_else,
) -> HetBlock:
    """Households who save in one asset and choose their hours n:

        max E sum beta^t [c^(1-1/eis) / (1-1/eis) - vphi n^(1+1/frisch) / (1+1/frisch)],
        c + a' = cash + wage n, a' not below the grid.

    Args:
        cash: as in `one_asset`, without what is earned by hours.
        wage: ``(variables..., grid, p) -> [n_e, 1]``, of an hour: ``lambda w, grid, p: w * grid.e[:, None]``.
        grids, name, discount, eis, also: as in `one_asset`. Params have ``vphi`` and ``frisch``.
        outputs: ``{variable: outcome}`` of the outcomes "a", "c" and "n" and those of `also`.

    Returns:
        The block.

    Raises:
        ArgumentError: an argument of `cash` or `wage` is no name.

    Source: Auclert, Bardoczy, Rognlie and Straub (2021), Econometrica 89(5).
    """
    of, inputs = of_variables(cash=cash, wage=wage)

    def choices(log_uc: Any, wage: Any, p: Any) -> tuple[Any, Any]:
        """Consumption and hours at log marginal utility: c^(-1/eis) = uc, vphi n^(1/frisch) = wage uc."""
        return jnp.exp(-eis(p) * log_uc), (wage / p.vphi) ** p.frisch * jnp.exp(p.frisch * log_uc)

    def spending(log_uc: Any, wage: Any, means: Any, p: Any) -> Any:
        """What is spent beyond `means`: zero for a household that can neither save nor borrow."""
        c, n = choices(log_uc, wage, p)
        return c - wage * n - means

    def backward(expected: Any, x: Any, grid: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        (there, slope), paid = _with_slope(of["cash"], x, grid, p), of["wage"](x, grid, p)
        low = grid.a[0]
        c, n = choices(jnp.log(discount(p) * expected), paid, p)  # where the Euler equation holds
        c, n = interpolate(c - paid * n + grid.a[None, :], there, (c, n))
        limited = there + paid * n - c < low
        begin = -jnp.log(there - low + paid) / eis(p)
        log_uc = solve_elementwise(spending, begin, paid, there - low, p)
        at_limit = choices(log_uc, paid, p)
        c, n = (jnp.where(limited, tight, free) for tight, free in zip(at_limit, (c, n), strict=True))
        a = jnp.where(limited, low, there + paid * n - c)
        outcomes = {"a": a, "c": c, "n": n}
        return slope * c ** (-1 / eis(p)), outcomes | also(outcomes, grid, p)

    def initial(x: Any, grid: Any, p: Any) -> Any:
        there, slope = _with_slope(of["cash"], x, grid, p)
        c = _first_consumption(there + of["wage"](x, grid, p), slope, grid.a)
        return slope * c ** (-1 / eis(p))

    return HetBlock(name, inputs, outputs, ("a",), grids, backward, initial)


def _first_consumption(there: Array, slope: Array, assets: Array) -> Array:
    """Income, what assets beyond the limit return, and some of these."""
    beyond = (assets - assets[0])[None, :]
    return there - slope * assets[None, :] + (slope - 1 + FIRST_SHARE) * beyond


def _with_slope(cash: Callable, x: Any, grid: Any, p: Any) -> tuple[Array, Array]:
    """What there is to spend, and what a unit more of assets adds to it."""
    of_assets = lambda a: cash(x, grid._replace(a=a), p)
    return jax.jvp(of_assets, (jnp.asarray(grid.a, float),), (jnp.ones(len(grid.a)),))
