"""Which equation contains which variable at which date, and how few combinations they read.

Found once for each model, from the program that JAX traces: no values are involved.
"""

from typing import NamedTuple

import numpy as np
from jax.extend import core
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from estim.kept import kept_on_model
from estim.model import Model
from estim.numerics.reads import reads
from estim.solution.equations import trace_equations


class Incidence(NamedTuple):
    """Boolean arrays: is the column's variable in the row's equation?

    ``lag``, ``now``, ``lead`` are ``[n_equations, n_variables]``, ``shocks`` is
    ``[n_equations, n_shocks]``; ``measured_now`` and ``measured_lag`` are
    ``[n_obs, n_variables]``. ``equations`` are the names of the rows.
    """

    equations: tuple[str, ...]
    lag: np.ndarray
    now: np.ndarray
    lead: np.ndarray
    shocks: np.ndarray
    measured_now: np.ndarray
    measured_lag: np.ndarray


class VertexCover(NamedTuple):
    """Rows and columns that together touch every entry of a pattern, as few as possible."""

    rows: np.ndarray
    columns: np.ndarray


@kept_on_model
def incidence(model: Model) -> Incidence:
    """The incidence of `model`. A product with a constant zero counts as present."""
    equations, n = trace_equations(model), len(model.variables._fields)
    in_equations, in_measurement = _pattern(equations.residuals), _pattern(equations.measurement)
    given = len(model.param_names)
    _, lag, now, lead, shocks = np.split(in_equations, given + n * np.arange(4), axis=1)
    _, measured_now, measured_lag = np.split(in_measurement, given + n * np.arange(2), axis=1)
    return Incidence(equations.names, lag, now, lead, shocks, measured_now, measured_lag)


def _pattern(program: core.ClosedJaxpr) -> np.ndarray:
    """Which inputs each output reads ``[n_outputs, n_inputs]``."""
    pattern = np.zeros((len(program.out_avals), len(program.in_avals)), bool)
    for row, read in zip(pattern, reads(program), strict=True):
        row[list(read)] = True
    return pattern


def minimum_vertex_cover(pattern: np.ndarray) -> VertexCover:
    """The smallest set of rows and columns that contains every True of `pattern`.

    Its size is the rank that a matrix with this pattern has in general (Koenig's theorem: the
    smallest cover of a bipartite graph is as large as its largest matching).
    """
    row_of = maximum_bipartite_matching(csr_array(pattern), perm_type="row")  # of each column, or -1
    matched_rows = row_of[row_of >= 0]
    # From the unmatched rows, walk alternately along any edge and back along a matched one.
    rows = np.setdiff1d(np.flatnonzero(pattern.any(axis=1)), matched_rows)
    reached, columns = set(rows.tolist()), set[int]()
    while True:
        columns |= set(np.flatnonzero(pattern[sorted(reached)].any(axis=0)).tolist())
        further = {int(row_of[j]) for j in columns} | reached
        if further == reached:
            break
        reached = further
    return VertexCover(
        rows=np.array(sorted(set(matched_rows.tolist()) - reached), dtype=int),
        columns=np.array(sorted(columns), dtype=int),
    )
