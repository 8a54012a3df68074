"""Hansen (1985), "Indivisible Labor and the Business Cycle", Journal of Monetary Economics 16:
the real business cycle model in which variations in hours are variations in employment.

Variables are in logs; a period is a quarter. The paper calibrates: means of the priors and
calibrated values are its own (section 4), the standard deviations of the priors are ours.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim.model import Model
from estim.priors import beta, inverse_gamma_1


class Variables(NamedTuple):
    c: Any  # consumption
    k: Any  # capital at the end of the period
    h: Any  # hours
    y: Any  # output
    i: Any  # investment
    z: Any  # technology


class Shocks(NamedTuple):
    eps: Any


class Observables(NamedTuple):
    dy: Any  # output growth, % a quarter, less its mean


class Params(NamedTuple):
    theta: Any = beta(0.36, 0.02)  # capital share
    discount: Any = 0.99
    delta: Any = 0.025  # depreciation
    A: Any = 2.0  # weight of leisure
    h0: Any = 0.53  # hours of those who work
    gamma: Any = beta(0.95, 0.02)  # persistence of technology
    sigma: Any = inverse_gamma_1(0.00712, 0.002)  # standard deviation of its innovation


def _disutility(p):
    """B in u = log c - B h: employment lotteries make utility linear in hours, eq. (7)."""
    return -p.A * jnp.log(1 - p.h0) / p.h0


def steady_state(p):
    capital_output = p.theta / (1 / p.discount - 1 + p.delta)
    consumption_share = 1 - p.delta * capital_output
    h = (1 - p.theta) / (_disutility(p) * consumption_share)
    y = capital_output ** (p.theta / (1 - p.theta)) * h
    levels = Variables(
        c=consumption_share * y, k=capital_output * y, h=h, y=y, i=p.delta * capital_output * y, z=1.0
    )
    return Variables(*(jnp.log(x) for x in levels))


def residuals(lag, now, lead, shocks, p):
    gross_return = p.theta * jnp.exp(lead.y - now.k) + 1 - p.delta
    return {
        "euler": p.discount * jnp.exp(now.c - lead.c) * gross_return - 1,
        "hours": (1 - p.theta) * jnp.exp(now.y - now.h - now.c) - _disutility(p),
        "production": now.z + p.theta * lag.k + (1 - p.theta) * now.h - now.y,
        "resources": 1 - jnp.exp(now.c - now.y) - jnp.exp(now.i - now.y),
        "capital": (1 - p.delta) * jnp.exp(lag.k - now.k) + jnp.exp(now.i - now.k) - 1,
        "technology": p.gamma * lag.z + p.sigma * shocks.eps - now.z,
    }


def measurement(now, lag, p):
    return Observables(dy=100 * (now.y - lag.y))


published = dict(theta=0.36, gamma=0.95, sigma=0.00712)
"""The paper's calibration."""

model = Model(
    name="hansen_1985",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    reference='Hansen, G. D. (1985), "Indivisible Labor and the Business Cycle", Journal of Monetary '
    "Economics 16(3)",
    published=published,
)
