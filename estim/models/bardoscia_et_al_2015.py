"""The linear DebtRank of Bardoscia, Battiston, Caccioli and Caldarelli (2015), PLoS ONE 10: a bank passes every further
loss on to its creditors, in proportion to their loans, until losses have died out or equity is gone.

While no bank defaults, losses h are those of a linear system, h = (I - Lambda)^-1 h(1).
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from estim.models.battiston_et_al_2012 import FIVE_BANKS, Shocks
from estim.simulation import Simulation


class State(NamedTuple):
    h: Any  # relative loss of equity, at most one
    before: Any  # a round before


class Observables(NamedTuple):
    loss: Any  # share of all banks' equity


def leverage(p):
    """Lambda_ij: the loan of i to j over the equity of i."""
    return p.liabilities.T / p.equity[:, None]


def transition(now, shocks, p):
    loss = shocks.loss * p.outside_assets / p.equity
    return State(jnp.minimum(1.0, now.h + leverage(p) @ (now.h - now.before) + loss), now.h)  # eq. (4)


def measurement(now, p):
    return Observables(loss=p.equity @ now.h / p.equity.sum())


def economy(banks=FIVE_BANKS):
    """The contagion among given banks."""
    none = np.zeros(len(banks.equity))
    return Simulation(
        name="bardoscia_et_al_2015",
        shocks=Shocks,
        observables=Observables,
        start=lambda p: State(none, none),
        transition=transition,
        measurement=measurement,
        prior=banks,
        reference="Bardoscia, Battiston, Caccioli and Caldarelli (2015), PLoS ONE 10",
    )


model = economy()
