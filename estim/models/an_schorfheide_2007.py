"""An and Schorfheide (2007), "Bayesian Analysis of DSGE Models", Econometric Reviews 26: the
three-equation New Keynesian model, log-linearised (their equations 29 to 38).

All variables are percentage deviations from the steady state; a period is a quarter.
"""

from typing import Any, NamedTuple

from estim.model import Model
from estim.priors import gamma, inverse_gamma_1, normal, uniform


class Variables(NamedTuple):
    y: Any  # output
    pi: Any  # inflation
    R: Any  # policy rate
    g: Any  # government spending
    z: Any  # technology growth


class Shocks(NamedTuple):
    eps_R: Any
    eps_g: Any
    eps_z: Any


class Observables(NamedTuple):
    YGR: Any  # GDP growth per head, % a quarter
    INFL: Any  # inflation, % a year
    INT: Any  # policy rate, % a year


class Params(NamedTuple):
    eps_R: Any = inverse_gamma_1(0.5013256549262002, 0.2620545510248134)  # s = 0.4, nu = 4
    eps_g: Any = inverse_gamma_1(1.2533141373155, 0.6551363775620335)  # s = 1, nu = 4
    eps_z: Any = inverse_gamma_1(0.6266570686577502, 0.3275681887810167)  # s = 0.5, nu = 4
    tau: Any = gamma(2.0, 0.5)  # inverse elasticity of intertemporal substitution
    kappa: Any = uniform(0.0, 1.0)  # slope of the Phillips curve
    psi1: Any = gamma(1.5, 0.25)  # policy response to inflation
    psi2: Any = gamma(0.5, 0.25)  # policy response to the output gap
    rA: Any = gamma(0.5, 0.5)  # steady-state real rate, % a year
    piA: Any = gamma(7.0, 2.0)  # steady-state inflation, % a year
    gammaQ: Any = normal(0.4, 0.2)  # steady-state growth, % a quarter
    rho_R: Any = uniform(0.0, 1.0)
    rho_g: Any = uniform(0.0, 1.0)
    rho_z: Any = uniform(0.0, 1.0)
    me_YGR: Any = 0.0  # standard deviations of measurement error
    me_INFL: Any = 0.0
    me_INT: Any = 0.0


def steady_state(params):
    return Variables(*[0.0] * len(Variables._fields))


def residuals(lag, now, lead, shocks, p):
    beta = 1 / (1 + p.rA / 400)
    gap = now.y - now.g
    return {
        "euler": lead.y - (now.R - lead.pi - lead.z) / p.tau + now.g - lead.g - now.y,  # (29)
        "phillips": beta * lead.pi + p.kappa * gap - now.pi,  # (30)
        "policy": p.rho_R * lag.R
        + (1 - p.rho_R) * (p.psi1 * now.pi + p.psi2 * gap)
        + p.eps_R * shocks.eps_R
        - now.R,
        "spending": p.rho_g * lag.g + p.eps_g * shocks.eps_g - now.g,
        "technology": p.rho_z * lag.z + p.eps_z * shocks.eps_z - now.z,
    }


def measurement(now, lag, p):  # (38)
    return Observables(
        YGR=p.gammaQ + now.y - lag.y + now.z,
        INFL=p.piA + 4 * now.pi,
        INT=p.piA + p.rA + 4 * p.gammaQ + 4 * now.R,
    )


def measurement_error(p):
    return Observables(p.me_YGR, p.me_INFL, p.me_INT)


published = {
    **dict(tau=2.83, kappa=0.78, psi1=1.80, psi2=0.63, rA=0.42, piA=3.30, gammaQ=0.52),
    **dict(rho_R=0.77, rho_g=0.98, rho_z=0.88, eps_R=0.22, eps_g=0.71, eps_z=0.31),
}
"""Posterior means on US data, 1983Q1 to 2002Q4, of Herbst and Schorfheide (2015, table 4.1, p. 98), who print these
priors; `experiments/an_schorfheide_2007.py` says with which one the table comes out. An and Schorfheide estimate on
simulated data."""

model = Model(
    name="an_schorfheide_2007",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    measurement_error=measurement_error,
    prior=Params(),
    start={
        "eps_R": 0.19,
        "eps_g": 0.65,
        "eps_z": 0.24,
        "tau": 2.09,
        "kappa": 0.98,
        "psi1": 2.25,
        "psi2": 0.65,
        "rA": 0.34,
        "piA": 3.16,
        "gammaQ": 0.51,
        "rho_R": 0.81,
        "rho_g": 0.98,
        "rho_z": 0.93,
    },
    linearised=True,
    reference='An, S. and F. Schorfheide (2007), "Bayesian Analysis of DSGE Models", Econometric Reviews 26(2-4)',
    published=published,
)
