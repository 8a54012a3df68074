"""Krusell and Smith (1998), "Income and Wealth Heterogeneity in the Macroeconomy", JPE 106, in the
calibration of Auclert, Bardóczy, Rognlie and Straub (2021, Econometrica 89): households hold the capital stock.

Periods are quarters; productivity follows an AR(1) in logs.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim import priors
from estim.heterogeneity.households import one_asset
from estim.model import Model
from estim.numerics.grids import geometric_grid, rouwenhorst


class Variables(NamedTuple):
    K: Any  # capital at the end of the quarter
    A: Any  # assets of households
    Y: Any  # output
    C: Any  # consumption
    I: Any  # investment
    r: Any  # return on capital
    w: Any  # wage
    Z: Any  # productivity


class Shocks(NamedTuple):
    eps_Z: Any


class Observables(NamedTuple):
    Y: Any  # output, % of its steady state


class Params(NamedTuple):
    beta: Any = 0.98  # discount factor: solved for
    eis: Any = 1.0  # elasticity of intertemporal substitution
    rho_e: Any = 0.966  # persistence of log income
    sd_e: Any = 0.5  # its cross-sectional standard deviation
    r: Any = 0.01  # steady-state return
    delta: Any = 0.025  # depreciation
    alpha: Any = 0.11  # capital share
    rho_Z: Any = priors.beta(0.8, 0.1)
    sig_Z: Any = priors.inverse_gamma_1(1.0, 2.0)  # %


class Grids(NamedTuple):
    e: Any
    transition: Any
    a: Any


def grids(p):
    income = rouwenhorst(p.rho_e, p.sd_e, 7)
    return Grids(income.states, income.transition, geometric_grid(0.0, 200.0, 500))


def cash(r, w, grid, p):
    """max E sum beta^t u(c_t), u(c) = c^(1-1/eis) / (1-1/eis), c + a = (1+r) a_ + w e, a >= 0."""
    return (1 + r) * grid.a[None, :] + w * grid.e[:, None]


def steady_state(p):
    K = p.alpha / (p.r + p.delta)  # output is one
    return Variables(
        K=K, A=K, Y=1.0, C=1 - p.delta * K, I=p.delta * K, r=p.r, w=1 - p.alpha, Z=K**-p.alpha
    )  # fmt: skip


def residuals(lag, now, lead, eps, p):
    Z_ss = (p.alpha / (p.r + p.delta)) ** -p.alpha
    return {
        "return on capital": now.r + p.delta - p.alpha * now.Z * lag.K ** (p.alpha - 1),
        "wage": now.w - (1 - p.alpha) * now.Z * lag.K**p.alpha,
        "output": now.Y - now.Z * lag.K**p.alpha,
        "capital": now.I - now.K + (1 - p.delta) * lag.K,
        "goods market": now.C + now.I - now.Y,
        "capital market": now.A - now.K,
        "productivity": jnp.log(now.Z / Z_ss) - p.rho_Z * jnp.log(lag.Z / Z_ss) - p.sig_Z / 100 * eps.eps_Z,
    }


def measurement(now, lag, p):
    return Observables(Y=100 * jnp.log(now.Y))


model = Model(
    name="krusell_smith_1998",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    het_blocks=(one_asset(cash, grids, outputs={"A": "a"}),),
    unknowns={"beta": (0.9, 0.9899)},
    targets=("A",),
    start={"rho_Z": 0.8, "sig_Z": 1.0},
    reference="Krusell and Smith (1998), JPE 106(5), 867-896; Auclert et al. (2021), Econometrica 89(5)",
)
