"""`Panel`: the likelihood of what many agents did: choices, durations, states, one row of data after the other."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import ArgumentError
from estim.data.datasets import select_columns
from estim.kept import compiled_by_structure
from estim.likelihood.contract import Gradient, Likelihood
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.likelihood.rows import check_missing, over_types, padded, row_probabilities, units_of
from estim.representations.stationary import StationaryEquilibrium
from estim.status import Status
from estim.typing import Array


class PanelData(NamedTuple):
    """Different rows of a panel, and how often each is there.

    Attributes:
        rows: ``[n_different, n_obs]``, missing numbers zero; the last one again up to the length `padded`.
        seen: ``[n_different, n_obs]``, which numbers are not missing.
        counts: ``[n_different]``, zero of the rows that are there again.
        which: of each row of the panel the one among `rows`, ``[n_rows]``; empty where rows are independent.
        unit: of each row of the panel its agent, from 0 on, ``[n_rows]``; empty where rows are independent.
        num_units: an array without content of as many elements as there are agents.
    """

    rows: Array
    seen: Array
    counts: Array
    which: Array
    unit: Array
    num_units: Array


@dataclass(frozen=True)
class Panel(Likelihood):
    """The log-probability of the rows of a panel, by the model's own ``log_probability``.

        log p(data) = sum_i n_i log p(row_i),

    over the rows that differ, n_i times each: where agents' states and choices are few, their number does not matter.
    Where agents differ for good (``types``), the rows of one of them are of one type,

        log p(data) = sum_units log sum_k share_k prod_{rows of the unit} p_k(row).
    """

    reads: ClassVar[type] = StationaryEquilibrium
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def check_specification(self, spec: Any) -> None:
        """
        Raises:
            ArgumentError: the model has no ``log_probability`` of a row.
        """
        if spec.log_probability is None:
            raise ArgumentError(
                f"likelihood Panel needs {spec.name} to have log_probability, (row, solution, params) -> log-density"
            )

    def select(self, spec: Any, data: Any) -> np.ndarray:
        """The observables of a frame whose rows are agents, or agents in periods, in any order; last whose they are.

        Returns:
            ``[n_rows, n_obs + 1]``, with the number of the agent where agents are of types, else NaN.

        Raises:
            DataError: a column is missing or no number, or a number is missing that is read.
        """
        names = spec.observables._fields
        table = select_columns(data, names, spec.name).to_numpy()
        check_missing(spec, table)
        if spec.types is None:
            return np.column_stack([table, np.full(len(table), np.nan)])
        return np.column_stack([table, units_of(spec, data) if spec.unit else np.arange(len(table))])

    def for_data(self, observations: Array) -> tuple["Panel", PanelData]:
        """The rows that differ, and how often each is there.

        Args:
            observations: what `select` returned.
        """
        table, unit = np.asarray(observations)[:, :-1], np.asarray(observations)[:, -1]
        n_obs = table.shape[1]
        filled = np.column_stack([np.nan_to_num(table), ~np.isnan(table)])
        rows, which, counts = np.unique(filled, axis=0, return_inverse=True, return_counts=True)
        together = np.isfinite(unit)
        again = padded(len(rows)) - len(rows)
        rows, counts = np.pad(rows, ((0, again), (0, 0)), mode="edge"), np.pad(counts, (0, again))
        return self, PanelData(
            jnp.asarray(rows[:, :n_obs]),
            jnp.asarray(rows[:, n_obs:], bool),
            jnp.asarray(counts, float),
            jnp.asarray(which.reshape(-1)[together]),
            jnp.asarray(unit[together], int),
            jnp.empty((len(np.unique(unit[together])), 0)),
        )

    def loglikelihood(self, solution: StationaryEquilibrium, data: PanelData) -> Outcome:
        """Log-probability of all rows, and its status."""
        return _compiled(solution, data)


@impossible_if_not_finite
def _likelihood(solution: StationaryEquilibrium, data: PanelData) -> Outcome:
    def of_units(own: StationaryEquilibrium) -> Array:
        of_rows = row_probabilities(own, data.rows, data.seen)
        if not data.unit.size:
            return (data.counts @ of_rows)[None]
        return jax.ops.segment_sum(of_rows[data.which], data.unit, len(data.num_units))

    value, failed = over_types(solution, of_units)
    return outcome(value, (failed == Status.OK, failed), (value > -jnp.inf, Status.IMPOSSIBLE_ROW.value))


_compiled = compiled_by_structure(_likelihood)
