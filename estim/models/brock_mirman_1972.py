"""Brock and Mirman (1972), "Optimal Economic Growth and Uncertainty", Journal of Economic Theory 4: growth under
uncertainty, with logarithmic utility and full depreciation, for which the solution is known,

    k_t = alpha beta exp(z_t) k_{t-1}^alpha.

Whatever solves a nonlinear model can be held against it. Numbers are those of a textbook, priors are ours.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim.model import Model
from estim.priors import beta, inverse_gamma_1


class Variables(NamedTuple):
    k: Any  # capital at the end of the period
    c: Any  # consumption
    z: Any  # log of productivity


class Shocks(NamedTuple):
    eps: Any


class Observables(NamedTuple):
    dc: Any  # growth of consumption, % a period


class Params(NamedTuple):
    alpha: Any = beta(0.36, 0.05)  # capital share
    discount: Any = 0.95
    rho: Any = beta(0.8, 0.1)  # persistence of productivity
    sigma: Any = inverse_gamma_1(0.1, 0.05)  # standard deviation of its innovation


def steady_state(p):
    saved = p.alpha * p.discount  # share of output
    k = saved ** (1 / (1 - p.alpha))
    return Variables(k=k, c=(1 - saved) * k**p.alpha, z=0.0)


def residuals(lag, now, lead, shocks, p):
    gross_return = p.alpha * jnp.exp(lead.z) * now.k ** (p.alpha - 1)
    return {
        "euler": p.discount * gross_return * now.c / lead.c - 1,
        "resources": jnp.exp(now.z) * lag.k**p.alpha - now.c - now.k,
        "productivity": p.rho * lag.z + p.sigma * shocks.eps - now.z,
    }


def measurement(now, lag, p):
    return Observables(dc=100 * jnp.log(now.c / lag.c))


def exact_path(lag, shocks, p):
    """The variables a period later, by the known solution."""
    z = p.rho * lag.z + p.sigma * shocks.eps
    output = jnp.exp(z) * lag.k**p.alpha
    saved = p.alpha * p.discount
    return Variables(k=saved * output, c=(1 - saved) * output, z=z)


model = Model(
    name="brock_mirman_1972",
    variables=Variables,
    shocks=Shocks,
    observables=Observables,
    steady_state=steady_state,
    residuals=residuals,
    measurement=measurement,
    prior=Params(),
    reference='Brock, W. A. and L. J. Mirman (1972), "Optimal Economic Growth and Uncertainty: The Discounted Case", '
    "Journal of Economic Theory 4(3)",
)
