"""Inventories under the (s, S) policy of Arrow, Harris and Marschak (1951), Econometrica 19.

A firm whose stock has fallen to s orders up to S; demand is lognormal, and what it exceeds the stock by is lost.
Parameters as in the lecture "Inventory Dynamics" of Sargent and Stachurski (QuantEcon). `economy` takes the number of
firms, and an inverse temperature that relaxes the decision to order; at infinity, as here, a firm orders or does not.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim import soften
from estim.priors import normal
from estim.simulation import Simulation


class State(NamedTuple):
    stock: Any
    ordered: Any  # at the beginning of the period: one or zero


class Shocks(NamedTuple):
    demand: Any  # one for each firm, or for all


class Observables(NamedTuple):
    stock: Any
    ordered: Any  # share of firms


class Params(NamedTuple):
    s: Any = 10.0
    S: Any = 100.0
    mu: Any = normal(1.0, 0.2)  # of log demand
    sigma: Any = 0.5
    stock: Any = 70.0  # of all firms before the first period


def economy(num_firms=1000, inverse_temperature=jnp.inf):
    """So many firms."""

    def transition(before, shocks, p):
        ordered = 1 - soften.threshold(before.stock - p.s, inverse_temperature)  # also at s itself
        there = ordered * p.S + (1 - ordered) * before.stock
        demand = jnp.exp(p.mu + p.sigma * shocks.demand)
        return State(soften.positive_part(there - demand, inverse_temperature), ordered)

    return Simulation(
        name="arrow_harris_marschak_1951",
        shocks=Shocks,
        observables=Observables,
        start=lambda p: State(p.stock * jnp.ones(num_firms), jnp.zeros(num_firms)),
        transition=transition,
        measurement=lambda now, p: Observables(stock=now.stock.mean(), ordered=now.ordered.mean()),
        prior=Params(),
        reference="Arrow, Harris and Marschak (1951), Econometrica 19; Sargent and Stachurski, Inventory Dynamics",
    )


model = economy()
