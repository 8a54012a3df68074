"""Where a unit was in each period, of a dynamic program whose states are not observed."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from estim.arguments import ArgumentError
from estim.likelihood.hidden_markov import (
    HiddenMarkov,
    filter_states,
    log_densities,
    periods_of,
    smoothing_weights,
)
from estim.representations.stationary import StationaryEquilibrium
from estim.typing import Array


class StateProbabilities(NamedTuple):
    """The law of the state in each row of the data ``[n_rows, *states]``: given the rows of the unit up to this one,
    ``filtered``, and given all of them, ``smoothed``."""

    filtered: Array
    smoothed: Array


def state_probabilities(solution: StationaryEquilibrium, data: Any) -> StateProbabilities:
    """Filtered and smoothed probabilities of hidden states, as in `estim.HiddenMarkov`.

    Args:
        solution: of a `DecisionModel` with ``motion``, whose ``log_probability`` is a density in each state.
        data: a frame, as `estim.build_posterior` takes it.

    Raises:
        ArgumentError, DataError: the likelihood does not read the model, or the data; or agents are of types.
    """
    spec, likelihood = solution.specification, HiddenMarkov()
    likelihood.check_specification(spec)
    if solution.shares is not None:
        raise ArgumentError(f"state_probabilities: agents of {spec.name} are of types; solve for one of them")
    table = likelihood.select(spec, data)
    _, series = likelihood.for_data(jnp.asarray(table))
    densities = log_densities(solution, series)
    found = jax.jit(filter_states)(solution, densities)
    weights = jax.jit(smoothing_weights)(solution, densities, found)
    unit = table[:, -1].astype(int)
    of_rows = (unit, periods_of(unit))
    return StateProbabilities(found.filtered[of_rows], (weights * found.predicted)[of_rows])
