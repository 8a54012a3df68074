"""Households' income, consumption and wealth in the United States: model SIM of Godley and Lavoie (2007), Monetary
Economics, ch. 3, on national accounts (`us_accounts`), whose wealth nobody observes.

All numbers are in percent of a quarter's potential output. Others than households, that is government, firms and the
rest of the world, owe what households own, buy what these do not consume, and keep a part of income. Wealth is what has
been saved, at book value: what it gains in markets is not in it. Potential output grows by `growth` a quarter in
dollars, which thins out old wealth. Persistent shocks, priors and measurement errors are ours.
"""

from typing import Any, NamedTuple

from estim.accounts import Accounts
from estim.priors import beta, inverse_gamma_1, normal
from estim.simulation import Simulation


class State(NamedTuple):
    Y: Any  # output
    C: Any  # consumption
    YD: Any  # disposable income
    H: Any  # households' wealth at the end of the quarter
    g: Any  # what others buy, above its mean
    v: Any  # consumption that neither income nor wealth explains
    x: Any  # what others keep of income, above its mean


class Shocks(NamedTuple):
    spending: Any
    consumption: Any
    kept: Any


class Observables(NamedTuple):
    Y: Any
    C: Any
    YD: Any


class Params(NamedTuple):
    alpha1: Any = beta(0.5, 0.2)  # propensity to consume out of income
    alpha2: Any = beta(0.05, 0.03)  # out of wealth, in a quarter
    theta: Any = beta(0.25, 0.03)  # share of income that others keep
    G: Any = normal(33.0, 2.0)  # what others buy, the mean
    H_0: Any = normal(700.0, 300.0)  # wealth before the first quarter
    growth: Any = 0.012  # of potential output in dollars, in a quarter
    rho_g: Any = beta(0.9, 0.05)
    rho_v: Any = beta(0.8, 0.1)
    rho_x: Any = beta(0.9, 0.05)
    s_g: Any = inverse_gamma_1(0.5, 0.3)
    s_v: Any = inverse_gamma_1(0.5, 0.3)
    s_x: Any = inverse_gamma_1(0.5, 0.3)
    m: Any = 0.1  # of measurement errors


def bought(g, x, v, wealth, p):
    """Output, consumption and income, given what there is of wealth: from Y = C + G."""
    Y = (p.G + g + p.alpha2 * wealth + v - p.alpha1 * x) / (1 - p.alpha1 * (1 - p.theta))
    YD = (1 - p.theta) * Y - x
    return Y, p.alpha1 * YD + p.alpha2 * wealth + v, YD


def start(p):
    Y, C, YD = bought(0.0, 0.0, 0.0, p.H_0, p)
    return State(Y=Y, C=C, YD=YD, H=p.H_0, g=0.0, v=0.0, x=0.0)


def transition(before, shocks, p):
    g = p.rho_g * before.g + p.s_g * shocks.spending
    v = p.rho_v * before.v + p.s_v * shocks.consumption
    x = p.rho_x * before.x + p.s_x * shocks.kept
    wealth = before.H / (1 + p.growth)
    Y, C, YD = bought(g, x, v, wealth, p)
    return State(Y=Y, C=C, YD=YD, H=wealth + YD - C, g=g, v=v, x=x)


def stocks(now, p):
    return {"wealth": {"households": now.H, "others": -now.H}}


def flows(before, now, p):
    thinner = before.H - before.H / (1 + p.growth)
    G, kept = p.G + now.g, p.theta * now.Y + now.x
    return {
        "consumption": {"households": -now.C, "production": now.C},
        "spending of others": {"production": G, "others": -G},
        "income": {"households": now.Y, "production": -now.Y},
        "kept": {"households": -kept, "others": kept},
        "growth of what wealth is compared with": {"households": -thinner, "others": thinner},
    }


def start_errors(p):
    """Where the persistent shocks are in the long run; output and wealth follow."""
    sd = lambda rho, s: s / (1 - rho**2) ** 0.5
    return State(0.0, 0.0, 0.0, 0.0, g=sd(p.rho_g, p.s_g), v=sd(p.rho_v, p.s_v), x=sd(p.rho_x, p.s_x))


model = Simulation(
    name="godley_lavoie_2007_us",
    shocks=Shocks,
    observables=Observables,
    start=start,
    transition=transition,
    measurement=lambda now, p: Observables(Y=now.Y, C=now.C, YD=now.YD),
    measurement_error=lambda p: Observables(Y=p.m, C=p.m, YD=p.m),
    prior=Params(),
    start_errors=start_errors,
    accounts=Accounts(stocks, flows),
    reference="Godley and Lavoie (2007), Monetary Economics, ch. 3; US Bureau of Economic Analysis",
)
