"""Auclert, Bardóczy, Rognlie and Straub (2021, Econometrica 89), the one-asset HANK model: households
choose hours, prices are sticky, the government's debt is the only asset.

Periods are quarters; shocks and observables are in percentage points.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim import priors
from estim.heterogeneity.households import one_asset_with_labour
from estim.model import Model
from estim.numerics.grids import geometric_grid, rouwenhorst


class Variables(NamedTuple):
    Y: Any  # output
    pi: Any  # inflation
    w: Any  # real wage
    i: Any  # policy rate
    r: Any  # real return
    L: Any  # labour demanded
    NE: Any  # labour supplied, in efficiency units
    A: Any  # assets of households
    C: Any  # consumption
    transfer: Any  # dividends less taxes, received in proportion to skill
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
    beta: Any = 0.98  # discount factor: solved for
    vphi: Any = 0.79  # disutility of labour: solved for
    eis: Any = 0.5  # elasticity of intertemporal substitution
    frisch: Any = 0.5
    rho_e: Any = 0.966  # persistence of log skill
    sd_e: Any = 0.5  # its cross-sectional standard deviation
    r: Any = 0.005  # steady-state real rate
    B: Any = 5.6  # government debt
    G: Any = 0.0
    mu: Any = 1.2  # markup
    kappa: Any = priors.gamma(0.1, 0.05)  # slope of the Phillips curve
    phi: Any = priors.gamma(1.5, 0.2)  # policy response to inflation
    rho_m: Any = priors.beta(0.6, 0.2)
    sig_m: Any = priors.inverse_gamma_1(0.25, 2.0)
    rho_Z: Any = priors.beta(0.8, 0.1)
    sig_Z: Any = priors.inverse_gamma_1(1.0, 2.0)
    rho_G: Any = priors.beta(0.8, 0.1)
    sig_G: Any = priors.inverse_gamma_1(1.0, 2.0)


class Grids(NamedTuple):
    e: Any
    transition: Any
    a: Any


def grids(p):
    skill = rouwenhorst(p.rho_e, p.sd_e, 7)
    return Grids(skill.states, skill.transition, geometric_grid(0.0, 150.0, 500))


def cash(r, transfer, grid, p):
    """max E sum beta^t [c^(1-1/eis)/(1-1/eis) - vphi n^(1+1/frisch)/(1+1/frisch)],
    c + a = (1+r) a_ + transfer e + w e n, a >= 0."""
    return (1 + r) * grid.a[None, :] + transfer * grid.e[:, None]


def wage(w, grid, p):
    return w * grid.e[:, None]


def labour(found, grid, p):
    """Hours in efficiency units."""
    return {"ne": grid.e[:, None] * found["n"]}


def steady_state(p):
    w, tax = 1 / p.mu, p.r * p.B + p.G
    return Variables(
        Y=1.0, pi=0.0, w=w, i=p.r, r=p.r, L=1.0, NE=1.0, A=p.B, C=1 - p.G,
        transfer=1 - w - tax, Z=1.0, G=p.G, m=0.0,
    )  # fmt: skip


def residuals(lag, now, lead, eps, p):
    adjustment = p.mu / (p.mu - 1) / (2 * p.kappa) * jnp.log(1 + now.pi) ** 2 * now.Y
    dividend = now.Y - now.w * now.L - adjustment
    tax = now.r * p.B + now.G
    return {
        "labour demand": now.L - now.Y / now.Z,
        "transfers": now.transfer - (dividend - tax),
        "Taylor rule": now.i - p.r - p.phi * now.pi - now.m,
        "real return": 1 + now.r - (1 + lag.i) / (1 + now.pi),
        "Phillips curve": jnp.log(1 + now.pi)
        - p.kappa * (now.w / now.Z - 1 / p.mu)
        - lead.Y / now.Y * jnp.log(1 + lead.pi) / (1 + lead.r),
        "bond market": now.A - p.B,
        "labour market": now.NE - now.L,
        "goods market": now.C + now.G + adjustment - now.Y,
        "productivity": now.Z - 1 - p.rho_Z * (lag.Z - 1) - p.sig_Z / 100 * eps.eps_Z,
        "spending": now.G - p.G - p.rho_G * (lag.G - p.G) - p.sig_G / 100 * eps.eps_G,
        "monetary policy": now.m - p.rho_m * lag.m - p.sig_m / 100 * eps.eps_m,
    }


def measurement(now, lag, p):
    return Observables(Y=100 * (now.Y - 1), pi=100 * now.pi, i=100 * (now.i - p.r))


model = Model(
    name="auclert_et_al_2021_one_asset",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    het_blocks=(one_asset_with_labour(cash, wage, grids, outputs={"A": "a", "NE": "ne"}, also=labour),),
    unknowns={"beta": (0.9, 0.9949), "vphi": (0.1, 3.0)},
    targets=("A", "NE"),
    horizon=400,  # the distribution of wealth returns slowly
    reference="Auclert, Bardóczy, Rognlie and Straub (2021), Econometrica 89(5), 2375-2408",
)
