"""Which equation contains which variable at which date, and how few combinations they read.

Found once for each model, from the program that JAX traces: no values are involved.
"""

from functools import cache
from typing import NamedTuple

import jax
import numpy as np
from jax.extend import core
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from estim.model import Model


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


class Cover(NamedTuple):
    """Rows and columns that together touch every entry of a pattern, as few as possible."""

    rows: np.ndarray
    columns: np.ndarray


@cache
def incidence(model: Model) -> Incidence:
    """The incidence of `model`. A product with a constant zero counts as present."""
    params = model.params()
    n, e = len(model.variables._fields), len(model.shocks._fields)

    def residuals(*x):
        lag, now, lead = (model.variables(*x[k * n : (k + 1) * n]) for k in range(3))
        return model.residuals(lag, now, lead, model.shocks(*x[3 * n :]), params)

    def measurement(*x):
        return tuple(model.measurement(model.variables(*x[:n]), model.variables(*x[n:]), params))

    equations = tuple(residuals(*np.ones(3 * n + e)))
    in_equations = _dependence(lambda *x: tuple(residuals(*x)[name] for name in equations), 3 * n + e)
    in_measurement = _dependence(measurement, 2 * n)
    lag, now, lead, shocks = np.split(in_equations, [n, 2 * n, 3 * n], axis=1)
    return Incidence(equations, lag, now, lead, shocks, *np.split(in_measurement, 2, axis=1))


def minimum_cover(pattern: np.ndarray) -> Cover:
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
    return Cover(
        rows=np.array(sorted(set(matched_rows.tolist()) - reached), dtype=int),
        columns=np.array(sorted(columns), dtype=int),
    )


def _dependence(fn, num_inputs: int) -> np.ndarray:
    """``[n_outputs, n_inputs]``: does the output of `fn` depend on the scalar input?"""
    closed = jax.make_jaxpr(fn)(*np.ones(num_inputs))
    reads: dict[core.Var, set[int]] = {v: {i} for i, v in enumerate(closed.jaxpr.invars)}

    def inputs_of(atoms):
        return set().union(*(reads.get(a, set()) for a in atoms if isinstance(a, core.Var)))

    for eqn in closed.jaxpr.eqns:
        reads |= dict.fromkeys(eqn.outvars, inputs_of(eqn.invars))
    outputs = [inputs_of([v]) for v in closed.jaxpr.outvars]
    return np.array([[i in output for i in range(num_inputs)] for output in outputs], bool)
