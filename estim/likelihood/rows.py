"""Rows of data and the model's own ``log_probability`` of each: what the likelihoods of agents have in common."""

from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from estim.kept import kept_on_model
from estim.representations.stationary import StationaryEquilibrium
from estim.solution.table import default_solver
from estim.status import Status
from estim.tables import DataError
from estim.tracing import ModelError, call
from estim.typing import Array, Scalar


def padded(num: int) -> int:
    """The next number of four binary digits, so that data of nearly one length share a compiled program."""
    unit = 1 << max(num.bit_length() - 4, 0)
    return -(-num // unit) * unit


def units_of(spec: Any, data: pd.DataFrame) -> np.ndarray:
    """Of each row whose it is, by the column ``unit``: numbers from 0 on in the order in which they appear.

    Raises:
        DataError: there is no such column, or it has gaps.
    """
    if spec.unit not in data.columns:
        raise DataError(f"{spec.name}: the data lack the column '{spec.unit}', which says whose a row is")
    unit, _ = pd.factorize(data[spec.unit])
    if (unit < 0).any():
        raise DataError(f"{spec.name}: column '{spec.unit}' is missing in row {int(np.argmax(unit < 0))}")
    return unit


def row_type(observables: Any) -> Any:
    """The observables, and with ``seen`` which of them are there."""
    return namedtuple("Row", (*observables._fields, "seen"))  # type: ignore[misc]


def row_probabilities(
    solution: StationaryEquilibrium, rows: Array, seen: Array, states: tuple[int, ...] = ()
) -> Array:
    """Log-densities ``[n_rows, *states]`` of rows ``[n_rows, n_obs]``.

    Args:
        solution: of agents of one type.
        rows: missing numbers are zero.
        seen: which are not missing.
        states: the shape of what the model's ``log_probability`` gives: () where the states of an agent are among the
            observables, else a density in each state.

    Raises:
        ModelError: it has another shape.
    """
    spec = solution.specification

    def one(row: Array, seen: Array) -> Array:
        value = _log_probability(solution, row, seen)
        if jnp.shape(value) != states:
            raise ModelError(f"{spec.name}: {_wrong_shape(jnp.shape(value), states)}")
        return jnp.asarray(value, float)

    return jax.vmap(one)(rows, seen)


def _log_probability(solution: StationaryEquilibrium, row: Array, seen: Array) -> Any:
    spec = solution.specification
    given = {
        "row": row_type(spec.observables)(*row, seen=spec.observables(*seen)),
        "solution": solution,
        "params": solution.params,
    }
    names = {"prior": spec.param_names, "row": spec.observables._fields}
    return call(spec.log_probability, given, spec.name, "log_probability", names)


def _wrong_shape(shape: tuple[int, ...], states: tuple[int, ...]) -> str:
    if states:
        return (
            f"likelihood HiddenMarkov needs log_probability to be a log-density in each state, of shape {states}, "
            f"not {shape}"
        )
    return (
        f"log_probability must be one number, not of shape {shape}; a log-density in each of the states in which an "
        "agent may be is for likelihood HiddenMarkov, and has their shape"
    )


@kept_on_model
def hides_states(spec: Any) -> bool:
    """Whether ``log_probability`` is a density in each of the states that ``motion`` moves: they are not observed."""
    if spec.log_probability is None or spec.motion is None:
        return False
    solution, row = jax.eval_shape(lambda: _at_defaults(spec)), jnp.zeros(len(spec.observables._fields))
    found = jax.eval_shape(lambda own: _log_probability(own, row, row == 0), solution)
    return jnp.shape(found) == solution.distribution.shape != ()


def _at_defaults(spec: Any) -> StationaryEquilibrium:
    """The solution at the model's own parameters, of the first type where agents are of several."""
    solution = default_solver(spec).solve(spec, spec.params())
    if solution.shares is None:
        return solution
    return jax.tree.map(lambda x: x[0], replace(solution, shares=None))


def check_missing(spec: Any, table: np.ndarray, hidden: bool = False) -> None:
    """Is a number read that is missing? Then it matters whether it is zero, as in a likelihood, or another.

    Args:
        spec: the model.
        table: the observables of each row ``[n_rows, n_obs]``, NaN where they are missing.
        hidden: whether ``log_probability`` gives a density in each state.

    Raises:
        DataError: names the row and its columns.
    """
    seen = ~np.isnan(table)
    lacking = np.flatnonzero(~seen.all(axis=1))
    if not lacking.size:
        return
    solution = _at_defaults(spec)
    assert not hidden or solution.distribution is not None
    states = solution.distribution.shape if hidden else ()  # type: ignore[union-attr]
    of_rows = jax.jit(lambda rows: row_probabilities(solution, rows, jnp.asarray(seen[lacking]), states))
    zero, one, none = (
        np.asarray(of_rows(jnp.where(seen[lacking], table[lacking], fill))).reshape(len(lacking), -1)
        for fill in (0.0, 1.0, np.nan)
    )
    if (wrong := ((zero != one) | (zero != none)).any(axis=1)).any():
        row = int(lacking[np.argmax(wrong)])
        columns = [n for n, there in zip(spec.observables._fields, seen[row], strict=True) if not there]
        raise DataError(
            f"{spec.name}: row {row} of the data lacks {', '.join(columns)}, which its log_probability reads"
        )


def over_types(
    solution: StationaryEquilibrium, of_units: Callable[[StationaryEquilibrium], Array]
) -> tuple[Scalar, Scalar]:
    """The log-likelihood of units that are each of one type, whichever, and the solution's status.

    Args:
        solution: of one type or of several.
        of_units: the log-likelihoods ``[n_units]`` of units that are of the type that is solved.
    """
    if solution.shares is None:
        return of_units(solution).sum(), solution.status
    by_unit = jax.vmap(of_units)(replace(solution, shares=None))
    value = jax.nn.logsumexp(by_unit, axis=0, b=solution.shares[:, None]).sum()
    return value, solution.status[jnp.argmax(solution.status != Status.OK)]
