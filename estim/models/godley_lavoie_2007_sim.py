"""Model SIM of Godley and Lavoie (2007), Monetary Economics, ch. 3: the simplest economy with government money.

The government spends and taxes, firms produce what is bought, and households consume out of income and wealth, which is
cash. Spending and consumption have shocks, which are ours, and so are the priors; the other numbers are the book's.
"""

from typing import Any, NamedTuple

from estim.accounts import Accounts
from estim.priors import beta, inverse_gamma_1
from estim.simulation import Simulation


class State(NamedTuple):
    Y: Any  # income
    C: Any  # consumption
    T: Any  # taxes
    H: Any  # cash at the end of the period
    u: Any  # spending above its mean


class Shocks(NamedTuple):
    consumption: Any
    spending: Any


class Observables(NamedTuple):
    Y: Any
    C: Any
    H: Any


class Params(NamedTuple):
    alpha1: Any = beta(0.6, 0.05)  # propensity to consume out of income
    alpha2: Any = beta(0.4, 0.05)  # out of wealth
    theta: Any = beta(0.2, 0.02)  # tax rate
    G: Any = 20.0  # mean of government spending
    rho: Any = beta(0.8, 0.1)  # its persistence
    s_g: Any = inverse_gamma_1(0.4, 0.2)  # standard deviation of its shock
    s_c: Any = 0.6  # of consumption's
    m_Y: Any = 0.5  # of the measurement errors
    m_C: Any = 0.5
    m_H: Any = 1.0


def steady_state(p):
    """Where cash no longer changes, eq. (3.15): taxes are what is spent, consumption is disposable income."""
    Y = p.G / p.theta
    C = (1 - p.theta) * Y
    return State(Y=Y, C=C, T=p.G, H=(1 - p.alpha1) / p.alpha2 * C, u=0.0)


def transition(before, shocks, p):
    u = p.rho * before.u + p.s_g * shocks.spending
    out_of_wealth = p.alpha2 * before.H + p.s_c * shocks.consumption
    Y = (p.G + u + out_of_wealth) / (1 - p.alpha1 * (1 - p.theta))  # from Y = C + G
    T = p.theta * Y
    C = p.alpha1 * (Y - T) + out_of_wealth
    return State(Y=Y, C=C, T=T, H=before.H + Y - T - C, u=u)


def stocks(now, p):
    return {"cash": {"households": now.H, "government": -now.H}}


def flows(before, now, p):
    G = p.G + now.u
    return {
        "consumption": {"households": -now.C, "firms": now.C},
        "government spending": {"firms": G, "government": -G},
        "wages": {"households": now.Y, "firms": -now.Y},
        "taxes": {"households": -now.T, "government": now.T},
    }


model = Simulation(
    name="godley_lavoie_2007_sim",
    shocks=Shocks,
    observables=Observables,
    start=steady_state,
    transition=transition,
    measurement=lambda now, p: Observables(Y=now.Y, C=now.C, H=now.H),
    measurement_error=lambda p: Observables(Y=p.m_Y, C=p.m_C, H=p.m_H),
    prior=Params(),
    start_errors=lambda p: State(Y=0.0, C=0.0, T=0.0, H=0.0, u=p.s_g / (1 - p.rho**2) ** 0.5),
    accounts=Accounts(stocks, flows),
    reference="Godley and Lavoie (2007), Monetary Economics, ch. 3",
)
