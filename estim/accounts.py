"""The accounts of an economy: who owes what to whom, and who paid what to whom, as its author declares them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from estim.typing import Array

Matrix = Mapping[str, Mapping[str, Any]]
"""``{row: {sector: number}}``; a sector that is left out has zero."""


@dataclass(frozen=True)
class Accounts:
    """A balance-sheet matrix and a transactions-flow matrix, by sector.

    Attributes:
        stocks: ``(state, params) -> {instrument: {sector: amount}}``, what is owed with a minus.
        flows: ``(state before, state, params) -> {transaction: {sector: amount}}``, what is paid with a minus.

    Source: Godley and Lavoie (2007), Monetary Economics, ch. 2.
    """

    stocks: Callable[[Any, Any], Matrix]
    flows: Callable[[Any, Any, Any], Matrix]

    def imbalances(self, before: Any, state: Any, params: Any) -> dict[str, Array]:
        """By how much each identity fails in a period, by what it is about.

        Everybody's claim is somebody's debt, so that an instrument's row sums to zero; every payment has a payer and a
        payee; and what a sector is paid, net, is by how much its wealth grows.
        """
        held, had = self.stocks(state, params), self.stocks(before, params)
        paid = self.flows(before, state, params)
        rows = {
            f"{kind} {name}": _sum(row)
            for kind, m in (("stock", held), ("flow", paid))
            for name, row in m.items()
        }
        sectors = dict.fromkeys(s for matrix in (held, had, paid) for row in matrix.values() for s in row)
        column = lambda matrix, sector: _sum({name: row.get(sector, 0.0) for name, row in matrix.items()})
        saved = {f"saving of {s}": column(paid, s) - (column(held, s) - column(had, s)) for s in sectors}
        return rows | saved


def _sum(row: Mapping[str, Any]) -> Array:
    return jnp.sum(jnp.stack([jnp.asarray(x, float) for x in row.values()]))


def path_imbalances(accounts: Accounts, start: Any, states: Any, params: Any) -> dict[str, Array]:
    """Of each period of a path of states, each ``[n_periods]``."""
    before = jax.tree.map(
        lambda s, path: jnp.concatenate([jnp.asarray(s, float)[None], path[:-1]]), start, states
    )
    return jax.vmap(accounts.imbalances, in_axes=(0, 0, None))(before, states, params)
