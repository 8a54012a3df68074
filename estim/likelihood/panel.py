"""`Panel`: the likelihood of what many agents did: choices, durations, states, one row of data after the other."""

from collections import namedtuple
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from estim.arguments import ArgumentError
from estim.data.datasets import select_columns
from estim.kept import compiled_by_structure
from estim.likelihood.contract import Gradient, Likelihood
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.representations.stationary import StationaryEquilibrium
from estim.solution.table import default_solver
from estim.status import Status
from estim.tables import DataError
from estim.tracing import ModelError, call
from estim.typing import Array, Scalar


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
        _check_missing(spec, table)
        if spec.types is None:
            return np.column_stack([table, np.full(len(table), np.nan)])
        unit = np.arange(len(table))
        if spec.unit:
            if spec.unit not in data.columns:
                raise DataError(
                    f"{spec.name}: the data lack the column '{spec.unit}', which says whose a row is"
                )
            unit, _ = pd.factorize(data[spec.unit])
            if (unit < 0).any():
                raise DataError(
                    f"{spec.name}: column '{spec.unit}' is missing in row {int(np.argmax(unit < 0))}"
                )
        return np.column_stack([table, unit])

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


def padded(num: int) -> int:
    """The next number of four binary digits, so that panels of nearly one length share a compiled program."""
    unit = 1 << max(num.bit_length() - 4, 0)
    return -(-num // unit) * unit


def row_type(observables: Any) -> Any:
    """The observables, and with ``seen`` which of them are there."""
    return namedtuple("Row", (*observables._fields, "seen"))  # type: ignore[misc]


def row_probabilities(solution: StationaryEquilibrium, rows: Array, seen: Array) -> Array:
    """``[n_rows]`` log-probabilities of rows ``[n_rows, n_obs]``."""
    spec = solution.specification
    Row = row_type(spec.observables)

    def one(row: Array, seen: Array) -> Scalar:
        given = {
            "row": Row(*row, seen=spec.observables(*seen)),
            "solution": solution,
            "params": solution.params,
        }
        names = {"prior": spec.param_names, "row": spec.observables._fields}
        value = call(spec.log_probability, given, spec.name, "log_probability", names)
        if jnp.shape(value) != ():
            raise ModelError(
                f"{spec.name}: log_probability must be one number, not of shape {jnp.shape(value)}"
            )
        return jnp.asarray(value, float)

    return jax.vmap(one)(rows, seen)


def _check_missing(spec: Any, table: np.ndarray) -> None:
    """Is a number read that is missing? Then it matters whether it is zero, as in a likelihood, or another.

    Raises:
        DataError: names the row and its columns.
    """
    seen = ~np.isnan(table)
    lacking = np.flatnonzero(~seen.all(axis=1))
    if not lacking.size:
        return
    solution = default_solver(spec).solve(spec, spec.params())
    if solution.shares is not None:
        solution = jax.tree.map(lambda x: x[0], replace(solution, shares=None))
    probabilities = jax.jit(lambda rows: row_probabilities(solution, rows, jnp.asarray(seen[lacking])))
    zero, one, none = (
        np.asarray(probabilities(jnp.where(seen[lacking], table[lacking], fill)))
        for fill in (0.0, 1.0, np.nan)
    )
    if (wrong := (zero != one) | (zero != none)).any():
        row = int(lacking[np.argmax(wrong)])
        columns = [n for n, there in zip(spec.observables._fields, seen[row], strict=True) if not there]
        raise DataError(
            f"{spec.name}: row {row} of the data lacks {', '.join(columns)}, which its log_probability reads"
        )


@impossible_if_not_finite
def _likelihood(solution: StationaryEquilibrium, data: PanelData) -> Outcome:
    if solution.shares is None:
        value, failed = data.counts @ row_probabilities(solution, data.rows, data.seen), solution.status
    else:
        of_type = jax.vmap(lambda own: row_probabilities(own, data.rows, data.seen))
        by_row = of_type(replace(solution, shares=None))[:, data.which]
        by_unit = jax.vmap(lambda x: jax.ops.segment_sum(x, data.unit, len(data.num_units)))(by_row)
        value = jax.nn.logsumexp(by_unit, axis=0, b=solution.shares[:, None]).sum()
        failed = solution.status[jnp.argmax(solution.status != Status.OK)]
    return outcome(value, (failed == Status.OK, failed), (value > -jnp.inf, Status.IMPOSSIBLE_ROW.value))


_compiled = compiled_by_structure(_likelihood)
