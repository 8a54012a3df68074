"""Galí (2015), "Monetary Policy, Inflation, and the Business Cycle", 2nd edition, chapter 3: the basic New Keynesian
model with Calvo pricing, its equations as they stand before they are linearised.

Levels; a period is a quarter. Calibrated values are the book's (section 3.4), the standard deviations of shocks and of
priors are ours. To first order it is the book's model; prices that are dispersed matter beyond.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim.model import Model
from estim.priors import beta, inverse_gamma_1, normal


class Variables(NamedTuple):
    y: Any  # output, which is consumed
    n: Any  # hours
    mc: Any  # real marginal cost
    pi: Any  # gross inflation
    price: Any  # of a firm that resets it, relative to the price level
    cost: Any  # expected discounted costs, and
    sales: Any  # sales, until it may reset again
    dispersion: Any  # of prices
    R: Any  # gross policy rate
    a: Any  # log of productivity
    v: Any  # deviation from the policy rule
    z: Any  # log of the preference for consumption today


class Shocks(NamedTuple):
    eps_a: Any
    eps_v: Any
    eps_z: Any


class Observables(NamedTuple):
    dy: Any  # output growth, % a quarter
    infl: Any  # inflation, % a year
    rate: Any  # policy rate, % a year


class Params(NamedTuple):
    discount: float = 0.99
    sigma: float = 1.0  # inverse elasticity of intertemporal substitution
    phi: float = 5.0  # inverse elasticity of labour supply
    alpha: float = 0.25  # returns to labour fall by it
    eps: float = 9.0  # elasticity of demand for a good
    theta: Any = beta(0.75, 0.05)  # share of prices that stay
    phi_pi: Any = normal(1.5, 0.2)  # policy response to inflation
    phi_y: Any = normal(0.125, 0.03)  # policy response to output
    rho_a: Any = beta(0.9, 0.05)
    rho_v: Any = beta(0.5, 0.1)
    rho_z: Any = beta(0.5, 0.1)
    sd_a: Any = inverse_gamma_1(0.01, 0.005)
    sd_v: Any = inverse_gamma_1(0.0025, 0.001)
    sd_z: Any = inverse_gamma_1(0.005, 0.0025)


def steady_state(p):
    mc = (p.eps - 1) / p.eps
    n = ((1 - p.alpha) * mc) ** (1 / ((1 - p.alpha) * p.sigma + p.phi + p.alpha))
    y = n ** (1 - p.alpha)
    sales = y ** (1 - p.sigma) / (1 - p.discount * p.theta)
    return Variables(
        y=y,
        n=n,
        mc=mc,
        pi=1.0,
        price=1.0,
        cost=mc * sales,
        sales=sales,
        dispersion=1.0,
        R=1 / p.discount,
        a=0.0,
        v=0.0,
        z=0.0,
    )


def residuals(lag, now, lead, shocks, p):
    y_rest = steady_state(p).y
    marginal = lambda x: jnp.exp(x.z) * x.y ** (-p.sigma)
    wage = now.y**p.sigma * now.n**p.phi
    scale = p.eps / (1 - p.alpha)  # the elasticity of hours to the relative price
    return {
        "euler": p.discount * marginal(lead) / marginal(now) * now.R / lead.pi - 1,  # (3.6)
        "hours": (now.y / jnp.exp(now.a)) ** (1 / (1 - p.alpha)) * now.dispersion / now.n - 1,
        "marginal cost": wage
        * (now.y / jnp.exp(now.a)) ** (1 / (1 - p.alpha))
        / ((1 - p.alpha) * now.y)
        / now.mc
        - 1,
        "cost": (marginal(now) * now.y * now.mc + p.discount * p.theta * lead.pi**scale * lead.cost)
        / now.cost
        - 1,
        "sales": (marginal(now) * now.y + p.discount * p.theta * lead.pi ** (p.eps - 1) * lead.sales)
        / now.sales
        - 1,
        "price": now.price ** (1 + p.alpha * scale) - p.eps / (p.eps - 1) * now.cost / now.sales,
        "price level": p.theta * now.pi ** (p.eps - 1) + (1 - p.theta) * now.price ** (1 - p.eps) - 1,
        "dispersion": (1 - p.theta) * now.price**-scale
        + p.theta * now.pi**scale * lag.dispersion
        - now.dispersion,
        "policy": now.pi**p.phi_pi * (now.y / y_rest) ** p.phi_y * jnp.exp(now.v) / (p.discount * now.R) - 1,
        "productivity": p.rho_a * lag.a + p.sd_a * shocks.eps_a - now.a,
        "deviation": p.rho_v * lag.v + p.sd_v * shocks.eps_v - now.v,
        "preference": p.rho_z * lag.z + p.sd_z * shocks.eps_z - now.z,
    }


def measurement(now, lag, p):
    return Observables(dy=100 * jnp.log(now.y / lag.y), infl=400 * jnp.log(now.pi), rate=400 * jnp.log(now.R))


model = Model(
    name="gali_2015_levels",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    reference="Galí, J. (2015), Monetary Policy, Inflation, and the Business Cycle: An Introduction to the New "
    "Keynesian Framework and Its Applications, 2nd edition, Princeton University Press",
)
