"""Prices of a claim to dividends when the volatility of dividends and of consumption moves (Bansal and Yaron, 2004,
Journal of Finance 59, with power utility; Borovicka and Stachurski, 2020, Journal of Finance 75). The state is
(h_c, h_d, z), three autoregressions; consumption grows by mu_c + z + bar exp(h_c) e_c, dividends by
mu_d + z + bar exp(h_d) e_d, and the price-dividend ratio v solves

    v = A (1 + v),    A = beta exp[ mu_d - gamma mu_c + (1 - gamma) z + bar^2 (exp(2 h_d) + gamma^2 exp(2 h_c)) / 2 ] P,

where P is the product of the three chains, taken along one axis after the other. It is finite if and only if r(A) < 1.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim.decision import DecisionModel
from estim.numerics.grids import tauchen


class Params(NamedTuple):
    beta: Any = 0.98
    gamma: Any = 2.5  # relative risk aversion
    mu_c: Any = 0.001
    mu_d: Any = 0.005
    bar: Any = 0.01  # volatility where h is zero
    rho_c: Any = 0.9  # persistence of h_c, of h_d and of z
    rho_d: Any = 0.9
    rho_z: Any = 0.9
    s_c: Any = 0.01  # standard deviations of their innovations
    s_d: Any = 0.01
    s_z: Any = 0.01


def build(n_c, n_d, n_z):
    """The model on a grid of so many points."""

    def bellman(v, p):
        h_c, h_d, z = (
            tauchen(rho, s, n)
            for rho, s, n in ((p.rho_c, p.s_c, n_c), (p.rho_d, p.s_d, n_d), (p.rho_z, p.s_z, n_z))
        )
        risk = jnp.exp(2 * h_d.states)[None, :, None] + p.gamma**2 * jnp.exp(2 * h_c.states)[:, None, None]
        drift = p.mu_d - p.gamma * p.mu_c + (1 - p.gamma) * z.states[None, None, :]
        expected = jnp.einsum("ai,bj,ck,ijk->abc", h_c.transition, h_d.transition, z.transition, 1 + v)
        return p.beta * jnp.exp(drift + 0.5 * p.bar**2 * risk) * expected

    return DecisionModel(
        name="stochastic_volatility_pricing",
        prior=Params(),
        start=lambda p: jnp.zeros((n_c, n_d, n_z)),
        bellman=bellman,
        reference='Bansal, R. and A. Yaron (2004), "Risks for the Long Run", Journal of Finance 59(4)',
    )


model = build(14, 14, 14)
