"""Inventories when the discount factor moves (Stachurski and Zhang, 2021, Journal of Economic Theory 192): stock x is
sold to geometric demand d, and an order a costs c a unit and kappa in any case,

    v(x, z) = max_{a <= K - x} { E min(x, d) - c a - kappa 1{a > 0} + z E[v(max(x - d, 0) + a, z') | z] },

where z is the discount factor, b plus an autoregression. In some states it may exceed one; the value is finite if the
spectral radius of discounting is below one. With taste shocks of scale tau to each order, orders of a panel of firms
are observed; priors are ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.numerics.grids import tauchen
from estim.observed_choices import panel_of_choices
from estim.priors import gamma

PERIODS = 40  # of a simulated firm


class Observables(NamedTuple):
    stock: Any
    z: Any  # which discount factor
    order: Any


class Params(NamedTuple):
    c: Any = 0.2  # cost of a unit
    kappa: Any = 0.8  # of an order
    p: Any = 0.6  # probability that no further unit is demanded
    b: Any = 0.97  # mean of the discount factor
    rho: Any = 0.98
    nu: Any = 0.002
    tau: Any = 0.0  # scale of tastes


def build(capacity, n_discount, most_demand, smooth=False):
    """The model with stocks 0 .. `capacity`; demand ends below `most_demand`, its probabilities as they are. A `smooth`
    one has taste shocks, and is estimated."""
    stock, order = np.arange(capacity + 1), np.arange(capacity + 1)
    demand = np.arange(most_demand)
    left = np.maximum(stock[:, None] - demand, 0)  # of each stock after each demand
    after = np.minimum(stock[:, None] + order, capacity)  # of what is left, and an order

    def probability(p):
        return (1 - p.p) ** demand * p.p

    def reward(p):
        sold = np.minimum(stock[:, None], demand) @ probability(p)
        cost = p.c * order + p.kappa * (order > 0)
        feasible = stock[:, None] + order <= capacity
        profit = jnp.where(feasible, sold[:, None] - cost[None, :], -jnp.inf)
        return jnp.broadcast_to(profit[:, None, :], (capacity + 1, n_discount, capacity + 1))

    def continuation(v, p):
        chain = tauchen(p.rho, p.nu, n_discount)
        discounted = (p.b + chain.states)[None] * (v @ chain.transition.T)  # [x', z]
        leftover = jnp.zeros((capacity + 1, capacity + 1)).at[stock[:, None], left].add(probability(p)[None])
        return jnp.einsum("xl,laz->xza", leftover, discounted[after])

    def move(key, state, order, p):
        sell, go = jax.random.split(key)
        x, z = state
        demand = jnp.floor(jnp.log(jax.random.uniform(sell)) / jnp.log1p(-p.p)).astype(int)
        log_moves = jnp.log(tauchen(p.rho, p.nu, n_discount).transition[z])
        ahead = jnp.minimum(jnp.maximum(x - demand, 0) + order, capacity)
        return ahead, jax.random.categorical(go, log_moves)

    of_choices = {
        "prior": Params(c=gamma(0.2, 0.05), kappa=gamma(0.8, 0.3), tau=gamma(0.2, 0.1)),
        "taste": lambda p: p.tau,
        "unit": "firm",
        **panel_of_choices(Observables, (capacity // 2, n_discount // 2), move, PERIODS),
    }
    return DecisionModel(
        name="inventory_management",
        **(of_choices if smooth else {"prior": Params()}),
        reward=reward,
        continuation=continuation,
        reference='Stachurski, J. and J. Zhang (2021), "Dynamic Programming with State-Dependent Discounting", '
        "Journal of Economic Theory 192",
    )


def motion(D, solution, p):
    """Next period's distribution of firms over stock and discounting ``[x, z]``, for ``replace(model, motion=motion)``:
    nothing is sold with probability p, one unit with (1 - p) p, and so on; an order fills what is left."""
    stock = np.arange(D.shape[0])
    sold = stock[:, None] - stock  # from a stock (rows) to what is left of it
    some = jnp.where(sold >= 0, (1 - p.p) ** jnp.maximum(sold, 0) * p.p, 0.0)
    all_sold = (1 - p.p) ** stock  # demand was the stock or more
    left = jnp.asarray(some).at[:, 0].set(all_sold)
    after = jnp.minimum(stock[None, :, None] + solution.policy[:, None, :], D.shape[0] - 1)  # [x, left, z]
    mass = D[:, None, :] * left[:, :, None]
    columns = np.arange(D.shape[1])[None, None, :]
    moved = jnp.zeros(D.shape).at[after, columns].add(mass)
    return moved @ tauchen(p.rho, p.nu, D.shape[1]).transition


model = build(100, 10, 101)
