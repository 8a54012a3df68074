"""DebtRank of Battiston, Puliga, Kaushik, Tasca and Caldarelli (2012), Scientific Reports 2: how distress spreads among
banks. A period is a round of contagion, in which each bank that has become distressed hits its creditors, once.

The network is an illustration with five banks; `economy` takes another.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from estim.simulation import Simulation


class Banks(NamedTuple):
    """Balance sheets, ``[n]``, and what bank i owes bank j, ``[n, n]``."""

    liabilities: Any
    outside_assets: Any
    equity: Any


FIVE_BANKS = Banks(
    liabilities=np.array(
        [[0.0, 3, 1, 0, 2], [1, 0, 2, 1, 0], [0, 2, 0, 3, 1], [2, 0, 1, 0, 1], [1, 1, 0, 2, 0]]
    ),
    outside_assets=np.array([40.0, 30, 35, 25, 20]),
    equity=np.array([4.0, 8, 6, 8, 7]),
)


class State(NamedTuple):
    h: Any  # relative loss of equity: 0 undistressed, 1 in default
    passed_on: Any  # 1 for a bank that has hit its creditors already


class Shocks(NamedTuple):
    loss: Any  # share of outside assets that is lost


class Observables(NamedTuple):
    debtrank: Any  # share of economic value lost


def impact(p):
    """W_ij: the share of j's equity that goes with its loan to i."""
    return jnp.minimum(1.0, p.liabilities / p.equity[None, :])


def transition(before, shocks, p):
    hits = before.h * (1 - before.passed_on)  # of banks that are distressed and have not passed it on
    loss = shocks.loss * p.outside_assets / p.equity
    h = jnp.minimum(1.0, before.h + hits @ impact(p) + loss)  # eq. (1)
    return State(h, jnp.where(before.h > 0, 1.0, 0.0))


def measurement(now, p):
    value = p.outside_assets / p.outside_assets.sum()
    return Observables(debtrank=value @ now.h)


def economy(banks=FIVE_BANKS):
    """The contagion among given `Banks`."""
    none = np.zeros(len(banks.equity))
    return Simulation(
        name="battiston_et_al_2012",
        shocks=Shocks,
        observables=Observables,
        start=lambda p: State(none, none),
        transition=transition,
        measurement=measurement,
        prior=banks,
        reference="Battiston, Puliga, Kaushik, Tasca and Caldarelli (2012), Scientific Reports 2",
    )


model = economy()
