"""Prices of n goods at which excess demand is zero, by Newton's method (the example is that of Sargent and Stachurski,
"Newton's Method via JAX", QuantEcon): demand exp(-A p) + c, supply b sqrt(p), good by good,

    e(p) = exp(-A p) + c - b sqrt(p) = 0.

Observed are prices and quantities of goods, with errors; priors are ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm

from estim.decision import DecisionModel
from estim.numerics.newton import newton_step
from estim.priors import gamma


class Observables(NamedTuple):
    good: Any
    log_price: Any
    log_quantity: Any


class Params(NamedTuple):
    A: Any  # how demand for each good (rows) falls with each price
    b: Any  # supply
    c: Any  # demand that prices do not move
    error: Any = gamma(0.05, 0.02)  # standard deviation of those in logs


def excess_demand(prices, p):
    return jnp.exp(-(p.A @ prices)) + p.c - p.b * jnp.sqrt(prices)


def logs(good, solution, p):
    """Log price of a good, and log quantity."""
    log_price = jnp.log(solution.value[good])
    return log_price, jnp.log(jnp.broadcast_to(p.b, solution.value.shape)[good]) + 0.5 * log_price


def log_probability(row, solution, p):
    price, quantity = logs(row.good.astype(int), solution, p)
    return norm.logpdf(row.log_price, price, p.error) + norm.logpdf(row.log_quantity, quantity, p.error)


def draw(key, solution, p):
    """A day on which each good is seen once."""
    goods = np.arange(solution.value.size)
    errors = p.error * jax.random.normal(key, (2, goods.size))
    return Observables(
        goods, *(true + error for true, error in zip(logs(goods, solution, p), errors, strict=True))
    )


def build(A, b=1.0, c=1.0, start=1.0):
    """The market of goods with this matrix A ``[n, n]``, from these prices on; b and c are numbers or priors."""
    ones = np.ones(len(A))
    at_each = lambda x: x * ones if isinstance(x, float | int | np.ndarray) else x
    return DecisionModel(
        name="market_equilibrium",
        prior=Params(np.asarray(A, float), at_each(b), at_each(c)),
        start=lambda p: start * ones,
        bellman=lambda prices, p: newton_step(lambda x: excess_demand(x, p), prices),
        change=lambda ahead, prices: jnp.linalg.norm(ahead - prices),
        monotone=False,
        solver={"method": "vfi", "tolerance": 1e-8, "max_steps": 100},
        observables=Observables,
        log_probability=log_probability,
        draw=draw,
        unit="day",
        reference='Sargent, T. J. and J. Stachurski, "Newton\'s Method via JAX", QuantEcon',
    )


model = build([[0.2, 0.1, 0.7], [0.3, 0.2, 0.5], [0.1, 0.8, 0.1]], gamma(1.0, 0.2), gamma(1.0, 0.2))
