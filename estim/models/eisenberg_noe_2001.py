"""Clearing of a payment system by Eisenberg and Noe (2001), Management Science 47: who owes pays what it has, pro rata.

Creditors outside the system come first, as in Barucca et al. (2020), Mathematical Finance 30. `clearing_payments` finds
the payments by Newton's method on a map that is linear piece by piece, which is the paper's fictitious default
algorithm, with derivatives by the implicit function theorem. As a simulation the banks pay in rounds, each with what it
was paid a round before, and reach the same payments from above. A relaxed minimum stands for the kink at default, by an
inverse temperature per unit of payment.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from estim import soften
from estim.models.battiston_et_al_2012 import FIVE_BANKS
from estim.numerics.fixed_point import attach_derivative, solve_fixed_point
from estim.simulation import Simulation


class Shocks(NamedTuple):
    loss: Any  # share of outside assets that is lost


class Observables(NamedTuple):
    shortfall: Any  # what is owed among banks and not paid


class Params(NamedTuple):
    liabilities: Any = FIVE_BANKS.liabilities  # what bank i owes bank j
    outside_assets: Any = FIVE_BANKS.outside_assets
    outside_liabilities: Any = np.array([34.0, 24, 27, 19, 13])


class State(NamedTuple):
    paid: Any  # by each bank to the others
    assets: Any  # outside assets that are left


def owed(p):
    return p.liabilities.sum(axis=1)


def received(paid, p):
    """Shares Pi_ij of i's payments go to j; a bank that owes nothing pays nothing."""
    due = owed(p)
    shares = p.liabilities / jnp.where(due > 0, due, 1.0)[:, None]
    return paid @ shares


def payments(paid, assets, p, inverse_temperature=jnp.inf):
    """min(what is owed, what is there), eq. (3), given what the others pay."""
    there = soften.positive_part(assets + received(paid, p) - p.outside_liabilities, inverse_temperature)
    return soften.minimum(there, owed(p), inverse_temperature)


def clearing_payments(p, assets, inverse_temperature=jnp.inf):
    """The greatest payments ``[n]`` that are consistent with each other, given outside assets ``[n]``."""
    pay = lambda paid: payments(paid, assets, p, inverse_temperature)
    unit = lambda x: jnp.maximum(jnp.abs(x), 1.0)
    return attach_derivative(pay, solve_fixed_point(pay, owed(p), scale=unit).value, scale=unit)


def equity(paid, assets, p):
    """What is left if all is paid that is owed ``[n]``; below zero in default."""
    return assets + received(paid, p) - p.outside_liabilities - owed(p)


FIVE = Params()


def economy(banks=FIVE, inverse_temperature=jnp.inf):
    """The rounds of payments among given banks, which begin with all that is owed."""

    def transition(before, shocks, p):
        assets = before.assets * (1 - shocks.loss)
        return State(payments(before.paid, assets, p, inverse_temperature), assets)

    return Simulation(
        name="eisenberg_noe_2001",
        shocks=Shocks,
        observables=Observables,
        start=lambda p: State(paid=owed(p), assets=p.outside_assets),
        transition=transition,
        measurement=lambda now, p: Observables(shortfall=jnp.sum(owed(p) - now.paid)),
        prior=banks,
        reference="Eisenberg and Noe (2001), Management Science 47",
    )


model = economy()
