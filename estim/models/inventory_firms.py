"""Firms that order by the (s, S) rule of Arrow, Harris and Marschak (1951), Econometrica 19, one by one: a firm with
the inventory X orders up to S with probability 1 / (1 + exp((X - s) / tau)), then sells D, ln D ~ N(mu, sigma^2),

    X' = max(base - D, 0),    base = S or X.

That it ordered is not seen. A row is a firm in two periods one after the other (`transitions` makes them of a panel).
Priors are ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr
from jax.scipy.stats import norm

from estim.decision import DecisionModel
from estim.priors import gamma, normal

PERIODS = 60  # of a simulated firm


class Observables(NamedTuple):
    before: Any  # inventory at the beginning of a period
    inventory: Any  # and of the next


class Params(NamedTuple):
    s: Any = normal(10.0, 3.0)  # where a firm orders with probability one half
    S: Any = normal(100.0, 5.0)  # up to which it orders
    tau: Any = gamma(1.0, 0.5)  # how gradually
    mu: Any = normal(1.0, 0.5)  # of log demand
    sigma: Any = gamma(0.5, 0.2)


def transitions(panel, firm="firm", period="period", inventory="inventory"):
    """A frame of the observables, from one with a row for each firm and period."""
    ordered = panel.sort_values([firm, period])
    before = ordered.groupby(firm)[inventory].shift().rename("before")
    rows = ordered.assign(before=before).dropna(subset=["before"])
    return rows[[firm, "before", inventory]].rename(columns={inventory: "inventory"}).reset_index(drop=True)


def log_sold(base, ahead, p):
    """Log-density of what is left of a stock; where nothing is, the log-probability of that."""
    sold = base - ahead
    possible = (sold > 0) & (ahead > 0)
    log = jnp.log(jnp.where(possible, sold, 1.0))
    density = norm.logpdf(log, p.mu, p.sigma) - log
    empty = base > 0
    all_sold = log_ndtr((p.mu - jnp.log(jnp.where(empty, base, 1.0))) / p.sigma)
    rest = jnp.where(ahead > 0, -jnp.inf, jnp.where(empty, all_sold, 0.0))
    return jnp.where(possible, density, rest)


def log_probability(row, solution, p):
    gap = (row.before - p.s) / p.tau
    ordered = -jax.nn.softplus(gap) + log_sold(p.S, row.inventory, p)
    not_ordered = -jax.nn.softplus(-gap) + log_sold(row.before, row.inventory, p)
    return jnp.logaddexp(ordered, not_ordered)


def draw(key, solution, p):
    """A firm that begins with S."""

    def period(before, key):
        decide, sell = jax.random.split(key)
        orders = jax.random.bernoulli(decide, jax.nn.sigmoid((p.s - before) / p.tau))
        demand = jnp.exp(p.mu + p.sigma * jax.random.normal(sell))
        ahead = jnp.maximum(jnp.where(orders, p.S, before) - demand, 0.0)
        return ahead, Observables(before, ahead)

    return jax.lax.scan(period, jnp.asarray(p.S, float), jax.random.split(key, PERIODS))[1]


model = DecisionModel(
    name="inventory_firms",
    prior=Params(),
    observables=Observables,
    log_probability=log_probability,
    draw=draw,
    unit="firm",
    reference='Arrow, K. J., T. Harris and J. Marschak (1951), "Optimal Inventory Policy", Econometrica 19(3)',
)
