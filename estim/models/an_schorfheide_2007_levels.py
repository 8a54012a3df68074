"""An and Schorfheide (2007), "Bayesian Analysis of DSGE Models", Econometric Reviews 26: the New Keynesian model with
quadratic costs of price adjustment (Rotemberg 1982) as it stands, detrended and in levels (their equations 18 to 28).

To first order it is the log-linearised `an_schorfheide_2007`, whose parameters, units and observables it has; risk and
the size of shocks matter beyond. A period is a quarter.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim.model import Model
from estim.models.an_schorfheide_2007 import Observables, Shocks
from estim.models.an_schorfheide_2007 import Params as Linear
from estim.models.an_schorfheide_2007 import model as linear


class Variables(NamedTuple):
    c: Any  # consumption, relative to technology
    y: Any  # output, relative to technology
    pi: Any  # gross inflation
    R: Any  # gross policy rate
    g: Any  # log of 1 / (1 - government's share of output)
    z: Any  # log growth of technology, less its mean


_defaults = Linear()


class Params(NamedTuple):
    eps_R: Any = _defaults.eps_R  # standard deviations in percent
    eps_g: Any = _defaults.eps_g
    eps_z: Any = _defaults.eps_z
    tau: Any = _defaults.tau  # inverse elasticity of intertemporal substitution
    kappa: Any = _defaults.kappa  # slope of the Phillips curve
    psi1: Any = _defaults.psi1  # policy response to inflation
    psi2: Any = _defaults.psi2  # policy response to the output gap
    rA: Any = _defaults.rA  # steady-state real rate, % a year
    piA: Any = _defaults.piA  # steady-state inflation, % a year
    gammaQ: Any = _defaults.gammaQ  # steady-state growth, % a quarter
    rho_R: Any = _defaults.rho_R
    rho_g: Any = _defaults.rho_g
    rho_z: Any = _defaults.rho_z
    nu: float = 0.1  # inverse elasticity of demand for a good
    share: float = 0.85  # of output that is consumed


def _rest(p):
    """The discount factor, gross inflation, growth and the policy rate at rest."""
    beta, pi, gamma = 1 / (1 + p.rA / 400), 1 + p.piA / 400, 1 + p.gammaQ / 100
    return beta, pi, gamma, gamma * pi / beta


def steady_state(p):
    _, pi, _, R = _rest(p)
    c = (1 - p.nu) ** (1 / p.tau)
    return Variables(c=c, y=c / p.share, pi=pi, R=R, g=-jnp.log(p.share), z=0.0)


def residuals(lag, now, lead, shocks, p):
    beta, pi, gamma, R = _rest(p)
    phi = p.tau * (1 - p.nu) / (p.nu * pi**2 * p.kappa)  # cost of adjustment that gives the slope kappa
    discount = beta * (lead.c / now.c) ** (-p.tau)
    natural = (1 - p.nu) ** (1 / p.tau) * jnp.exp(now.g)  # output under flexible prices, (26)
    target = R * (now.pi / pi) ** p.psi1 * (now.y / natural) ** p.psi2
    gap = now.pi - pi
    return {
        "euler": discount * now.R / (gamma * jnp.exp(lead.z) * lead.pi) - 1,  # (21)
        "pricing": (1 - now.c**p.tau) / p.nu
        + phi * gap * ((1 - 1 / (2 * p.nu)) * now.pi + pi / (2 * p.nu))
        - phi * discount * (lead.y / now.y) * (lead.pi - pi) * lead.pi
        - 1,  # (22)
        "resources": now.c + phi / 2 * gap**2 * now.y - now.y * jnp.exp(-now.g),  # (23)
        "policy": (1 - p.rho_R) * jnp.log(target)
        + p.rho_R * jnp.log(lag.R)
        + 0.01 * p.eps_R * shocks.eps_R
        - jnp.log(now.R),  # (24)
        "spending": -(1 - p.rho_g) * jnp.log(p.share)
        + p.rho_g * lag.g
        + 0.01 * p.eps_g * shocks.eps_g
        - now.g,
        "technology": p.rho_z * lag.z + 0.01 * p.eps_z * shocks.eps_z - now.z,
    }


def measurement(now, lag, p):
    _, pi, _, R = _rest(p)
    return Observables(
        YGR=p.gammaQ + 100 * (jnp.log(now.y / lag.y) + now.z),
        INFL=p.piA + 400 * jnp.log(now.pi / pi),
        INT=p.piA + p.rA + 4 * p.gammaQ + 400 * jnp.log(now.R / R),
    )


model = Model(
    name="an_schorfheide_2007_levels",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    start=linear.start,
    reference=linear.reference,
    published=linear.published,
)
