"""Galí (2015), "Monetary Policy, Inflation, and the Business Cycle", 2nd edition, chapter 3: the three equations of the
basic New Keynesian model, with a rule that smooths the rate and a lower bound that the rate does not pass.

Log-linearised, in percent; a period is a quarter. ``inot`` is the rate that the rule asks for. By
`estim.OccasionallyBinding` (Guerrieri and Iacoviello 2015) the rate is that one or its bound, `ibar` below its mean; by
`estim.FirstOrder` there is no bound. Calibrated values and priors are ours.
"""

from typing import Any, NamedTuple

from estim.model import Model
from estim.priors import beta, gamma


class Variables(NamedTuple):
    x: Any  # output gap
    pinf: Any  # inflation
    i: Any  # the policy rate, less its mean
    inot: Any  # the rate that the rule asks for
    rn: Any  # natural rate
    u: Any  # cost push


class Shocks(NamedTuple):
    e_r: Any
    e_u: Any
    e_i: Any


class Observables(NamedTuple):
    x: Any
    pinf: Any
    i: Any


class Params(NamedTuple):
    bet: Any = 0.995  # discount factor
    sig: Any = gamma(1.5, 0.3)  # inverse elasticity of intertemporal substitution
    kap: Any = gamma(0.08, 0.02)  # slope of the Phillips curve
    phi_pi: Any = gamma(1.8, 0.2)  # policy response to inflation
    phi_x: Any = gamma(0.15, 0.05)  # policy response to the output gap
    rho_i: Any = beta(0.7, 0.1)
    rho_r: Any = beta(0.8, 0.1)
    rho_u: Any = beta(0.3, 0.1)
    ibar: Any = 0.75  # by how much the rate may fall below its mean, % a quarter
    sd_r: Any = gamma(0.5, 0.2)
    sd_u: Any = gamma(0.1, 0.04)
    sd_i: Any = gamma(0.1, 0.04)


def residuals(lag, now, lead, shocks, p):
    wanted = (1 - p.rho_i) * (p.phi_pi * now.pinf + p.phi_x * now.x)
    return {
        "demand": now.x - lead.x + (now.i - lead.pinf - now.rn) / p.sig,  # the dynamic IS equation
        "supply": now.pinf - p.bet * lead.pinf - p.kap * now.x - now.u,  # the Phillips curve
        "rule": now.inot - p.rho_i * lag.inot - wanted - p.sd_i * shocks.e_i,
        "rate": now.i - now.inot,
        "natural": now.rn - p.rho_r * lag.rn - p.sd_r * shocks.e_r,
        "cost": now.u - p.rho_u * lag.u - p.sd_u * shocks.e_u,
    }


model = Model(
    name="gali_2015_bound",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    prior=Params(),
    steady_state=lambda p: Variables(*[0.0] * 6),
    residuals=residuals,
    measurement=lambda now, lag, p: Observables(now.x, now.pinf, now.i),
    complementarity={"rate": lambda lag, now, lead, p: now.i + p.ibar},
    linearised=True,
    reference="Galí, J. (2015), Monetary Policy, Inflation, and the Business Cycle: An Introduction to the New "
    "Keynesian Framework and Its Applications, 2nd edition, Princeton University Press",
)
