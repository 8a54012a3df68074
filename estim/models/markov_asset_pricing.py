"""Prices of a claim to dividends that grow by a Markov chain (Mehra and Prescott, 1985, Journal of Monetary Economics
15; Borovicka and Stachurski, 2020, Journal of Finance 75). The price-dividend ratio v solves

    v = K (1 + v),    K(x, x') = beta exp[ mu_d - gamma mu_c + (1 - gamma) x + (s_d^2 + gamma^2 s_c^2) / 2 ] P(x, x'),

where dividends grow by mu_d + x + s_d e_d, consumption by mu_c + x + s_c e_c. It is finite if and only if r(K) < 1.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim.decision import DecisionModel
from estim.numerics.grids import tauchen


class Params(NamedTuple):
    beta: Any = 0.98
    gamma: Any = 2.5  # relative risk aversion
    mu_c: Any = 0.01
    mu_d: Any = 0.01
    s_c: Any = 0.02
    s_d: Any = 0.04
    rho: Any = 0.9  # persistence of the common growth rate x
    sigma: Any = 0.01


def build(n_growth):
    """The model on a grid of so many growth rates."""

    def bellman(v, p):
        chain = tauchen(p.rho, p.sigma, n_growth)
        risk = 0.5 * (p.s_d**2 + p.gamma**2 * p.s_c**2)
        discount = p.beta * jnp.exp(p.mu_d - p.gamma * p.mu_c + (1 - p.gamma) * chain.states + risk)
        return discount * (chain.transition @ (1 + v))

    return DecisionModel(
        name="markov_asset_pricing",
        prior=Params(),
        start=lambda p: jnp.zeros(n_growth),
        bellman=bellman,
        reference='Mehra, R. and E. C. Prescott (1985), "The Equity Premium: A Puzzle", '
        "Journal of Monetary Economics 15(2)",
    )


model = build(100)
