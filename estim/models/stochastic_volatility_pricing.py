"""Prices of a claim to dividends when the volatility of dividends and of consumption moves (Bansal and Yaron, 2004,
Journal of Finance 59, with power utility; Borovicka and Stachurski, 2020, Journal of Finance 75). The state is
(h_c, h_d, z), three autoregressions; consumption grows by mu_c + z + bar exp(h_c) e_c, dividends by
mu_d + z + bar exp(h_d) e_d, and the price-dividend ratio v solves

    v = A (1 + v),    A = beta exp[ mu_d - gamma mu_c + (1 - gamma) z + bar^2 (exp(2 h_d) + gamma^2 exp(2 h_c)) / 2 ] P,

where P is the product of the three chains, taken along one axis after the other. It is finite if and only if r(A) < 1.

Observed are the log of the ratio, with an error, and the growth of dividends to the next period; the state is hidden.
These do not tell h_c, nor mu_c from beta: their parameters are given, and so are those of h_d unless it moves enough to
be seen, as with `MOVING`. Priors are ours.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim.decision import DecisionModel
from estim.models.markov_asset_pricing import observed
from estim.numerics.grids import tauchen
from estim.priors import beta, gamma, normal


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
    error: Any = 0.1  # standard deviation of that in log ratios


PRIOR = Params(
    beta=normal(0.98, 0.002),
    gamma=gamma(2.5, 0.5),
    mu_d=normal(0.005, 0.002),
    bar=gamma(0.01, 0.003),
    rho_z=beta(0.9, 0.05),
    s_z=gamma(0.01, 0.003),
    error=gamma(0.1, 0.03),
)
MOVING = PRIOR._replace(rho_d=beta(0.9, 0.05), s_d=gamma(0.3, 0.1))


def build(n_c, n_d, n_z, prior=PRIOR):
    """The model on a grid of so many points."""

    def chains(p):
        return [
            tauchen(rho, s, n)
            for rho, s, n in ((p.rho_c, p.s_c, n_c), (p.rho_d, p.s_d, n_d), (p.rho_z, p.s_z, n_z))
        ]

    def bellman(v, p):
        h_c, h_d, z = chains(p)
        risk = jnp.exp(2 * h_d.states)[None, :, None] + p.gamma**2 * jnp.exp(2 * h_c.states)[:, None, None]
        drift = p.mu_d - p.gamma * p.mu_c + (1 - p.gamma) * z.states[None, None, :]
        expected = jnp.einsum("ai,bj,ck,ijk->abc", h_c.transition, h_d.transition, z.transition, 1 + v)
        return p.beta * jnp.exp(drift + 0.5 * p.bar**2 * risk) * expected

    def growth(p):
        _, h_d, z = chains(p)
        return p.mu_d + z.states[None, None, :], p.bar * jnp.exp(h_d.states)[None, :, None]

    def motion(law, solution, p):
        return jnp.einsum("ai,bj,ck,abc->ijk", *(chain.transition for chain in chains(p)), law)

    return DecisionModel(
        name="stochastic_volatility_pricing",
        prior=prior,
        start=lambda p: jnp.zeros((n_c, n_d, n_z)),
        bellman=bellman,
        reference='Bansal, R. and A. Yaron (2004), "Risks for the Long Run", Journal of Finance 59(4)',
        **observed(growth, motion),
    )


model = build(14, 14, 14)
