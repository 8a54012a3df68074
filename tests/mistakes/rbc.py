"""A real business cycle model, right as it stands: the tests plant mistakes in this text."""

from typing import Any, NamedTuple

import jax.numpy as jnp

import estim
from estim import priors


class Variables(NamedTuple):
    c: Any
    k: Any
    y: Any
    i: Any
    r: Any
    z: Any


class Shocks(NamedTuple):
    e: Any


class Observables(NamedTuple):
    dy: Any


class Params(NamedTuple):
    alpha: Any = 0.33
    beta: Any = 0.99
    delta: Any = 0.025
    rho: Any = priors.beta(0.9, 0.03)
    sigma: Any = priors.inverse_gamma_1(0.01, 0.002)


def steady_state(p):
    r = 1 / p.beta - 1 + p.delta
    k = (p.alpha / r) ** (1 / (1 - p.alpha))
    y = k**p.alpha
    return Variables(c=y - p.delta * k, k=k, y=y, i=p.delta * k, r=r, z=0.0)


def residuals(lag, now, lead, shocks, p):
    return {
        "euler": 1 / now.c - p.beta / lead.c * (1 - p.delta + lead.r),
        "return": now.r - p.alpha * now.y / lag.k,
        "production": now.y - jnp.exp(now.z) * lag.k**p.alpha,
        "resources": now.c + now.i - now.y,
        "capital": now.k - (1 - p.delta) * lag.k - now.i,
        "technology": now.z - p.rho * lag.z - p.sigma * shocks.e,
    }


def measurement(now, lag, p):
    return Observables(dy=jnp.log(now.y / lag.y))


model = estim.Model(
    name="rbc",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
)
