"""Shortest paths in a graph (Bellman, 1958, Quarterly of Applied Mathematics 16), and their smooth version for the
choice of routes (Fosgerau, Frejinger and Karlstrom, 2013, Transportation Research B 56). The value is minus the cost,

    v(i) = max_j { -cost(i, j) + v(j) },    v(destination) = 0,

or with taste shocks (1 / b) log sum_j exp b(...). Nothing is discounted: the value is finite because every path ends.
Observed is where a traveller goes from each node; priors are ours.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from estim.decision import DecisionModel
from estim.observed_choices import panel_of_choices
from estim.priors import gamma, normal


class Observables(NamedTuple):
    node: Any
    ahead: Any  # the next one; at the destination itself


class Params(NamedTuple):
    costs: Any  # of each edge
    b: Any = 1.0  # how precisely the cheapest route is chosen
    stop: Any = 0.0  # cost of any edge beside its own


def build(edges, destination, smooth=False):
    """The model of a graph.

    Args:
        edges: ``(from, to, cost)`` of each edge; nodes are numbered from zero, and the destination has none.
        destination: where the paths end.
        smooth: whether routes are chosen with taste shocks of scale 1 / b; then b and the cost of a stop are estimated.
    """
    start, end = (np.array([edge[k] for edge in edges], int) for k in (0, 1))
    n = 1 + max(start.max(), end.max())
    going = np.arange(n) != destination

    def reward(p):
        stay = jnp.full((n, n), -jnp.inf).at[destination, destination].set(0.0)
        return stay.at[start, end].max(-jnp.asarray(p.costs + p.stop, float))

    def continuation(v, p):
        return (v * going)[None, :]

    prior = Params(costs=np.array([edge[2] for edge in edges], float))
    of_choices = {
        "prior": prior._replace(b=gamma(1.0, 0.3), stop=normal(0.0, 0.5)),
        "taste": lambda p: 1 / p.b,
        "unit": "traveller",  # from node 0, with as many steps as there are nodes
        **panel_of_choices(Observables, (0,), lambda key, state, ahead, p: (ahead,), n),
    }
    return DecisionModel(
        name="shortest_paths",
        **(of_choices if smooth else {"prior": prior}),
        reward=reward,
        continuation=continuation,
        reference='Bellman, R. (1958), "On a Routing Problem", Quarterly of Applied Mathematics 16(1)',
    )


SEVEN_NODES = [
    (0, 1, 1.0), (0, 2, 5.0), (0, 3, 3.0), (1, 3, 9.0), (1, 4, 6.0), (2, 5, 2.0),
    (3, 5, 4.0), (3, 6, 8.0), (4, 6, 4.0), (5, 6, 1.0),
]  # fmt: skip
model = build(SEVEN_NODES, 6)
