"""Who can afford to invest: Galor and Zeira (1993), Income Distribution and Macroeconomics, Review of Economic
Studies 60.

A dynasty inherits x. With more than a threshold it invests h, and borrows what it lacks at a rate above that at which
others lend; it earns more, and leaves a share of its income. Below the threshold it does not invest, and its children
will hardly do so. Luck in earnings, which is ours, moves dynasties across. The threshold is a rule of behaviour here;
where investing begins to pay follows from the rest. `economy` takes the number of dynasties, and an inverse temperature
that relaxes the decision; at infinity, as here, a dynasty invests or does not.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim import soften
from estim.numerics import gini
from estim.priors import beta, normal
from estim.simulation import Simulation


class Shocks(NamedTuple):
    income: Any  # one for each dynasty, or for all


class Observables(NamedTuple):
    mean: Any
    gini: Any
    poor: Any  # share of dynasties below the threshold


class Params(NamedTuple):
    threshold: Any = normal(1.0, 0.2)  # above which a dynasty invests
    h: Any = 1.5  # what that costs
    w_n: Any = 1.0  # earnings without it
    w_s: Any = 4.0  # and with it
    r: Any = 0.2  # rate at which people lend
    i: Any = 1.5  # and borrow
    alpha: Any = beta(0.6, 0.05)  # share of income that is consumed
    s: Any = 0.3  # standard deviation of luck, in logs
    first: Any = 1.0  # mean of inheritances before the first generation


def economy(num_dynasties=1000, inverse_temperature=jnp.inf):
    """So many dynasties, whose first inheritances are spread evenly from nothing to twice their mean."""

    def transition(x, shocks, p):
        luck = jnp.exp(p.s * shocks.income)
        invests = soften.threshold(x - p.threshold, inverse_temperature)
        own = x - p.h
        with_it = p.w_s * luck + jnp.where(own >= 0, (1 + p.r) * own, (1 + p.i) * own)
        without = p.w_n * luck + (1 + p.r) * x
        income = invests * with_it + (1 - invests) * without
        return (1 - p.alpha) * jnp.maximum(income, 0.0)

    def measurement(x, p):
        return Observables(x.mean(), gini(x), soften.threshold(p.threshold - x, inverse_temperature).mean())

    return Simulation(
        name="galor_zeira_1993",
        shocks=Shocks,
        observables=Observables,
        start=lambda p: 2 * p.first * (jnp.arange(num_dynasties) + 0.5) / num_dynasties,
        transition=transition,
        measurement=measurement,
        prior=Params(),
        reference="Galor and Zeira (1993), Review of Economic Studies 60",
    )


model = economy()
