"""The canonical New Keynesian economy with an inertial rule, in deviations: three equations and two shocks."""

from typing import Any, NamedTuple

import estim


class Variables(NamedTuple):
    pinf: Any  # inflation
    x: Any  # output gap
    i: Any  # policy rate
    rn: Any  # natural rate
    u: Any  # cost push


class Shocks(NamedTuple):
    e_r: Any
    e_u: Any


class Observables(NamedTuple):
    pinf: Any
    change: Any


class Params(NamedTuple):
    bet: float = 0.99
    sig: float = 1.0
    kap: Any = 0.1
    lam_x: float = 0.05
    lam_i: float = 0.1
    rho_r: float = 0.8
    rho_u: float = 0.5
    sd_r: float = 0.8
    sd_u: float = 0.3
    f_pi: Any = 1.5
    f_x: float = 0.5
    f_i: float = 0.5


def residuals(lag, now, lead, shocks, p):
    return {
        "pc": now.pinf - p.bet * lead.pinf - p.kap * now.x - now.u,
        "is": now.x - lead.x + (now.i - lead.pinf - now.rn) / p.sig,
        "rule": now.i - p.f_i * lag.i - p.f_pi * now.pinf - p.f_x * now.x,
        "natural": now.rn - p.rho_r * lag.rn - p.sd_r * shocks.e_r,
        "cost": now.u - p.rho_u * lag.u - p.sd_u * shocks.e_u,
    }


def loss(now, p):
    return now.pinf**2 + p.lam_x * now.x**2 + p.lam_i * now.i**2


PARTS: dict[str, Any] = dict(
    name="canonical",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    residuals=residuals,
    measurement=lambda now, lag, p: Observables(pinf=now.pinf, change=now.i - lag.i),
    steady_state=lambda p: Variables(0.0, 0.0, 0.0, 0.0, 0.0),
    prior=Params(),
    linearised=True,
)
model = estim.Model(**PARTS)
