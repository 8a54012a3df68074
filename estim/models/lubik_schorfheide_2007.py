"""Lubik and Schorfheide (2007), "Do Central Banks Respond to Exchange Rate Movements? A Structural
Investigation", Journal of Monetary Economics 54: a small open economy, log-linearised.

All variables are percentage deviations from a stochastic trend; a period is a quarter. The
priors and the published posterior means are those for Canada, 1983 to 2002 (their tables 1 to 3).
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim.model import Model
from estim.priors import InverseGamma1, beta, gamma


class Variables(NamedTuple):
    y: Any  # output
    pi: Any  # CPI inflation
    R: Any  # policy rate
    de: Any  # depreciation of the currency
    ybar: Any  # output under flexible prices
    dq: Any  # change in the terms of trade
    z: Any  # growth of world technology
    ystar: Any  # world output
    pistar: Any  # world inflation


class Shocks(NamedTuple):
    eps_R: Any
    eps_q: Any
    eps_z: Any
    eps_ystar: Any
    eps_pistar: Any


class Observables(NamedTuple):
    dy: Any  # GDP growth per head, % a quarter, less its mean
    pi: Any  # CPI inflation, % a year, less its mean
    R: Any  # policy rate, % a year, less its mean
    de: Any  # depreciation, % a quarter, less its mean
    dq: Any  # change in the terms of trade, % a quarter, less its mean


def _std(scale):
    """The paper's inverse gamma, by its scale and 4 degrees of freedom."""
    return InverseGamma1(s=4 * scale**2, nu=4.0)


class Params(NamedTuple):
    psi1: Any = gamma(1.5, 0.5)  # policy response to inflation
    psi2: Any = gamma(0.25, 0.13)  # to output
    psi3: Any = gamma(0.25, 0.13)  # to depreciation
    rho_R: Any = beta(0.5, 0.2)
    alpha: Any = beta(0.2, 0.05)  # import share
    r: Any = gamma(2.5, 1.0)  # steady-state real rate, % a year
    kappa: Any = gamma(0.5, 0.25)  # slope of the Phillips curve
    tau: Any = beta(0.5, 0.2)  # elasticity of intertemporal substitution
    rho_q: Any = beta(0.4, 0.2)
    rho_z: Any = beta(0.2, 0.05)
    rho_ystar: Any = beta(0.9, 0.05)
    rho_pistar: Any = beta(0.8, 0.1)
    sigma_R: Any = _std(0.5)
    sigma_q: Any = _std(1.5)
    sigma_z: Any = _std(1.0)
    sigma_ystar: Any = _std(1.5)
    sigma_pistar: Any = _std(0.55)


def steady_state(params):
    return Variables(*[0.0] * len(Variables._fields))


def residuals(lag, now, lead, shocks, p):
    discount = jnp.exp(-p.r / 400)
    openness = p.alpha * (2 - p.alpha) * (1 - p.tau)
    elasticity = p.tau + openness
    return {
        "is": lead.y - elasticity * (now.R - lead.pi) - p.rho_z * now.z - p.alpha * elasticity * lead.dq
        + openness / p.tau * (lead.ystar - now.ystar) - now.y,
        "phillips": discount * (lead.pi + p.alpha * lead.dq) - p.alpha * now.dq
        + p.kappa / elasticity * (now.y - now.ybar) - now.pi,
        "potential": -openness / p.tau * now.ystar - now.ybar,
        "purchasing power parity": now.de + (1 - p.alpha) * now.dq + now.pistar - now.pi,
        "policy": p.rho_R * lag.R + (1 - p.rho_R) * (p.psi1 * now.pi + p.psi2 * now.y + p.psi3 * now.de)
        + p.sigma_R * shocks.eps_R - now.R,
        "terms of trade": p.rho_q * lag.dq + p.sigma_q * shocks.eps_q - now.dq,
        "technology": p.rho_z * lag.z + p.sigma_z * shocks.eps_z - now.z,
        "world output": p.rho_ystar * lag.ystar + p.sigma_ystar * shocks.eps_ystar - now.ystar,
        "world inflation": p.rho_pistar * lag.pistar + p.sigma_pistar * shocks.eps_pistar - now.pistar,
    }  # fmt: skip


def measurement(now, lag, p):
    return Observables(dy=now.y - lag.y + now.z, pi=4 * now.pi, R=4 * now.R, de=now.de, dq=now.dq)


published = {
    **dict(psi1=1.30, psi2=0.23, psi3=0.14, rho_R=0.69, alpha=0.11, r=2.52, kappa=0.32, tau=0.31),
    **dict(rho_q=0.31, rho_z=0.42, rho_ystar=0.97, rho_pistar=0.46),
    **dict(sigma_R=0.36, sigma_q=1.25, sigma_z=0.84, sigma_ystar=1.29, sigma_pistar=2.00),
}
"""Posterior means for Canada, table 3 of the paper."""

model = Model(
    name="lubik_schorfheide_2007",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    linearised=True,
    reference='Lubik, T. and F. Schorfheide (2007), "Do Central Banks Respond to Exchange Rate Movements? A '
    'Structural Investigation", Journal of Monetary Economics 54(4)',
    published=published,
)
