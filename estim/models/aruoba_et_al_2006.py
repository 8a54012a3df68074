"""Aruoba, Fernández-Villaverde and Rubio-Ramírez (2006), "Comparing solution methods for dynamic equilibrium
economies", Journal of Economic Dynamics and Control 30: the stochastic neoclassical growth model with leisure.

Levels; a period is a quarter. Calibrated values and means of the priors are the paper's benchmark, the standard
deviations of the priors are ours.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim.model import Model
from estim.priors import beta, gamma, inverse_gamma_1


class Variables(NamedTuple):
    c: Any  # consumption
    l: Any  # hours, as a share of the time there is
    k: Any  # capital at the end of the period
    y: Any  # output
    z: Any  # log of productivity


class Shocks(NamedTuple):
    eps: Any


class Observables(NamedTuple):
    dy: Any  # output growth, % a quarter


class Params(NamedTuple):
    discount: float = 0.9896  # discount factor
    tau: Any = gamma(2.0, 0.5)  # inverse elasticity of substitution of the composite good
    theta: float = 0.357  # weight of consumption against leisure
    alpha: Any = beta(0.4, 0.02)  # capital share
    delta: float = 0.0196  # depreciation
    rho: Any = beta(0.95, 0.02)  # persistence of productivity
    sigma: Any = inverse_gamma_1(0.007, 0.002)  # standard deviation of its innovation


def steady_state(p):
    k_l = (p.alpha / (1 / p.discount - 1 + p.delta)) ** (1 / (1 - p.alpha))
    wage, c_l = (1 - p.alpha) * k_l**p.alpha, k_l**p.alpha - p.delta * k_l
    hours = wage / (wage + (1 - p.theta) / p.theta * c_l)
    return Variables(c=c_l * hours, l=hours, k=k_l * hours, y=k_l**p.alpha * hours, z=0.0)


def residuals(lag, now, lead, shocks, p):
    marginal = lambda x: (x.c**p.theta * (1 - x.l) ** (1 - p.theta)) ** (1 - p.tau) / x.c
    gross_return = p.alpha * lead.y / now.k + 1 - p.delta
    return {
        "euler": p.discount * marginal(lead) / marginal(now) * gross_return - 1,
        "hours": (1 - p.theta) / p.theta * now.c / (1 - now.l) - (1 - p.alpha) * now.y / now.l,
        "production": jnp.exp(now.z) * lag.k**p.alpha * now.l ** (1 - p.alpha) - now.y,
        "resources": now.y + (1 - p.delta) * lag.k - now.c - now.k,
        "productivity": p.rho * lag.z + p.sigma * shocks.eps - now.z,
    }


def measurement(now, lag, p):
    return Observables(dy=100 * jnp.log(now.y / lag.y))


model = Model(
    name="aruoba_et_al_2006",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    reference='Aruoba, S. B., J. Fernández-Villaverde and J. F. Rubio-Ramírez (2006), "Comparing solution methods for '
    'dynamic equilibrium economies", Journal of Economic Dynamics and Control 30(12)',
)
