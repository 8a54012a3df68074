"""A supply chain: producers with inputs that are complements, after Baqaee and Farhi (2019), Econometrica 87.

Outputs are relative to normal ones. A producer has capacity, and inputs of a few suppliers, whose deliveries of a
period ago it combines by a CES technology:

    u_i = capacity_i (sum_j w_ij u_j^((e - 1) / e))^(share e / (e - 1))

The delay of one period is ours. The network is sparse: ``suppliers[i]`` are the few from whom i buys, so that a period
costs as many operations as there are links. Here ten producers buy from the next two, `economy` takes any network.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from estim.simulation import Simulation


class Shocks(NamedTuple):
    cut: Any  # of capacity in a period: one for each producer, or for all


class Observables(NamedTuple):
    output: Any  # of all, at normal prices


class Params(NamedTuple):
    capacity: Any  # [n], normally one
    weights: Any  # [n, suppliers of each], which sum to one by row
    sales: Any  # [n], share of total output
    share: Any = 0.5  # of inputs in production
    elasticity: Any = 0.5  # e, of substitution among suppliers; not one
    s_c: Any = 0.1  # standard deviation of a cut, in logs


class Network(NamedTuple):
    """Who buys from whom, ``[n, suppliers of each]``, and the share of inputs that comes from each."""

    suppliers: Any
    weights: Any


RING = Network(
    suppliers=(np.arange(10)[:, None] + np.array([1, 2])) % 10, weights=np.tile([0.6, 0.4], (10, 1))
)


def random_network(num_producers, num_suppliers=10, seed=0):
    """Suppliers and weights at random; a small number of producers sells to many."""
    rng = np.random.default_rng(seed)
    popularity = rng.pareto(1.5, num_producers) + 0.1
    drawn = rng.choice(num_producers, (num_producers, num_suppliers), p=popularity / popularity.sum())
    own = np.arange(num_producers)[:, None]
    suppliers = np.where(drawn == own, (own + 1) % num_producers, drawn)
    return Network(suppliers, rng.dirichlet(np.ones(num_suppliers), num_producers))


def economy(network=RING, sales=None):
    """The chain on a network; producers are of one size where `sales` are not given."""
    n = len(network.suppliers)
    suppliers = np.asarray(network.suppliers)

    def transition(u, shocks, p):
        power = (p.elasticity - 1) / p.elasticity
        inputs = jnp.sum(p.weights * u[suppliers] ** power, axis=1) ** (1 / power)
        return p.capacity * jnp.exp(-p.s_c * shocks.cut) * inputs**p.share

    return Simulation(
        name="baqaee_farhi_2019",
        shocks=Shocks,
        observables=Observables,
        start=lambda p: jnp.ones(n),
        transition=transition,
        measurement=lambda u, p: Observables(output=p.sales @ u),
        prior=Params(np.ones(n), np.asarray(network.weights), np.full(n, 1 / n) if sales is None else sales),
        reference="Baqaee and Farhi (2019), Econometrica 87",
    )


model = economy()
