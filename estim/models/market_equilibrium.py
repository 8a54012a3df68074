"""Prices of n goods at which excess demand is zero, by Newton's method (the example is that of Sargent and Stachurski,
"Newton's Method via JAX", QuantEcon): demand exp(-A p) + c, supply b sqrt(p), good by good,

    e(p) = exp(-A p) + c - b sqrt(p) = 0.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.numerics.newton import newton_step


class Params(NamedTuple):
    A: Any  # how demand for each good (rows) falls with each price
    b: Any  # supply
    c: Any  # demand that prices do not move


def excess_demand(prices, p):
    return jnp.exp(-(p.A @ prices)) + p.c - p.b * jnp.sqrt(prices)


def build(A, b=1.0, c=1.0, start=1.0):
    """The market of goods with this matrix A ``[n, n]``, from these prices on."""
    ones = np.ones(len(A))
    return DecisionModel(
        name="market_equilibrium",
        prior=Params(np.asarray(A, float), b * ones, c * ones),
        start=lambda p: start * ones,
        bellman=lambda prices, p: newton_step(lambda x: excess_demand(x, p), prices),
        change=lambda ahead, prices: jnp.linalg.norm(ahead - prices),
        monotone=False,
        solver={"method": "vfi", "tolerance": 1e-8, "max_steps": 100},
        reference='Sargent, T. J. and J. Stachurski, "Newton\'s Method via JAX", QuantEcon',
    )


model = build([[0.2, 0.1, 0.7], [0.3, 0.2, 0.5], [0.1, 0.8, 0.1]])
