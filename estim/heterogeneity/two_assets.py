"""Households with a liquid asset and one that costs to adjust, ready made: endogenous grid points in both."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from estim.arguments import checked
from estim.heterogeneity.block import HetBlock
from estim.heterogeneity.named_inputs import nothing_else, of_beta, of_eis, of_variables
from estim.numerics.grids import geometric_grid
from estim.numerics.interpolate import interpolate
from estim.typing import Array, Scalar


@checked
def two_assets(
    income: Callable,
    grids: Callable,
    outputs: Mapping,
    name: str = "household",
    liquid_return: str = "rb",
    illiquid_return: str = "ra",
    discount: Callable = of_beta,
    eis: Callable = of_eis,
    also: Callable = nothing_else,
) -> HetBlock:
    """Households who save in a liquid asset b and an illiquid one a:

        max E sum beta^t c^(1-1/eis) / (1-1/eis),
        c + a' + b' + Psi(a', a) = income + (1 + ra) a + (1 + rb) b, neither below its grid,
        Psi = chi1/2 (a' - (1 + ra) a)^2 / ((1 + ra) a + chi0).

    Args:
        income: ``(variables..., grid, p) -> [n_e, 1, 1]``, all that is not a return, for instance
            ``lambda w, grid, p: w * grid.e[:, None, None]``.
        grids: ``params -> Grids`` with ``transition``, ``b`` and ``a``, whose first points are the limits.
        outputs: ``{variable: outcome}`` of the outcomes "a", "b", "c" and "uc", marginal utility, and those of `also`.
        name: for messages.
        liquid_return, illiquid_return: the variables that are returns on b and on a.
        discount: ``params ->`` the discount factor. Params have ``chi0`` and ``chi1``.
        eis: ``params ->`` the elasticity of intertemporal substitution.
        also: ``(outcomes, grid, params) -> {name: [n_e, n_b, n_a]}``, more outcomes made of those.

    Returns:
        The block.

    Raises:
        ArgumentError: an argument of `income` is no name.

    Source: Auclert, Bardoczy, Rognlie and Straub (2021), Econometrica 89(5), appendix E.3.
    """
    of, read = of_variables(income=income)
    inputs = tuple(dict.fromkeys((illiquid_return, liquid_return, *read)))
    returns = lambda x: (getattr(x, liquid_return), getattr(x, illiquid_return))

    def backward(expected: Any, x: Any, grid: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        Wb, Wa = discount(p) * expected[0], discount(p) * expected[1]
        (rb, ra), earned = returns(x), of["income"](x, grid, p)
        bonds, assets = grid.b[None, :, None], grid.a[None, None, :]
        marginal_cost = 1 + adjustment_cost(grid.a[:, None], grid.a[None, :], ra, p)[1]  # [a', a]

        def bonds_before(c: Any, a: Any, b: Any) -> Array:
            spent = c + a + b + adjustment_cost(a, assets, ra, p)[0]
            return ((spent - earned - (1 + ra) * assets) / (1 + rb)).swapaxes(1, 2)

        def choose(ratio: Any, Wb: Any) -> tuple[Array, Array]:
            """Illiquid assets that equate Wa / Wb with their marginal cost, and Wb there: [e, b or multiplier, a]."""
            i, weight = _crossing(ratio, marginal_cost)
            at = lambda f: f[i] + weight * (f[i + 1] - f[i])
            low, high = jnp.take_along_axis(Wb, i, -1), jnp.take_along_axis(Wb, i + 1, -1)
            return at(jnp.asarray(grid.a)), low + weight * (high - low)

        a, W = choose(Wa / Wb, Wb)  # b chosen freely
        knots = bonds_before(W ** -eis(p), a, bonds)
        free_a, free_b = interpolate(knots, grid.b[None, None], (a.swapaxes(1, 2), grid.b))
        # b at its limit: points of the multiplier, relative to the marginal value of bonds.
        tightness = 1 + geometric_grid(0.0, 1.0, len(grid.b))[::-1][None, :, None]
        a, W = choose((Wa / Wb)[:, :1] / tightness, Wb[:, :1] * jnp.ones_like(tightness))
        knots = bonds_before((tightness * W) ** -eis(p), a, grid.b[0])
        limit_a = interpolate(knots, grid.b[None, None], a.swapaxes(1, 2))
        limited = free_b <= grid.b[0]
        a = jnp.where(limited, limit_a, free_a).swapaxes(1, 2)
        b = jnp.where(limited, grid.b[0], free_b).swapaxes(1, 2)

        psi, _, psi2 = adjustment_cost(a, assets, ra, p)
        c = earned + (1 + rb) * bonds + (1 + ra) * assets - psi - a - b
        uc = c ** (-1 / eis(p))
        outcomes = {"a": a, "b": b, "c": c, "uc": uc}
        return ((1 + rb) * uc, (1 + ra - psi2) * uc), outcomes | also(outcomes, grid, p)

    def initial(x: Any, grid: Any, p: Any) -> tuple[Array, Array]:
        everyone, b, a = jnp.ones((len(grid.transition), 1, 1)), grid.b[None, :, None], grid.a[None, None, :]
        Vb = (0.5 + b + 1.2 * a) ** (-1 / eis(p)) * everyone
        Va = (0.6 + 1.1 * b + a) ** (-1 / eis(p)) * everyone
        return Vb, Va

    return HetBlock(name, inputs, outputs, ("b", "a"), grids, backward, initial)


def adjustment_cost(a: Array, a_: Array, ra: Scalar, p: Any) -> tuple[Array, Array, Array]:
    """Psi(a, a_) with a_ of last period, and its derivatives in a and in a_."""
    change, scale = a - (1 + ra) * a_, (1 + ra) * a_ + p.chi0
    psi = p.chi1 / 2 * change**2 / scale
    psi1 = p.chi1 * change / scale
    return psi, psi1, -(1 + ra) * (psi1 + psi / scale)


def _crossing(lhs: Array, rhs: Array) -> tuple[Array, Array]:
    """Where lhs[..., i] falls below rhs[i, j]: the bracket of i and the weight of its upper end, for each j."""
    above = jnp.sum(lhs[..., :, None] >= rhs[None, None], axis=-2)
    i = jnp.clip(above - 1, 0, lhs.shape[-1] - 2)
    j = jnp.arange(rhs.shape[1])[None, None]
    low = jnp.take_along_axis(lhs, i, -1) - rhs[i, j]
    high = jnp.take_along_axis(lhs, i + 1, -1) - rhs[i + 1, j]
    return i, jnp.where(above == 0, 0.0, low / (low - high))
