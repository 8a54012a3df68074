"""Model PC of Godley and Lavoie (2007), Monetary Economics, ch. 4: cash, bills and a rate of interest.

Households hold their wealth in bills and cash, more in bills when the rate is high; the central bank buys the bills
that nobody else holds and hands its profit to the government. Here the rate may rise with public debt, by `premium`;
shocks and priors are ours as well, the other numbers are the book's.
"""

from typing import Any, NamedTuple

from estim.accounts import Accounts
from estim.priors import beta
from estim.simulation import Simulation


class State(NamedTuple):
    Y: Any  # income
    C: Any  # consumption
    G: Any  # government spending
    T: Any  # taxes
    V: Any  # households' wealth
    Bh: Any  # their bills
    Bcb: Any  # the central bank's
    Bs: Any  # all bills
    Hs: Any  # cash supplied
    r: Any  # the rate that bills pay next period


class Shocks(NamedTuple):
    spending: Any
    rate: Any


class Observables(NamedTuple):
    Y: Any
    C: Any
    V: Any


class Params(NamedTuple):
    a1: Any = beta(0.6, 0.05)  # propensity to consume out of income
    a2: Any = beta(0.4, 0.05)  # out of wealth
    theta: Any = 0.2  # tax rate
    l0: Any = 0.635  # share of wealth in bills
    l1: Any = 5.0  # how it rises with the rate
    l2: Any = 0.01  # how it falls with income
    G: Any = 20.0  # mean of government spending
    r: Any = 0.025  # rate of interest
    premium: Any = 0.0  # how it rises with bills over income, from where they rest
    s_g: Any = 1.0  # standard deviation of spending
    s_r: Any = 0.01  # of the rate
    m: Any = 0.5  # of measurement errors


def steady_state(p):
    """Where wealth no longer changes: consumption is disposable income YD, and the deficit is zero."""
    k = (1 - p.a1) / p.a2  # wealth over YD
    bills = (p.l0 + p.l1 * p.r) * k - p.l2  # Bh over YD
    kept = (1 - p.theta) / p.theta
    YD = kept * p.G / (1 - kept * p.r * bills)
    V, Bh = k * YD, bills * YD
    return State(Y=p.G + YD, C=YD, G=p.G, T=p.G + p.r * Bh, V=V, Bh=Bh, Bcb=V - Bh, Bs=V, Hs=V - Bh, r=p.r)


def transition(before, shocks, p):
    rest = steady_state(p)
    G, interest = p.G + p.s_g * shocks.spending, before.r * before.Bh
    keep = 1 - p.theta
    Y = (G + p.a1 * keep * interest + p.a2 * before.V) / (1 - p.a1 * keep)  # from Y = C + G
    T = p.theta * (Y + interest)  # eq. (4.3)
    YD = Y + interest - T  # eq. (4.2)
    C = p.a1 * YD + p.a2 * before.V  # eq. (4.5)
    V = before.V + YD - C  # eq. (4.4)
    r = p.r + p.premium * (before.Bs / before.Y - rest.Bs / rest.Y) + p.s_r * shocks.rate
    Bh = (p.l0 + p.l1 * r) * V - p.l2 * YD  # eq. (4.7)
    Bs = before.Bs + G + before.r * before.Bs - T - before.r * before.Bcb  # eq. (4.8)
    Bcb = Bs - Bh  # eq. (4.10)
    Hs = before.Hs + Bcb - before.Bcb  # eq. (4.9)
    return State(Y=Y, C=C, G=G, T=T, V=V, Bh=Bh, Bcb=Bcb, Bs=Bs, Hs=Hs, r=r)


def stocks(now, p):
    """Households' cash is the wealth that is not in bills, supplied without asking: eq. (4.6) against (4.9)."""
    return {
        "cash": {"households": now.V - now.Bh, "central bank": -now.Hs},
        "bills": {"households": now.Bh, "central bank": now.Bcb, "government": -now.Bs},
    }


def flows(before, now, p):
    r = before.r
    return {
        "consumption": {"households": -now.C, "firms": now.C},
        "government spending": {"firms": now.G, "government": -now.G},
        "income": {"households": now.Y, "firms": -now.Y},
        "interest": {
            "households": r * before.Bh,
            "central bank": r * before.Bcb,
            "government": -r * before.Bs,
        },
        "profit": {"central bank": -r * before.Bcb, "government": r * before.Bcb},
        "taxes": {"households": -now.T, "government": now.T},
    }


model = Simulation(
    name="godley_lavoie_2007_pc",
    shocks=Shocks,
    observables=Observables,
    start=steady_state,
    transition=transition,
    measurement=lambda now, p: Observables(Y=now.Y, C=now.C, V=now.V),
    measurement_error=lambda p: Observables(Y=p.m, C=p.m, V=p.m),
    prior=Params(),
    accounts=Accounts(stocks, flows),
    reference="Godley and Lavoie (2007), Monetary Economics, ch. 4",
)
