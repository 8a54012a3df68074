"""Schorfheide (2000), "Loss Function-Based Evaluation of DSGE Models", Journal of Applied
Econometrics 15: the cash-in-advance model M1 (after Nason and Cogley 1994), known as fs2000.

Households hold bank deposits that they cannot change when money is injected. Variables are in
logs, and relative to technology A_t (real), or to M_t / A_t and M_t (nominal). The priors are those of table 1, but
for rho's standard deviation (0.223 in the paper, with a density that is infinite at 0) and mst, whose logarithm has
the prior there.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim.model import Model
from estim.priors import beta, inverse_gamma_1, normal


class Variables(NamedTuple):
    m: Any  # growth of money
    P: Any  # price level
    c: Any  # consumption
    k: Any  # capital at the end of the period
    n: Any  # labour
    W: Any  # wage
    R: Any  # gross nominal rate
    d: Any  # deposits
    l: Any  # loans
    y: Any  # output
    dA: Any  # growth of technology
    u: Any  # expected marginal utility of a dollar, E_t[1 / (c_{t+1} P_{t+1})]


class Shocks(NamedTuple):
    e_a: Any
    e_m: Any


class Observables(NamedTuple):
    gp_obs: Any  # log growth of prices
    gy_obs: Any  # log growth of output per head


class Params(NamedTuple):
    e_a: Any = inverse_gamma_1(0.035449, float("inf"))
    e_m: Any = inverse_gamma_1(0.008862, float("inf"))
    alp: Any = beta(0.356, 0.02)  # capital share
    bet: Any = beta(0.993, 0.002)  # discount factor
    gam: Any = normal(0.0085, 0.003)  # growth of technology
    mst: Any = normal(1.0002, 0.007)  # steady-state growth of money
    rho: Any = beta(0.129, 0.1)  # persistence of money growth
    psi: Any = beta(0.65, 0.05)  # weight of leisure
    delta: Any = beta(0.01, 0.005)  # depreciation: "del" elsewhere, which Python keeps for itself


def steady_state(p):
    g = jnp.exp(-p.gam)
    capital_labour = ((1 - g * p.bet * (1 - p.delta)) / (p.alp * g**p.alp * p.bet)) ** (1 / (p.alp - 1))
    # Consumption per unit of labour.
    surplus = (capital_labour * g) ** p.alp - (1 - g * (1 - p.delta)) * capital_labour
    xi = p.mst / surplus
    nu = p.psi * p.mst**2 / ((1 - p.alp) * (1 - p.psi) * p.bet * (g * capital_labour) ** p.alp)
    n, P = xi / (xi + nu), xi + nu
    l = p.psi * p.mst * n / ((1 - p.psi) * (1 - n))
    k, c = capital_labour * n, p.mst / P
    y = (g * k) ** p.alp * n ** (1 - p.alp)
    levels = Variables(
        m=p.mst,
        P=P,
        c=c,
        k=k,
        n=n,
        W=l / n,
        R=p.mst / p.bet,
        d=l - p.mst + 1,
        l=l,
        y=y,
        dA=1 / g,
        u=1 / (c * P),
    )
    return Variables(*(jnp.log(x) for x in levels))


def residuals(lag, now, lead, shocks, p):
    ahead = Variables(*(jnp.exp(x) for x in lead))
    past = Variables(*(jnp.exp(x) for x in lag))
    m, P, c, k, n, W, R, d, l, y, dA, u = (jnp.exp(x) for x in now)
    marginal_product = p.alp * ahead.y / k  # of capital, per unit of k_t
    return {
        "technology": p.gam + p.e_a * shocks.e_a - now.dA,
        "money growth": (1 - p.rho) * jnp.log(p.mst) + p.rho * lag.m + p.e_m * shocks.e_m - now.m,
        "value of money": 1 / (ahead.c * ahead.P) - u,
        "capital": p.bet * ahead.P * (marginal_product + (1 - p.delta) / ahead.dA) * ahead.u / ahead.m
        - P * u / m,
        "wage bill": l / n - W,
        "labour supply": p.psi / (1 - p.psi) * c * P / (1 - n) - l / n,
        "labour demand": P * (1 - p.alp) * y / n / W - R,
        "credit": 1 / (c * P) - p.bet * R * u / m,
        "resources": y + (1 - p.delta) * past.k / dA - c - k,
        "cash in advance": P * c - m,
        "loans": m - 1 + d - l,
        "production": p.alp * (lag.k - now.dA) + (1 - p.alp) * now.n - now.y,
    }


def measurement(now, lag, p):
    return Observables(
        gp_obs=now.P - lag.P + lag.m - now.dA,
        gy_obs=now.y - lag.y + now.dA,
    )


published = dict(
    alp=0.402, bet=0.9905, gam=0.0046, mst=1.0143, rho=0.846, psi=0.685, delta=0.0026, e_a=0.0137, e_m=0.00334
)
"""Posterior means on US data under the priors of table 1, as the tests of MacroModelling.jl (test_estimation.jl,
github.com/thorek1/MacroModelling.jl) have them for this model."""

model = Model(
    name="schorfheide_2000",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    reference='Schorfheide, F. (2000), "Loss Function-Based Evaluation of DSGE Models", Journal of Applied '
    "Econometrics 15(6)",
    published=published,
)
