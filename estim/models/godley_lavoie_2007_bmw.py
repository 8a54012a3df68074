"""Model BMWK of Godley and Lavoie (2007), Monetary Economics, ch. 7: firms that invest on credit, banks that lend to
them and take households' deposits, and who consumes more, those who earn wages or those who earn interest.

Here output is made by labour, so that there is unemployment, and banks' rate may fall when it is high, by `response`:
as more is consumed out of wages than out of interest, that moves demand. Shocks, priors, the labour force and that
response are ours, the other numbers are the book's.
"""

from typing import Any, NamedTuple

from estim.accounts import Accounts
from estim.priors import beta
from estim.simulation import Simulation


class State(NamedTuple):
    Y: Any  # income
    C: Any  # consumption
    I: Any  # investment
    WB: Any  # the wage bill
    K: Any  # firms' capital
    L: Any  # what they owe to banks
    M: Any  # households' deposits
    u: Any  # rate of unemployment
    r: Any  # the rate that loans and deposits pay next period


class Shocks(NamedTuple):
    demand: Any
    rate: Any


class Observables(NamedTuple):
    Y: Any
    C: Any
    u: Any


class Params(NamedTuple):
    a0: Any = 25.0  # consumption whatever income is
    a1w: Any = beta(0.75, 0.05)  # propensity to consume out of wages
    a1r: Any = beta(0.75, 0.05)  # out of interest
    a2: Any = 0.1  # out of deposits
    delta: Any = 0.1  # depreciation
    kappa: Any = 1.0  # capital over last year's output that firms aim at
    gamma: Any = beta(0.15, 0.05)  # how much of the way they go in a year
    r: Any = 0.04  # rate of interest
    response: Any = 0.0  # how it falls with unemployment, from where that rests
    productivity: Any = 1.0  # output per worker
    labour: Any = 210.0  # labour force
    s_c: Any = 1.0  # standard deviation of demand
    s_r: Any = 0.002  # of the rate
    m: Any = 0.5  # of measurement errors
    m_u: Any = 0.003


def steady_state(p):
    """Where households and firms no longer save: loans, deposits and capital are kappa times income."""
    replaced, interest = p.delta * p.kappa, p.r * p.kappa  # over income
    leaked = 1 - replaced - p.a1w * (1 - interest - replaced) - p.a1r * interest - p.a2 * p.kappa
    Y = p.a0 / leaked
    K, I = p.kappa * Y, replaced * Y
    u = 1 - Y / (p.productivity * p.labour)
    return State(Y=Y, C=Y - I, I=I, WB=(1 - interest - replaced) * Y, K=K, L=K, M=K, u=u, r=p.r)


def transition(before, shocks, p):
    replaced = p.delta * before.K  # eq. (7.7)
    I = p.gamma * (p.kappa * before.Y - before.K) + replaced  # eqs. (7.19) and (7.20)
    paid, earned = before.r * before.L, before.r * before.M  # interest
    autonomous = p.a0 + p.s_c * shocks.demand + p.a1r * earned + p.a2 * before.M
    Y = (I + autonomous - p.a1w * (paid + replaced)) / (1 - p.a1w)  # from Y = C + I
    WB = Y - paid - replaced  # eq. (7.6)
    C = autonomous + p.a1w * WB
    K = before.K + I - replaced  # eq. (7.18)
    L = before.L + I - replaced  # eq. (7.8)
    M = before.M + L - before.L  # eq. (7.14); that households save as much, (7.10), is the redundant equation
    u = 1 - Y / (p.productivity * p.labour)
    r = p.r - p.response * (u - steady_state(p).u) + p.s_r * shocks.rate
    return State(Y=Y, C=C, I=I, WB=WB, K=K, L=L, M=M, u=u, r=r)


def stocks(now, p):
    """Claims; capital is nobody's debt."""
    return {
        "loans": {"firms' capital": -now.L, "banks": now.L},
        "deposits": {"households": now.M, "banks": -now.M},
    }


def flows(before, now, p):
    r, replaced = before.r, p.delta * before.K
    return {
        "consumption": {"households": -now.C, "firms": now.C},
        "investment": {"firms": now.I, "firms' capital": -now.I},
        "wages": {"households": now.WB, "firms": -now.WB},
        "depreciation": {"firms": -replaced, "firms' capital": replaced},
        "interest on loans": {"firms": -r * before.L, "banks": r * before.L},
        "interest on deposits": {"households": r * before.M, "banks": -r * before.M},
    }


model = Simulation(
    name="godley_lavoie_2007_bmw",
    shocks=Shocks,
    observables=Observables,
    start=steady_state,
    transition=transition,
    measurement=lambda now, p: Observables(Y=now.Y, C=now.C, u=now.u),
    measurement_error=lambda p: Observables(Y=p.m, C=p.m, u=p.m_u),
    prior=Params(),
    accounts=Accounts(stocks, flows),
    reference="Godley and Lavoie (2007), Monetary Economics, ch. 7",
)
