"""Arellano (2008), "Default Risk and Income Fluctuations in Emerging Economies", American Economic Review 98(3).

A government of assets B, debt where negative, and income y repays or defaults, and then is excluded from borrowing and
has h(y) <= y until it is let in again with probability theta, without debt:

    v_c(B, y) = max_B' { u(y - q(B', y) B' + B) + beta E max(v_c(B', y'), v_d(y')) },
    v_d(y)    = u(h(y)) + beta E[ theta max(v_c(0, y'), v_d(y')) + (1 - theta) v_d(y') ],
    q(B', y)  = (1 - P(default next period)) / (1 + r).

With taste shocks to both choices (Dvorkin, Sanchez, Sapriza and Yurdagul, 2021, AEJ: Macroeconomics 13) prices and
values are smooth: `build_smooth`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.numerics.grids import tauchen


class Params(NamedTuple):
    beta: Any = 0.953
    gamma: Any = 2.0  # relative risk aversion
    r: Any = 0.017  # of lenders
    rho: Any = 0.945  # persistence of log income
    eta: Any = 0.025  # standard deviation of its innovation
    theta: Any = 0.282  # probability of being let in again
    d: Any = 0.969  # in default income is at most this part of its mean
    s_D: Any = 0.005  # scale of tastes for default
    s_B: Any = 0.0005  # and for tomorrow's assets


class Values(NamedTuple):
    repay: Any  # v_c, [assets, income]
    default: Any  # v_d, [income]


class Choices(NamedTuple):
    assets: Any  # tomorrow's: the point of the grid
    default: Any  # whether this government defaults


def utility(c, p):
    """u(c), and -inf where nothing is left to consume."""
    return jnp.where(c > 0, jnp.where(c > 0, c, 1.0) ** (1 - p.gamma) / (1 - p.gamma), -jnp.inf)


def income(p, n):
    """Income, what is left of it in default, and its chain."""
    chain = tauchen(p.rho, p.eta, n)
    y = jnp.exp(chain.states)
    return y, jnp.minimum(p.d * y.mean(), y), chain.transition


def price(default, transition, p):
    """q(B', y) of the probabilities of default."""
    return (1 - default @ transition.T) / (1 + p.r)


def parts(grid, none, n_income):
    """What both versions have in common: the operator, given what is chosen; ``none`` is the point without debt."""
    grid = jnp.asarray(grid)

    def in_default(best, v, p):
        """v_d, from the value of the better choice."""
        _, left, transition = income(p, n_income)
        return utility(left, p) + p.beta * (transition @ (p.theta * best[none] + (1 - p.theta) * v.default))

    def of_choices(best, default, p):
        """u + beta E max(v_c, v_d) of all of tomorrow's assets ``[assets, income, assets']``."""
        y, _, transition = income(p, n_income)
        spent = (price(default, transition, p) * grid[:, None]).T  # [y, B']
        c = y[None, :, None] + grid[:, None, None] - spent[None]
        return utility(c, p) + p.beta * (best @ transition.T).T[None]

    return grid, in_default, of_choices


def build(n_assets=251, n_income=51, low=-0.45, high=0.45):
    """The model on so many points; default happens where it is better. Who is let in again owes nothing: the first
    point above zero, as in the lecture "Default Risk and Income Fluctuations" of Sargent and Stachurski (QuantEcon)."""
    points = np.linspace(low, high, n_assets)
    none = int(np.searchsorted(points, 1e-10))
    grid, in_default, of_choices = parts(points, none, n_income)

    def defaults(v):
        return v.repay < v.default[None, :]

    def choose(v, p):
        best = jnp.maximum(v.repay, v.default[None, :])
        values = of_choices(best, defaults(v).astype(float), p)
        return Choices(values.argmax(axis=-1), defaults(v))

    def follow(choices, v, p):
        best = jnp.where(choices.default, v.default[None, :], v.repay)
        y, _, transition = income(p, n_income)
        columns = np.arange(n_income)[None, :]
        q = price(choices.default.astype(float), transition, p)[choices.assets, columns]
        c = y[None, :] + grid[:, None] - q * grid[choices.assets]
        repay = utility(c, p) + p.beta * (best @ transition.T)[choices.assets, columns]
        return Values(repay, in_default(best, v, p))

    def bellman(v, p):
        best = jnp.maximum(v.repay, v.default[None, :])
        repay = of_choices(best, defaults(v).astype(float), p).max(axis=-1)
        return Values(repay, in_default(best, v, p))

    def motion(D, solution, p):
        """Of assets and income ``[assets, income]``, and in the last row of income in default."""
        _, _, transition = income(p, n_income)
        choices, columns = solution.policy, np.arange(n_income)[None, :]
        out = D[-1] + jnp.where(choices.default, D[:-1], 0.0).sum(axis=0)
        staying = jnp.where(choices.default, 0.0, D[:-1])
        moved = jnp.zeros(D.shape).at[choices.assets, columns].add(staying)
        moved = moved.at[none].add(p.theta * out).at[-1].add((1 - p.theta) * out)
        return moved @ transition

    return DecisionModel(
        name="arellano_2008",
        prior=Params(),
        start=lambda p: Values(jnp.zeros((n_assets, n_income)), jnp.zeros(n_income)),
        bellman=bellman,
        policy=choose,
        follow=follow,
        change=lambda ahead, v: sum(jnp.abs(a - b).max() for a, b in zip(ahead, v, strict=True)),
        monotone=False,
        motion=motion,
        population=lambda p: jnp.full((n_assets + 1, n_income), 1 / ((n_assets + 1) * n_income)),
        solver={"method": "optimistic", "tolerance": 1e-8, "sweeps": 20},
        reference='Arellano, C. (2008), "Default Risk and Income Fluctuations in Emerging Economies", '
        "American Economic Review 98(3)",
    )


def prices(solution):
    """q(B', y) ``[assets, income]``."""
    p = solution.params
    return price(solution.policy.default.astype(float), income(p, solution.value.default.shape[0])[2], p)


def build_smooth(n_assets=41, n_income=15, low=-0.35, high=0.1):
    """The model with taste shocks of scale s_D for default and s_B for tomorrow's assets; who is let in again has the
    assets nearest to zero."""
    points = np.linspace(low, high, n_assets)
    _, in_default, of_choices = parts(points, int(np.abs(points).argmin()), n_income)

    def either(v, p):
        """The value of the choice between repaying and default, and the probability of default."""
        gap = (v.repay - v.default[None, :]) / p.s_D
        default = jnp.broadcast_to(v.default[None, :], v.repay.shape)
        return default + p.s_D * jax.nn.softplus(gap), jax.nn.sigmoid(-gap)

    def bellman(v, p):
        best, default = either(v, p)
        values = of_choices(best, default, p)
        feasible = values > -jnp.inf
        repay = p.s_B * jax.nn.logsumexp(jnp.where(feasible, values, 0.0) / p.s_B, axis=-1, where=feasible)
        return Values(repay, in_default(best, v, p))

    return DecisionModel(
        name="arellano_2008",
        prior=Params(),
        start=lambda p: Values(jnp.zeros((n_assets, n_income)), jnp.zeros(n_income)),
        bellman=bellman,
        policy=either,
        monotone=False,
        solver={"method": "vfi", "tolerance": 1e-11},
        reference='Arellano, C. (2008), "Default Risk and Income Fluctuations in Emerging Economies", '
        "American Economic Review 98(3)",
    )


def smooth_prices(solution):
    """q(B', y) with taste shocks."""
    p = solution.params
    return price(solution.policy[1], income(p, solution.value.default.shape[0])[2], p)


model = build()
