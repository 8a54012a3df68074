"""Wealth with returns that differ among households, after Benhabib, Bisin and Zhu (2011), Econometrica 79.

Households above a threshold save a share of their wealth, at a return of their own, and all of them earn an income; an
aggregate state moves both. Law and parameters are those of the lecture "Wealth Distribution Dynamics" of Sargent and
Stachurski (QuantEcon), with the fat tail that returns, not incomes, make. `economy` takes the number of households, and
an inverse temperature that relaxes the decision to save; at infinity, as here, a household saves or does not.
"""

from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp

from estim import soften
from estim.numerics import exp, gini, top_share
from estim.priors import beta, normal
from estim.simulation import Simulation


class State(NamedTuple):
    w: Any  # wealth of each household
    z: Any  # aggregate state


class Shocks(NamedTuple):
    z: Any
    income: Any  # one for each household, or for all
    returns: Any


class Observables(NamedTuple):
    mean: Any
    gini: Any
    top: Any  # share of the richest percent


class Params(NamedTuple):
    threshold: Any = 1.0  # of wealth, above which a household saves
    s_0: Any = beta(0.75, 0.05)  # share of wealth that is saved
    c_y: Any = 1.0  # income that moves with the aggregate state
    mu_y: Any = 1.0  # log of other income
    s_y: Any = 0.2
    c_r: Any = 0.05  # returns
    mu_r: Any = normal(0.1, 0.05)
    s_r: Any = 0.5
    a: Any = 0.5  # persistence of the aggregate state
    b: Any = 0.0
    s_z: Any = 0.1


def mean_income(p):
    mean, variance = p.b / (1 - p.a), p.s_z**2 / (1 - p.a**2)
    return p.c_y * jnp.exp(mean + variance / 2) + jnp.exp(p.mu_y + p.s_y**2 / 2)


def transition(before, shocks, p, inverse_temperature=jnp.inf):
    z = p.a * before.z + p.b + p.s_z * shocks.z
    income = p.c_y * exp(z) + exp(p.mu_y + p.s_y * shocks.income)
    returns = p.c_r * exp(z) + exp(p.mu_r + p.s_r * shocks.returns)
    saved = soften.switch(p.threshold - before.w, 0.0, p.s_0 * before.w, inverse_temperature)
    return State(returns * saved + income, z)


def economy(num_households=1000, inverse_temperature=jnp.inf):
    """So many households, of mean income, in the mean aggregate state."""
    return Simulation(
        name="benhabib_bisin_zhu_2011",
        shocks=Shocks,
        observables=Observables,
        start=lambda p: State(mean_income(p) * jnp.ones(num_households), p.b / (1 - p.a)),
        transition=partial(transition, inverse_temperature=inverse_temperature),
        measurement=lambda now, p: Observables(now.w.mean(), gini(now.w), top_share(now.w, 0.01)),
        prior=Params(),
        reference="Benhabib, Bisin and Zhu (2011), Econometrica 79; QuantEcon, Wealth Distribution Dynamics",
    )


model = economy()
