"""Kase, Rigato and Rottner (2024), "Sequence-Space Jacobian Meets Deep Learning": a one-asset HANK model
with sticky wages, three aggregate shocks, and US data on output growth, inflation and the policy rate.

Where the paper is silent, the model is the published teaching version of Auclert, Rognlie and Straub
(2024), whose households it shares, with the policy rule of Smets and Wouters (2007), reduced to inertia
and responses to inflation and output. That makes eleven estimated parameters: two for each shock, the
slope of the wage Phillips curve, the response of taxes to debt, and three of the policy rule.

The prior of the wage Phillips curve's slope has its mean at 0.05. One twice as wide, gamma(0.1, 0.05), leaves
room for a second mode near 0.5, where wages are all but flexible: small, but a chain that finds it stays.

Persistences end at 0.98: the data would take a unit root in productivity, which a model solved around a
steady state does not have. Periods are quarters.
"""

from typing import Any, NamedTuple

from estim import priors
from estim.model import Model
from estim.models import auclert_rognlie_straub_2024 as ars


class Observables(NamedTuple):
    YGR: Any  # growth of real GDP per head, % a quarter
    INFL: Any  # inflation of the GDP deflator, % a year
    INT: Any  # federal funds rate, % a year


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
    growth: Any = 0.3696  # sample means of the observables, 1966Q1-2019Q4
    inflation: Any = 3.3952
    rate: Any = 5.2041
    kappa_w: Any = priors.gamma(0.05, 0.025)  # slope of the wage Phillips curve
    rho_i: Any = priors.beta(0.75, 0.1)  # inertia of the policy rate
    phi_pi: Any = priors.gamma(1.5, 0.25)  # its response to inflation
    phi_y: Any = priors.gamma(0.125, 0.05)  # and to output
    phi_T: Any = priors.gamma(0.1, 0.03)  # response of taxes to debt
    sig_m: Any = priors.inverse_gamma_1(0.25, 2.0)
    rho_m: Any = priors.beta(0.5, 0.2, high=0.98)
    sig_X: Any = priors.inverse_gamma_1(0.5, 2.0)
    rho_X: Any = priors.beta(0.5, 0.2, high=0.98)
    sig_G: Any = priors.inverse_gamma_1(0.5, 2.0)
    rho_G: Any = priors.beta(0.5, 0.2, high=0.98)


def residuals(lag, now, lead, eps, p):
    target = p.r + p.phi_pi * now.pi + p.phi_y * (now.Y - 1)
    return ars.residuals(lag, now, lead, eps, p) | {
        "Taylor rule": now.i - p.rho_i * lag.i - (1 - p.rho_i) * target - now.m
    }


def measurement(now, lag, p):
    return Observables(
        YGR=p.growth + 100 * (now.Y - lag.Y),
        INFL=p.inflation + 400 * now.pi,
        INT=p.rate + 400 * (now.i - p.r),
    )


near_the_mode = dict(
    kappa_w=0.03, rho_i=0.77, phi_pi=2.1, phi_y=0.18, phi_T=0.21,
    sig_m=0.25, rho_m=0.3, sig_X=0.35, rho_X=0.97, sig_G=0.78, rho_G=0.85,
)  # fmt: skip

model = Model(
    name="kase_rigato_rottner_2024",
    variables=ars.Variables,
    shocks=ars.Shocks,
    observables=Observables,
    steady_state=ars.steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    het_blocks=(ars.household,),
    unknowns={"beta": (0.5, 0.99)},
    targets=("A",),
    start=near_the_mode,
    reference="Kase, Rigato and Rottner (2024), Sequence-Space Jacobian Meets Deep Learning",
)
