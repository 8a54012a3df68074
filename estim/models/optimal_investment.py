"""Investment of a monopolist with costs of adjustment (Lucas, 1967, Journal of Political Economy 75; Sargent and
Stachurski, 2024, Dynamic Programming, section 5.2.3): inverse demand a0 - a1 y + z,

    v(y, z) = max_y' { (a0 - a1 y + z - c) y - gamma (y' - y)^2 + E[v(y', z') | z] / (1 + r) }.

With taste shocks of scale tau to each output its choice is observed of a panel of firms, on grids; priors are ours.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.heterogeneity.distribution import forward_on_grid
from estim.numerics.grids import tauchen
from estim.observed_choices import panel_of_choices
from estim.priors import gamma, normal

PERIODS = 40  # of a simulated firm


class Observables(NamedTuple):
    output: Any  # points of the grids
    demand: Any
    ahead: Any  # next period's output


class Params(NamedTuple):
    r: Any = 0.01
    a0: Any = 10.0
    a1: Any = 1.0
    gamma: Any = 25.0  # cost of adjustment
    c: Any = 1.0  # cost of a unit
    rho: Any = 0.9
    nu: Any = 1.0
    y_min: Any = 0.0
    y_max: Any = 20.0
    tau: Any = 0.0  # scale of tastes


def build(n_output, n_demand, smooth=False):
    """The model on a grid of so many points; a `smooth` one has taste shocks, and is estimated."""

    def reward(p):
        grid = p.y_min + (p.y_max - p.y_min) * np.linspace(0.0, 1.0, n_output)
        z = tauchen(p.rho, p.nu, n_demand).states[None, :, None]
        y, ahead = grid[:, None, None], grid[None, None, :]
        return (p.a0 - p.a1 * y + z - p.c) * y - p.gamma * (ahead - y) ** 2

    def continuation(v, p):
        expected = v @ tauchen(p.rho, p.nu, n_demand).transition.T  # [y', z]
        return expected.T[None] / (1 + p.r)

    def move(key, state, ahead, p):
        transition = tauchen(p.rho, p.nu, n_demand).transition
        return ahead, jax.random.categorical(key, jnp.log(transition[state[1]]))

    of_choices = {
        "prior": Params(gamma=gamma(25.0, 8.0), c=normal(1.0, 0.5), tau=gamma(10.0, 4.0)),
        "taste": lambda p: p.tau,
        "unit": "firm",
        **panel_of_choices(Observables, (n_output // 2, n_demand // 2), move, PERIODS),
    }
    return DecisionModel(
        name="optimal_investment",
        **(of_choices if smooth else {"prior": Params()}),
        reward=reward,
        continuation=continuation,
        reference='Lucas, R. E. (1967), "Adjustment Costs and the Theory of Supply", '
        "Journal of Political Economy 75(4)",
    )


def motion(D, solution, p):
    """Next period's distribution of firms over output and demand ``[y, z]``, for ``replace(model, motion=motion)``."""
    return forward_on_grid(tauchen(p.rho, p.nu, D.shape[1]).transition, solution.policy, D)


model = build(100, 150)
