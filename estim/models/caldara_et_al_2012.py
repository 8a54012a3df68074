"""Caldara, Fernández-Villaverde, Rubio-Ramírez and Yao (2012), "Computing DSGE models with recursive preferences and
stochastic volatility", Review of Economic Dynamics 15: a real business cycle in which households fear risk by more than
they like smooth consumption, and risk itself moves.

Levels; a period is a quarter. Calibrated values and means of the priors are the paper's baseline (risk aversion 5,
elasticity of substitution 0.5), the standard deviations of the priors are ours. To first order neither volatility
nor risk aversion matters; the premium for risk is of second order, and moves from the third on.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim.model import Model
from estim.priors import beta, gamma, normal


class Variables(NamedTuple):
    v: Any  # value
    ev: Any  # expectation of tomorrow's value to the power of 1 - risk aversion
    c: Any  # consumption
    l: Any  # hours, as a share of the time there is
    k: Any  # capital at the end of the period
    y: Any  # output
    rk: Any  # gross return on capital
    rf: Any  # gross rate without risk
    z: Any  # log of productivity
    s: Any  # log of its volatility


class Shocks(NamedTuple):
    e_z: Any
    e_s: Any


class Observables(NamedTuple):
    dy: Any  # output growth, % a quarter


class Params(NamedTuple):
    discount: float = 0.991  # discount factor
    nu: float = 0.357  # weight of consumption against leisure
    aversion: Any = gamma(5.0, 1.0)  # risk aversion
    psi: Any = gamma(0.5, 0.1)  # elasticity of intertemporal substitution
    zeta: Any = beta(0.3, 0.02)  # capital share
    delta: float = 0.0196  # depreciation
    lam: Any = beta(0.95, 0.02)  # persistence of productivity
    s_bar: Any = normal(-4.962, 0.2)  # log of its mean volatility, of 0.007
    rho: Any = beta(0.9, 0.05)  # persistence of volatility
    eta: Any = gamma(0.06, 0.02)  # standard deviation of its innovation


def _felicity(c, l, p):
    return c**p.nu * (1 - l) ** (1 - p.nu)


def _theta(p):
    return (1 - p.aversion) / (1 - 1 / p.psi)


def steady_state(p):
    k_l = ((1 / p.discount - 1 + p.delta) / p.zeta) ** (1 / (p.zeta - 1))
    wage, c_l = (1 - p.zeta) * k_l**p.zeta, k_l**p.zeta - p.delta * k_l
    hours = wage / (wage + (1 - p.nu) / p.nu * c_l)
    v = _felicity(c_l * hours, hours, p)
    return Variables(
        v=v,
        ev=v ** (1 - p.aversion),
        c=c_l * hours,
        l=hours,
        k=k_l * hours,
        y=k_l**p.zeta * hours,
        rk=1 / p.discount,
        rf=1 / p.discount,
        z=0.0,
        s=p.s_bar,
    )


def residuals(lag, now, lead, shocks, p):
    theta = _theta(p)
    power = (1 - p.aversion) / theta
    u, u_next = _felicity(now.c, now.l, p), _felicity(lead.c, lead.l, p)
    kernel = (
        p.discount
        * (u_next / u) ** power
        * (now.c / lead.c)
        * (lead.v ** (1 - p.aversion) / now.ev) ** (1 - 1 / theta)
    )
    return {
        "value": ((1 - p.discount) * u**power + p.discount * now.ev ** (1 / theta)) / now.v**power - 1,
        "expectation": lead.v ** (1 - p.aversion) / now.ev - 1,
        "capital": kernel * lead.rk - 1,
        "bonds": kernel * now.rf - 1,
        "return": p.zeta * now.y / lag.k + 1 - p.delta - now.rk,
        "hours": (1 - p.nu) / p.nu * now.c / (1 - now.l) - (1 - p.zeta) * now.y / now.l,
        "production": jnp.exp(now.z) * lag.k**p.zeta * now.l ** (1 - p.zeta) - now.y,
        "resources": now.y + (1 - p.delta) * lag.k - now.c - now.k,
        "productivity": p.lam * lag.z + jnp.exp(now.s) * shocks.e_z - now.z,
        "volatility": (1 - p.rho) * p.s_bar + p.rho * lag.s + p.eta * shocks.e_s - now.s,
    }


def measurement(now, lag, p):
    return Observables(dy=100 * jnp.log(now.y / lag.y))


model = Model(
    name="caldara_et_al_2012",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    reference='Caldara, D., J. Fernández-Villaverde, J. F. Rubio-Ramírez and W. Yao (2012), "Computing DSGE models '
    'with recursive preferences and stochastic volatility", Review of Economic Dynamics 15(2)',
)
