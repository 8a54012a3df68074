"""Optimal savings on a grid, with persistent income and no borrowing (Deaton, 1991, Econometrica 59; Sargent and
Stachurski, 2024, Dynamic Programming, section 5.2.2):

    v(w, y) = max_w' { u(R w + y - w') + beta E[v(w', y') | y] },    u(c) = c^(1 - gamma) / (1 - gamma).
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.heterogeneity.distribution import forward_on_grid
from estim.numerics import power
from estim.numerics.grids import tauchen


class Params(NamedTuple):
    beta: Any = 0.98
    R: Any = 1.01  # gross return
    gamma: Any = 2.0  # relative risk aversion
    rho: Any = 0.9  # persistence of log income
    nu: Any = 0.1  # standard deviation of its innovation
    w_min: Any = 0.01
    w_max: Any = 5.0


def build(n_wealth, n_income):
    """The model on a grid of so many points."""

    def wealth(p):
        return p.w_min + (p.w_max - p.w_min) * np.linspace(0.0, 1.0, n_wealth)

    def reward(p):
        w = wealth(p)
        income = jnp.exp(tauchen(p.rho, p.nu, n_income).states)
        c = p.R * w[:, None, None] + income[None, :, None] - w[None, None, :]
        feasible = c > 0
        utility = power(jnp.where(feasible, c, 1.0), 1 - p.gamma) / (1 - p.gamma)
        return jnp.where(feasible, utility, -jnp.inf)

    def continuation(v, p):
        expected = v @ tauchen(p.rho, p.nu, n_income).transition.T  # [w', y]
        return p.beta * expected.T[None]

    return DecisionModel(
        name="optimal_savings",
        prior=Params(),
        reward=reward,
        continuation=continuation,
        reference='Deaton, A. (1991), "Saving and Liquidity Constraints", Econometrica 59(5)',
    )


def motion(D, solution, p):
    """Next period's distribution of wealth and income ``[w, y]``; ``replace(model, motion=motion)`` has its rest."""
    return forward_on_grid(tauchen(p.rho, p.nu, D.shape[1]).transition, solution.policy, D)


model = build(150, 100)
