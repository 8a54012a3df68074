"""A small computable general equilibrium, after Shoven and Whalley (1992), Applying General Equilibrium: sectors that
make goods of each other's goods and of factors, households who own the factors and buy the goods, and taxes on outputs.

Inputs of goods are in fixed proportions, factors substitute for each other by a CES technology, goods by CES
preferences. At the table that it is calibrated to all prices are one. `equilibrium` looks for factor prices at which
the markets of the factors clear, by Newton's method, with derivatives by the implicit function theorem; goods are
made to order. The table of three sectors and two factors is an illustration; `economy` takes another, such as
`of_table` makes of an input-output table. A period is an equilibrium.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from estim.models.leontief_1936 import prices as prices_of
from estim.models.leontief_1936 import quantities
from estim.numerics.newton import solve_equations
from estim.simulation import Simulation


class Shocks(NamedTuple):
    productivity: Any  # of value added, in logs: one for each sector, or for all


class Observables(NamedTuple):
    consumption: Any  # real, one at the table
    wage_share: Any  # of the first factor, in factor incomes


class Params(NamedTuple):
    A: Any = np.array([[0.15, 0.1, 0.05], [0.2, 0.3, 0.15], [0.1, 0.15, 0.2]])  # good i in a unit of good j
    y: Any = np.array([10.0, 40.0, 50.0])  # final demand at the table
    shares: Any = np.array([[0.4, 0.55, 0.7], [0.6, 0.45, 0.3]])  # of factor f in value added of sector j
    tax: Any = np.zeros(3)  # on outputs, as a share of costs
    substitution: Any = 0.8  # among factors, the elasticity
    taste: Any = 0.9  # among goods
    s: Any = 0.01  # standard deviation of productivity


class Equilibrium(NamedTuple):
    wages: Any  # of factors; that of the first one is one
    prices: Any  # of goods
    output: Any
    demand: Any  # final
    income: Any  # of households, taxes included
    consumption: Any  # real, relative to the table


def ces(shares, prices, elasticity):
    """The price of a bundle whose parts have these shares where all prices are one, ``(sum a p^(1-e))^(1/(1-e))``,
    and its limit, the geometric mean, at an elasticity of one; over the first axis."""
    one = jnp.abs(elasticity - 1) < 1e-6
    power = jnp.where(one, 1.0, 1 - elasticity)
    geometric = jnp.exp(jnp.sum(shares * jnp.log(prices), axis=0))
    return jnp.where(one, geometric, jnp.sum(shares * prices**power, axis=0) ** (1 / power))


def endowments(p):
    """Of factors ``[n_factors]``: what the table pays them."""
    return p.shares @ ((1 - p.A.sum(axis=0)) * quantities(p.A, p.y))


def at_wages(wages, p, productivity=1.0):
    """Goods' markets at given factor prices, and how much is asked of each factor beyond what there is, as a share."""
    own = (1 - p.A.sum(axis=0)) / productivity  # value added in a unit
    cost = ces(p.shares, wages[:, None], p.substitution)
    grossed = 1 + p.tax
    prices = prices_of(p.A * grossed[None, :], grossed * own * cost)
    per_income = p.y / p.y.sum()
    level = ces(per_income, prices, p.taste)
    bought = per_income * (prices / level) ** -p.taste / level  # per unit of income
    output = quantities(p.A, bought)
    taxed = jnp.sum(p.tax / grossed * prices * output)
    income = wages @ endowments(p) / (1 - taxed)
    asked = p.shares * (cost[None, :] / wages[:, None]) ** p.substitution @ (own * output * income)
    found = Equilibrium(wages, prices, output * income, bought * income, income, income / level / p.y.sum())
    return found, asked / endowments(p) - 1


def equilibrium(p, productivity=1.0):
    """Where the markets of factors clear; that of the first one does when the others do (Walras's law)."""

    def excess(logs):
        return at_wages(relative(logs), p, productivity)[1][1:]

    relative = lambda logs: jnp.exp(jnp.concatenate([jnp.zeros(1), logs]))
    logs = solve_equations(excess, jnp.zeros(p.shares.shape[0] - 1))
    return at_wages(relative(logs), p, productivity)[0]


def wage_share(now, p):
    earned = now.wages * endowments(p)
    return earned[0] / earned.sum()


def of_table(table):
    """Parameters at which an `InputOutputTable` is an equilibrium; the factors are domestic ones and imports."""
    factors = np.stack([table.value_added, table.imports])
    return Params(
        table.coefficients, table.final_demand, factors / factors.sum(axis=0), np.zeros(len(table.sectors))
    )


def economy(table=None):
    """The equilibria of a given table, one for each period's productivity."""
    table = Params() if table is None else table
    return Simulation(
        name="shoven_whalley_1992",
        shocks=Shocks,
        observables=Observables,
        start=equilibrium,
        transition=lambda before, shocks, p: equilibrium(p, jnp.exp(p.s * shocks.productivity)),
        measurement=lambda now, p: Observables(consumption=now.consumption, wage_share=wage_share(now, p)),
        prior=table,
        reference="Shoven and Whalley (1992), Applying General Equilibrium",
    )


model = economy()
