"""Paths of a piecewise-linear solution, and in words which regimes are expected along them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.numerics.guess_and_verify import a_period_later
from estim.representations.piecewise import PiecewiseLinear
from estim.status import Status
from estim.typing import Array


class PiecewisePath(NamedTuple):
    """By period: ``variables`` ``[n]`` in levels, the regimes expected ``binding`` ``[H J]``, those of the solution
    that is found from the other start, with everything bound, ``other`` ``[H J]``, and a `Status`."""

    variables: Array
    binding: Array
    other: Array
    status: Array


@jax.jit
def follow_piecewise(solution: PiecewiseLinear, begun: Array, shocks: Array) -> PiecewisePath:
    """The path after shocks, each of them a surprise.

    Args:
        begun: the variables of the period before the first ``[n]``, in deviations from rest.
        shocks: ``[n_periods, n_shocks]``.
    """

    def period(carry: tuple[Array, Array], shock: Array):
        x, expected = carry
        binding, status = solution.search(x, shock, a_period_later(expected, solution.num_constraints))
        other, second = solution.search(x, shock, ~solution.never)
        other = jnp.where(second == Status.OK, other, binding)
        T, R, c = solution.law(binding)
        x = T @ x + R @ shock + c
        return (x, binding), PiecewisePath(solution.steady_state + x, binding, other, status)

    return jax.lax.scan(period, (begun, solution.never), shocks)[1]


def in_words(binding: Array, num_constraints: int) -> list[str]:
    """The regimes expected in each of some periods ``[n_periods, H J]``: a group of characters for each period ahead,
    "1" where a constraint binds, until the reference regime returns for good."""

    def words(row: np.ndarray) -> str:
        bound = row.reshape(-1, num_constraints)
        ahead = np.flatnonzero(bound.any(axis=1))
        groups = ("".join("01"[int(b)] for b in g) for g in bound[: ahead[-1] + 1 if len(ahead) else 0])
        return ("" if num_constraints == 1 else " ").join(groups)

    return [words(row) for row in np.asarray(binding)]


def durations(binding: Array, num_constraints: int) -> np.ndarray:
    """For how many periods each constraint is expected to bind, ``[n_periods, J]``."""
    return np.asarray(binding).reshape(len(binding), -1, num_constraints).sum(axis=1)
