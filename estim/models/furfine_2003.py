"""A cascade of defaults as in Furfine (2003), Journal of Money, Credit and Banking 35: a bank whose losses reach its
capital defaults, its creditors lose all that they lent, and may default in turn.

The decision to default is a threshold. `economy` relaxes it by an inverse temperature, so that losses have derivatives
with respect to capital and to every loan; at infinity, as here, it is the threshold itself.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from estim import soften
from estim.models.bardoscia_et_al_2015 import leverage
from estim.models.battiston_et_al_2012 import FIVE_BANKS, Shocks
from estim.simulation import Simulation


class State(NamedTuple):
    own: Any  # losses on outside assets, over equity
    x: Any  # those on loans to banks in default too


class Observables(NamedTuple):
    loss: Any  # share of all banks' equity
    defaults: Any  # share of banks


class Params(NamedTuple):
    liabilities: Any = FIVE_BANKS.liabilities
    outside_assets: Any = FIVE_BANKS.outside_assets
    equity: Any = FIVE_BANKS.equity
    threshold: Any = 0.95  # loss of equity at which a bank defaults


def economy(banks=FIVE_BANKS, inverse_temperature=jnp.inf):
    """The cascade among given banks, whose defaults are sharp or relaxed."""

    def default(x, p):
        return soften.threshold(x - p.threshold, inverse_temperature)

    def transition(before, shocks, p):
        own = before.own + shocks.loss * p.outside_assets / p.equity
        return State(own, own + leverage(p) @ default(before.x, p))

    def measurement(now, p):
        lost = jnp.minimum(now.x, 1.0)
        return Observables(loss=p.equity @ lost / p.equity.sum(), defaults=default(now.x, p).mean())

    none = np.zeros(len(banks.equity))
    return Simulation(
        name="furfine_2003",
        shocks=Shocks,
        observables=Observables,
        start=lambda p: State(none, none),
        transition=transition,
        measurement=measurement,
        prior=Params(*banks),
        reference="Furfine (2003), Journal of Money, Credit and Banking 35",
    )


model = economy()
