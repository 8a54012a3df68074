"""The input-output model of Leontief (1936), Review of Economics and Statistics 18.

A unit of good j takes A_ij of good i, so that a final demand y takes the output x = A x + y. As a simulation orders go
up the chain in rounds: what was produced a round ago took inputs, which are produced now; outputs come to x. The table
of three sectors is an illustration; `economy` takes another, such as `of_table` makes of that of the United States.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from estim.numerics import solve_linear
from estim.simulation import Simulation


class Shocks(NamedTuple):
    demand: Any  # final demand above its mean, as a share


class Observables(NamedTuple):
    output: Any  # of all sectors, at base prices


class Params(NamedTuple):
    A: Any = np.array([[0.15, 0.1, 0.05], [0.2, 0.3, 0.15], [0.1, 0.15, 0.2]])  # good i in a unit of good j
    y: Any = np.array([10.0, 40.0, 50.0])  # final demand


def quantities(A, y):
    """Outputs x ``[n]`` with x = A x + y."""
    return solve_linear(jnp.eye(len(A)) - A, y[:, None])[0][:, 0]


def prices(A, v):
    """Prices ``[n]`` that cover inputs and the value added v ``[n]`` of a unit: p = A' p + v."""
    return solve_linear(jnp.eye(len(A)) - A.T, v[:, None])[0][:, 0]


THREE_SECTORS = Params()


def of_table(table):
    """Parameters of an `InputOutputTable`."""
    return Params(table.coefficients, table.final_demand)


def economy(table=THREE_SECTORS):
    """The rounds of orders of a given table, which begin with nothing produced."""
    return Simulation(
        name="leontief_1936",
        shocks=Shocks,
        observables=Observables,
        start=lambda p: jnp.zeros(len(table.y)),
        transition=lambda x, shocks, p: p.A @ x + p.y * (1 + shocks.demand),
        measurement=lambda x, p: Observables(output=x.sum()),
        prior=table,
        reference="Leontief (1936), Review of Economics and Statistics 18",
    )


model = economy()
