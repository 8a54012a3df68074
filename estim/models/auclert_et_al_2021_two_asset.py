"""Auclert, Bardóczy, Rognlie and Straub (2021, Econometrica 89), the two-asset HANK model: liquid bonds,
an illiquid account with adjustment costs, capital, sticky prices and wages.

Periods are quarters; shocks and observables are in percentage points.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim import priors
from estim.heterogeneity.two_assets import two_assets
from estim.model import Model
from estim.numerics.grids import geometric_grid, rouwenhorst


class Variables(NamedTuple):
    Y: Any  # output
    pi: Any  # price inflation
    w: Any  # real wage
    r: Any  # real rate
    i: Any  # policy rate
    N: Any  # hours
    mc: Any  # marginal cost
    K: Any  # capital at the end of the quarter
    Q: Any  # its shadow price
    I: Any  # investment
    cost: Any  # of changing prices
    div: Any  # dividends
    price: Any  # of equity
    share: Any  # of equity in the illiquid account
    ra: Any  # return on the illiquid account
    rb: Any  # return on liquid assets
    tax: Any  # rate on labour income
    piw: Any  # wage inflation
    income: Any  # labour income after tax
    A: Any  # illiquid assets
    B: Any  # liquid assets
    C: Any  # consumption
    UCE: Any  # marginal utility, weighted by skill
    Z: Any  # productivity
    G: Any  # government spending
    m: Any  # monetary policy shock


class Shocks(NamedTuple):
    eps_m: Any
    eps_Z: Any
    eps_G: Any


class Observables(NamedTuple):
    Y: Any  # output, % of its steady state
    pi: Any  # inflation, % a quarter
    i: Any  # policy rate, % a quarter


class Params(NamedTuple):
    beta: Any = 0.976  # discount factor: solved for
    chi1: Any = 6.5  # scale of adjustment costs: solved for
    vphi: Any = 1.71  # disutility of labour: solved for
    eis: Any = 0.5  # elasticity of intertemporal substitution
    frisch: Any = 1.0
    chi0: Any = 0.25  # adjustment is costly even at zero illiquid assets
    rho_z: Any = 0.966  # persistence of log skill
    sd_z: Any = 0.92  # its cross-sectional standard deviation
    r: Any = 0.0125
    omega: Any = 0.005  # cost of liquidity
    wealth: Any = 14.0  # all assets of households
    liquid: Any = 1.04  # of which liquid
    Bg: Any = 2.8  # government debt
    G: Any = 0.2
    K: Any = 10.0
    delta: Any = 0.02
    epsI: Any = 4.0  # elasticity of investment
    muw: Any = 1.1  # wage markup
    kappa_p: Any = priors.gamma(0.1, 0.05)  # slope of the price Phillips curve
    kappa_w: Any = priors.gamma(0.1, 0.05)  # slope of the wage Phillips curve
    phi: Any = priors.gamma(1.5, 0.2)  # policy response to inflation
    rho_m: Any = priors.beta(0.6, 0.2)
    sig_m: Any = priors.inverse_gamma_1(0.25, 2.0)
    rho_Z: Any = priors.beta(0.8, 0.1)
    sig_Z: Any = priors.inverse_gamma_1(1.0, 2.0)
    rho_G: Any = priors.beta(0.8, 0.1)
    sig_G: Any = priors.inverse_gamma_1(1.0, 2.0)


class Grids(NamedTuple):
    z: Any
    transition: Any
    b: Any
    a: Any


def grids(p):
    skill = rouwenhorst(p.rho_z, p.sd_z, 3)
    b, a = geometric_grid(0.0, 50.0, 50), geometric_grid(0.0, 4000.0, 70)
    return Grids(skill.states, skill.transition, b, a)


def income(income, grid, p):
    """max E sum beta^t c^(1-1/eis)/(1-1/eis), c + a + b + Psi(a, a_) = z income + (1+ra) a_ + (1+rb) b_,
    a >= 0, b >= 0, Psi = chi1/2 (a - (1+ra) a_)^2 / ((1+ra) a_ + chi0) (appendix E.3)."""
    return income * grid.z[:, None, None]


def marginal_utility(found, grid, p):
    """Of consumption, by skill: what unions bargain with."""
    return {"uce": grid.z[:, None, None] * found["uc"]}


class Technology(NamedTuple):
    mc: Any
    mup: Any  # price markup
    alpha: Any  # capital share
    Z: Any


def technology(p):
    """Markup, capital share and productivity that give output one, with equity worth what households hold."""
    mc = 1 - p.r * (p.wealth - p.Bg - p.K)
    alpha = (p.r + p.delta) * p.K / mc
    return Technology(mc, 1 / mc, alpha, p.K**-alpha)


def steady_state(p):
    """In closed form but for what households consume, whose stated values are not targets."""
    tech = technology(p)
    w = tech.mc * (1 - tech.alpha)
    tax = (p.r * p.Bg + p.G) / w
    price, I = p.wealth - p.Bg, p.delta * p.K
    return Variables(
        Y=1.0, pi=0.0, w=w, r=p.r, i=p.r, N=1.0, mc=tech.mc, K=p.K, Q=1.0, I=I, cost=0.0, div=1 - w - I,
        price=price, share=price / (p.wealth - p.liquid), ra=p.r, rb=p.r - p.omega, tax=tax, piw=0.0,
        income=(1 - tax) * w, A=p.wealth - p.liquid, B=p.liquid, C=0.6, UCE=4.0, Z=tech.Z, G=p.G, m=0.0,
    )  # fmt: skip


def residuals(lag, now, lead, eps, p):
    tech = technology(p)
    growth, growth_ahead = now.K / lag.K, lead.K / now.K
    adjustment = lambda growth: (growth - 1) ** 2 / (2 * p.delta * p.epsI)
    return {
        "price Phillips curve": jnp.log(1 + now.pi)
        - p.kappa_p * (now.mc - 1 / tech.mup)
        - lead.Y / now.Y * jnp.log(1 + lead.pi) / (1 + lead.r),
        "equity": now.price * (1 + lead.r) - lead.div - lead.price,
        "production": now.Y - now.Z * lag.K**tech.alpha * now.N ** (1 - tech.alpha),
        "marginal cost": now.mc - now.w * now.N / (1 - tech.alpha) / now.Y,
        "price of capital": now.Q - 1 - (growth - 1) / (p.delta * p.epsI),
        "investment": (1 + lead.r) * now.Q
        - tech.alpha * lead.Z * (lead.N / now.K) ** (1 - tech.alpha) * lead.mc
        + growth_ahead - (1 - p.delta) + adjustment(growth_ahead) - growth_ahead * lead.Q,
        "capital": now.I - now.K + (1 - p.delta) * lag.K - lag.K * adjustment(growth),
        "cost of prices": now.cost
        - tech.mup / (tech.mup - 1) / 2 / p.kappa_p * jnp.log(1 + now.pi) ** 2 * now.Y,
        "dividends": now.div - (now.Y - now.w * now.N - now.I - now.cost),
        "Taylor rule": now.i - p.r - p.phi * now.pi - now.m,
        "Fisher equation": 1 + lag.i - (1 + now.r) * (1 + now.pi),
        "government budget": now.tax * now.w * now.N - now.r * p.Bg - now.G,
        "portfolio": now.share - now.price / (p.wealth - p.liquid),
        "illiquid return": 1 + now.ra
        - lag.share * (now.div + now.price) / lag.price - (1 - lag.share) * (1 + now.r),
        "liquid return": now.rb - now.r + p.omega,
        "wage inflation": (1 + now.piw) * lag.w - (1 + now.pi) * now.w,
        "wage Phillips curve": jnp.log(1 + now.piw)
        - p.kappa_w
        * (p.vphi * now.N ** (1 + 1 / p.frisch) - (1 - now.tax) * now.w * now.N * now.UCE / p.muw)
        - p.beta * jnp.log(1 + lead.piw),
        "labour income": now.income - (1 - now.tax) * now.w * now.N,
        "asset market": now.price + p.Bg - now.A - now.B,
        "productivity": now.Z - tech.Z - p.rho_Z * (lag.Z - tech.Z) - p.sig_Z / 100 * eps.eps_Z,
        "spending": now.G - p.G - p.rho_G * (lag.G - p.G) - p.sig_G / 100 * eps.eps_G,
        "monetary policy": now.m - p.rho_m * lag.m - p.sig_m / 100 * eps.eps_m,
    }  # fmt: skip


def measurement(now, lag, p):
    return Observables(Y=100 * (now.Y - 1), pi=100 * now.pi, i=100 * (now.i - p.r))


model = Model(
    name="auclert_et_al_2021_two_asset",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    het_blocks=(
        two_assets(
            income, grids, outputs={"A": "a", "B": "b", "C": "c", "UCE": "uce"}, also=marginal_utility
        ),
    ),
    unknowns={"beta": (0.9, 0.987), "chi1": (0.5, 50.0), "vphi": (0.1, 10.0)},
    targets=("A", "B", "wage Phillips curve"),
    horizon=450,  # capital returns slowly
    reference="Auclert, Bardóczy, Rognlie and Straub (2021), Econometrica 89(5), 2375-2408",
)
