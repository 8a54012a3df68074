"""Auclert, Rognlie and Straub (2024), "The Intertemporal Keynesian Cross", JPE 132: a one-asset HANK
model with sticky wages, in the small version that its authors use for teaching.

Households save in one real bond and work as many hours as the union asks of them. Periods are
quarters; shocks and observables are in percentage points.
"""

from typing import Any, NamedTuple

from estim import priors
from estim.heterogeneity.households import one_asset
from estim.model import Model
from estim.numerics.grids import double_exponential_grid, rouwenhorst


class Variables(NamedTuple):
    Y: Any  # output
    pi: Any  # price inflation
    i: Any  # policy rate
    piw: Any  # wage inflation
    r_ante: Any  # real rate from this quarter to the next, as expected
    r: Any  # real return on last quarter's bonds
    Z: Any  # income after tax
    T: Any  # taxes
    B: Any  # government debt
    C: Any  # consumption
    A: Any  # assets of households
    X: Any  # productivity
    G: Any  # government spending
    m: Any  # monetary policy shock


class Shocks(NamedTuple):
    eps_m: Any
    eps_X: Any
    eps_G: Any


class Observables(NamedTuple):
    pi: Any  # inflation, % a quarter
    Y: Any  # output, % of its steady state
    i: Any  # policy rate, % a quarter


class Params(NamedTuple):
    beta: Any = 0.82  # discount factor: solved for
    eis: Any = 0.5  # elasticity of intertemporal substitution
    rho_e: Any = 0.92  # persistence of log income
    sd_e: Any = 0.92  # its cross-sectional standard deviation
    min_a: Any = -1.0  # borrowing limit
    r: Any = 0.01  # steady-state real rate
    frisch: Any = 0.5
    markup: Any = 1.015
    B: Any = 0.0  # debt in the steady state
    G: Any = 0.0
    kappa_w: Any = priors.gamma(0.2, 0.1)  # slope of the wage Phillips curve
    phi_pi: Any = priors.gamma(1.5, 0.2)  # policy response to inflation
    phi_T: Any = priors.gamma(0.1, 0.03)  # tax response to debt
    sig_m: Any = priors.inverse_gamma_1(1.0, 2.0)
    rho_m: Any = priors.beta(0.5, 0.2)
    sig_X: Any = priors.inverse_gamma_1(0.5, 2.0)
    rho_X: Any = priors.beta(0.5, 0.2)
    sig_G: Any = priors.inverse_gamma_1(0.2, 2.0)
    rho_G: Any = priors.beta(0.5, 0.2)


class Grids(NamedTuple):
    e: Any
    transition: Any
    a: Any


def grids(p):
    income = rouwenhorst(p.rho_e, p.sd_e, 11)
    return Grids(income.states, income.transition, double_exponential_grid(p.min_a, 1000.0, 500))


def cash(r, Z, grid, p):
    """max E sum beta^t u(c_t), u(c) = c^(1-1/eis) / (1-1/eis), c + a = (1+r) a_ + Z e, a >= min_a."""
    return (1 + r) * grid.a[None, :] + Z * grid.e[:, None]


household = one_asset(cash, grids, outputs={"A": "a"})


def steady_state(p):
    T = p.G + p.r * p.B
    return Variables(
        Y=1.0, pi=0.0, i=p.r, piw=0.0, r_ante=p.r, r=p.r, Z=1 - T, T=T, B=p.B,
        C=1 - p.G, A=p.B, X=1.0, G=p.G, m=0.0,
    )  # fmt: skip


def disutility(p):
    """Weight of labour in utility, such that hours are one: X u'(C) / mu = vphi."""
    return (1 - p.G) ** (-1 / p.eis) / p.markup


def residuals(lag, now, lead, eps, p):
    marginal = now.X * now.C ** (-1 / p.eis) / p.markup
    hours = now.Y / now.X
    return {
        "wage Phillips curve": now.piw
        - p.kappa_w * (disutility(p) * hours ** (1 / p.frisch) - marginal)
        - p.beta * lead.piw,
        "price setting": now.piw - now.pi - (now.X - lag.X),
        "Taylor rule": now.i - p.r - p.phi_pi * now.pi - now.m,
        "Fisher equation": now.r_ante - (now.i - lead.pi),
        "return on bonds": now.r - lag.r_ante,
        "tax rule": now.T - (p.G + p.r * p.B) - p.phi_T * (lag.B - p.B),
        "government budget": now.B - (1 + now.r) * lag.B - now.G + now.T,
        "income after tax": now.Z - (now.Y - now.T),
        "goods market": now.C + now.G - now.Y,
        "bond market": now.A - now.B,
        "productivity": now.X - 1 - p.rho_X * (lag.X - 1) - p.sig_X / 100 * eps.eps_X,
        "spending": now.G - p.G - p.rho_G * (lag.G - p.G) - p.sig_G / 100 * eps.eps_G,
        "monetary policy": now.m - p.rho_m * lag.m - p.sig_m / 100 * eps.eps_m,
    }


def measurement(now, lag, p):
    return Observables(pi=100 * now.pi, Y=100 * (now.Y - 1), i=100 * (now.i - p.r))


model = Model(
    name="auclert_rognlie_straub_2024",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    het_blocks=(household,),
    unknowns={"beta": (0.5, 0.99)},
    targets=("A",),
    reference="Auclert, Rognlie and Straub (2024), The Intertemporal Keynesian Cross, JPE 132(12)",
)
