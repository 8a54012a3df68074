"""Aiyagari (1994), "Uninsured Idiosyncratic Risk and Aggregate Saving", Quarterly Journal of Economics 109(3).

Households of risky labour z save for bad times and may not borrow, c + a' = (1 + r) a + w z, a' >= 0. Their savings
are the capital of firms, which pay r = alpha A (N / K)^(1 - alpha) - delta and w = (1 - alpha) A (K / N)^alpha. In
equilibrium K is what households own on average. By the endogenous grid everything is differentiable; `build_on_grid`
has the choice on the grid that lectures solve by policy iteration, where K is known to a step of the grid.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.heterogeneity.distribution import forward, forward_on_grid
from estim.heterogeneity.households import save_one_asset
from estim.numerics.interpolate import lottery
from estim.priors import beta, gamma


class Observables(NamedTuple):
    wealth: Any  # of a household, with an error


class Params(NamedTuple):
    beta: Any = beta(0.96, 0.01)
    sigma_m: Any = gamma(1.0, 0.5)  # standard deviation of the error in observed wealth
    gamma: Any = 1.0  # relative risk aversion
    alpha: Any = 0.33  # capital share
    delta: Any = 0.05  # depreciation
    A: Any = 1.0  # productivity
    N: Any = 1.0  # labour that firms employ
    z: Any = np.array([0.1, 1.0])  # labour of a household
    Pi: Any = np.array([[0.9, 0.1], [0.1, 0.9]])  # from this year's labour to next year's
    K: Any = 8.0  # capital: solved for


class Household(NamedTuple):
    c: Any  # consumption, [labour, assets]
    a: Any  # next year's assets


def prices(p):
    """Interest rate and wage."""
    return p.alpha * p.A * (p.N / p.K) ** (1 - p.alpha) - p.delta, (1 - p.alpha) * p.A * (
        p.K / p.N
    ) ** p.alpha


def bounds(p):
    """Capital is more than where r = 1 / beta - 1, as if there were no risk, and less than where r = 0."""
    capital = lambda r: p.N * (p.alpha * p.A / (r + p.delta)) ** (1 / (1 - p.alpha))
    return capital(0.999 * (1 / p.beta - 1)), capital(0.0)


def build(n_assets, a_max, prices=prices, market=True):
    """The model on so many points up to `a_max`, crowded near zero.

    Args:
        n_assets: number of points.
        a_max: the highest.
        prices: ``params -> (r, w)``; those of the firm.
        market: whether capital is solved for; else prices are given.
    """
    assets = a_max * np.linspace(0.0, 1.0, n_assets) ** 2.5

    def decide(c, p):
        """u'(c) = beta (1 + r) E u'(c'), or less where a' = 0."""
        r, w = prices(p)
        marginal = p.beta * (1 + r) * (p.Pi @ c**-p.gamma)
        saved, c = save_one_asset(marginal, (1 + r) * assets[None, :] + w * p.z[:, None], assets, p.gamma)
        return Household(c, saved)

    def start(p):
        r, w = prices(p)
        return w * p.z[:, None] + (abs(r) + 0.05) * assets[None, :]

    return DecisionModel(
        name="aiyagari_1994",
        prior=Params(),
        start=start,
        bellman=lambda c, p: decide(c, p).c,
        policy=decide,
        monotone=False,
        motion=lambda D, solution, p: forward(p.Pi, [lottery(assets, solution.policy.a)], D),
        unknowns={"K": bounds} if market else {},
        clearing=(lambda solution, p: solution.distribution.sum(axis=0) @ assets - p.K) if market else None,
        observables=Observables,
        measurement=lambda solution, p: Observables(jnp.broadcast_to(assets, solution.distribution.shape)),
        measurement_error=lambda p: Observables(p.sigma_m),
        draw=draw_wealth(assets),
        reference='Aiyagari, S. R. (1994), "Uninsured Idiosyncratic Risk and Aggregate Saving", '
        "Quarterly Journal of Economics 109(3)",
    )


def draw_wealth(assets):
    def draw(key, solution, p):
        which, error = jax.random.split(key)
        i = jax.random.categorical(which, jnp.log(solution.distribution.clip(0.0).sum(axis=0)))
        return Observables(jnp.asarray(assets)[i] + p.sigma_m * jax.random.normal(error))

    return draw


def build_on_grid(n_assets=200, a_max=20.0, prices=prices, market=True):
    """The same with a' on the grid, v(a, z) = max_a' { u((1 + r) a + w z - a') + beta E v(a', z') }."""
    assets = np.linspace(1e-10, a_max, n_assets)

    def reward(p):
        r, w = prices(p)
        c = (1 + r) * assets[:, None, None] + w * p.z[None, :, None] - assets[None, None, :]
        log = jnp.log(jnp.where(c > 0, c, 1.0))
        power = 1 - p.gamma
        near_log = jnp.abs(power) < 1e-9
        utility = jnp.where(near_log, log, jnp.exp(power * log) / jnp.where(near_log, 1.0, power))
        return jnp.where(c > 0, utility, -jnp.inf)

    return DecisionModel(
        name="aiyagari_1994",
        prior=Params()._replace(beta=0.96, sigma_m=0.0),
        reward=reward,
        continuation=lambda v, p: p.beta * (p.Pi @ v.T)[None],
        motion=lambda D, solution, p: forward_on_grid(p.Pi, solution.policy, D),
        unknowns={"K": (1.0, 20.0)} if market else {},
        clearing=(lambda solution, p: assets @ solution.distribution.sum(axis=1) - p.K) if market else None,
        reference='Aiyagari, S. R. (1994), "Uninsured Idiosyncratic Risk and Aggregate Saving", '
        "Quarterly Journal of Economics 109(3)",
    )


model = build(300, 60.0)
