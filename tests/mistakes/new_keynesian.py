"""The New Keynesian model of three equations, right as it stands: the tests plant mistakes in this text."""

from typing import Any, NamedTuple

import estim
from estim import priors


class Variables(NamedTuple):
    x: Any
    pi: Any
    i: Any
    v: Any


class Shocks(NamedTuple):
    e: Any


class Observables(NamedTuple):
    INFL: Any


class Params(NamedTuple):
    beta: Any = 0.99
    kappa: Any = 0.1
    sigma: Any = 1.0
    phi: Any = 1.5
    rho: Any = priors.beta(0.8, 0.1)


def residuals(lag, now, lead, shocks, p):
    return {
        "demand": now.x - lead.x + (now.i - lead.pi) / p.sigma,
        "phillips": now.pi - p.beta * lead.pi - p.kappa * now.x,
        "rule": now.i - p.phi * now.pi - now.v,
        "policy shock": now.v - p.rho * lag.v - shocks.e,
    }


model = estim.Model(
    name="new_keynesian",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=lambda p: Variables(0.0, 0.0, 0.0, 0.0),
    residuals=residuals,
    measurement=lambda now, lag, p: Observables(INFL=now.pi),
    prior=Params(),
)
