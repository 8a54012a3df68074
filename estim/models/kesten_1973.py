"""Firms that grow by the process of Kesten (1973), Acta Mathematica 131, and are replaced when they have become small.

A firm of size s becomes one of a s + b; one below a threshold leaves, and an entrant takes its place. Parameters as in
the lecture "Kesten Processes and Firm Dynamics" of Sargent and Stachurski (QuantEcon). `economy` takes the number of
firms, and an inverse temperature that relaxes exit; at infinity, as here, a firm leaves or stays.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from estim import soften
from estim.priors import normal
from estim.simulation import Simulation


class Shocks(NamedTuple):
    a: Any  # one for each firm, or for all
    b: Any
    e: Any


class Observables(NamedTuple):
    mean: Any
    variance: Any
    exits: Any  # share of firms that are about to leave


class Params(NamedTuple):
    mu_a: Any = normal(-0.5, 0.1)  # of ln a
    s_a: Any = 0.1
    mu_b: Any = normal(0.0, 0.2)  # of ln b
    s_b: Any = 0.5
    mu_e: Any = 0.0  # of the log size of an entrant
    s_e: Any = 0.5
    threshold: Any = 1.0


def economy(num_firms=1000, inverse_temperature=jnp.inf):
    """So many firms, twice as large as the threshold."""

    def exit(s, p):
        return soften.threshold(p.threshold - s, inverse_temperature)

    def transition(s, shocks, p):
        a, b, e = (
            jnp.exp(mu + sd * shock)
            for mu, sd, shock in zip((p.mu_a, p.mu_b, p.mu_e), (p.s_a, p.s_b, p.s_e), shocks, strict=True)
        )
        leaves = exit(s, p)
        return leaves * e + (1 - leaves) * (a * s + b)

    return Simulation(
        name="kesten_1973",
        shocks=Shocks,
        observables=Observables,
        start=lambda p: jnp.full(num_firms, 2.0),
        transition=transition,
        measurement=lambda s, p: Observables(mean=s.mean(), variance=s.var(), exits=exit(s, p).mean()),
        prior=Params(),
        reference="Kesten (1973), Acta Mathematica 131; Sargent and Stachurski, Kesten Processes and Firm Dynamics",
    )


model = economy()
