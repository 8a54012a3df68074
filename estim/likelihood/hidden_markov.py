"""`HiddenMarkov`: the likelihood of series that depend on a state which moves by a Markov chain and is not observed."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.arguments import ArgumentError
from estim.data.datasets import select_columns
from estim.kept import compiled_by_structure
from estim.likelihood.contract import Gradient, Likelihood
from estim.likelihood.failure import Outcome, impossible_if_not_finite, outcome
from estim.likelihood.rows import (
    check_missing,
    hides_states,
    over_types,
    padded,
    row_probabilities,
    units_of,
)
from estim.representations.stationary import StationaryEquilibrium
from estim.status import Status
from estim.typing import Array

LEAST = 1e-200
"""Probabilities of a state below this count as zero: their inverses, which smoothing needs, stay finite."""


class SeriesData(NamedTuple):
    """Series of unequal lengths, up to a common one.

    Attributes:
        rows: ``[n_units, n_periods, n_obs]``, missing numbers zero.
        seen: ``[n_units, n_periods, n_obs]``, which are not missing.
        there: ``[n_units, n_periods]``, which periods a series has: its first ones.
    """

    rows: Array
    seen: Array
    there: Array


@dataclass(frozen=True)
class HiddenMarkov(Likelihood):
    """The density of series whose state is hidden, by Hamilton's filter over the states of the model's ``motion``.

    The state of a unit is first drawn from the stationary distribution D and moves by ``motion``, P' below. Given it,
    a row has the density that the model's ``log_probability`` says, which is here an array ``[*states]``:

        p(s_t | y_1 .. y_t) ~ p(y_t | s_t) sum_s P(s, s_t) p(s_{t-1} = s | y_1 .. y_{t-1}),

    whose sums over s_t are the densities p(y_t | y_1 .. y_{t-1}). Units are those of the model's column ``unit``, and
    the rows of one are in the order of time. The matrix P is never made: a law of motion that takes one axis after
    another stays as cheap as it is. Memory is that of a number for every row and state.

    The gradient is Fisher's identity, the expectation of the score of states and data given all data, so that
    no derivative is taken through the recursion.

    Sources: Baum, Petrie, Soules and Weiss (1970), Annals of Mathematical Statistics 41; Hamilton (1989), Econometrica
    57; Cappe, Moulines and Ryden (2005), Inference in Hidden Markov Models, ch. 5 and 10.
    """

    reads: ClassVar[type] = StationaryEquilibrium
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def check_specification(self, spec: Any) -> None:
        """
        Raises:
            ArgumentError: the model does not say how states move, how probable a row is in each, or whose it is.
        """
        needs = {
            "motion": "(distribution, solution, params) -> distribution, by which the hidden state moves",
            "log_probability": "(row, solution, params) -> log-densities in each state",
        }
        for part, words in needs.items():
            if getattr(spec, part) is None:
                raise ArgumentError(f"likelihood HiddenMarkov needs {spec.name} to have {part}, {words}")
        if not spec.unit:
            raise ArgumentError(
                f"likelihood HiddenMarkov needs {spec.name} to have unit, the column that says whose a row is"
            )
        if not hides_states(spec):
            raise ArgumentError(
                f"likelihood HiddenMarkov needs log_probability of {spec.name} to be a log-density in each state, of "
                "the shape of its distribution"
            )

    def select(self, spec: Any, data: Any) -> np.ndarray:
        """The observables of a frame whose rows are periods of series, each in the order of time; last whose they are.

        Returns:
            ``[n_rows, n_obs + 1]``.

        Raises:
            DataError: a column is missing or no number, or a number is missing that is read.
        """
        table = select_columns(data, spec.observables._fields, spec.name).to_numpy()
        check_missing(spec, table, hidden=True)
        return np.column_stack([table, units_of(spec, data)])

    def for_data(self, observations: Array) -> tuple["HiddenMarkov", SeriesData]:
        """The series beside each other. Their number and length are rounded up, so that programs are shared.

        Args:
            observations: what `select` returned.
        """
        table, unit = np.asarray(observations)[:, :-1], np.asarray(observations)[:, -1].astype(int)
        period = periods_of(unit)
        shape = padded(int(unit.max()) + 1), padded(int(period.max()) + 1)
        rows, there = np.full((*shape, table.shape[1]), np.nan), np.zeros(shape, bool)
        rows[unit, period], there[unit, period] = table, True
        seen = ~np.isnan(rows)
        return self, SeriesData(jnp.nan_to_num(jnp.asarray(rows)), jnp.asarray(seen), jnp.asarray(there))

    def loglikelihood(self, solution: StationaryEquilibrium, data: SeriesData) -> Outcome:
        """Log-density of all series, and its status."""
        return _compiled(solution, data)


def periods_of(unit: np.ndarray) -> np.ndarray:
    """Of each row the how-manieth of its unit it is, from 0 on ``[n_rows]``."""
    order = np.argsort(unit, kind="stable")
    begin = np.concatenate([[0], np.cumsum(np.bincount(unit))[:-1]])
    period = np.empty(len(unit), int)
    period[order] = np.arange(len(unit)) - begin[unit[order]]
    return period


class Filtered(NamedTuple):
    """Of each unit and period ``[n_units, n_periods]``: the law of the state ``[*states]`` given the past,
    ``predicted``, and given the period too, ``filtered``; and ``log_density``, ln p(y_t | y_1 .. y_{t-1})."""

    predicted: Array
    filtered: Array
    log_density: Array


def log_densities(solution: StationaryEquilibrium, data: SeriesData) -> Array:
    """Of each row in each state ``[n_units, n_periods, *states]``; zero in periods that a series does not have."""
    states = _law(solution).shape
    rows, seen = (x.reshape(-1, x.shape[-1]) for x in (data.rows, data.seen))
    of_rows = row_probabilities(solution, rows, seen, states).reshape(*data.there.shape, *states)
    return jnp.where(_over_states(data.there, of_rows), of_rows, 0.0)


def filter_states(solution: StationaryEquilibrium, densities: Array) -> Filtered:
    """The forward recursion, for all units at once. A period that is impossible leaves the law as it was.

    Args:
        solution: with its stationary distribution and motion.
        densities: what `log_densities` returned.
    """
    first = _law(solution)
    # What does not depend on the distribution, such as a matrix of probabilities, is computed once.
    _, move = jax.linearize(partial(_move, solution), first)

    def period(predicted: Array, log_density: Array) -> tuple[Array, Filtered]:
        possible = predicted > LEAST
        log = jnp.log(jnp.where(possible, predicted, 1.0)) + log_density
        top = jax.lax.stop_gradient(jnp.max(log, where=possible, initial=-jnp.inf))
        top = jnp.where(jnp.isfinite(top), top, 0.0)
        weight = jnp.where(possible, jnp.exp(jnp.where(possible, log, -jnp.inf) - top), 0.0)
        total = weight.sum()
        there = total > 0
        filtered = jnp.where(there, weight / jnp.where(there, total, 1.0), predicted)
        increment = top + jnp.where(there, jnp.log(jnp.where(there, total, 1.0)), -jnp.inf)
        return move(filtered), Filtered(predicted, filtered, increment)

    return jax.vmap(lambda own: jax.lax.scan(period, first, own)[1])(densities)


def smoothing_weights(solution: StationaryEquilibrium, densities: Array, found: Filtered) -> Array:
    """p(s_t | all data) / p(s_t | y_1 .. y_{t-1}) ``[n_units, n_periods, *states]``, by the backward recursion

    w_t(s) = p(y_t | s) / p(y_t | y_1 .. y_{t-1}) sum_s' P(s, s') w_{t+1}(s').
    """
    _, pull = jax.vjp(partial(_move, solution), _law(solution))

    def period(ahead: Array, given: tuple[Array, Filtered]) -> tuple[Array, Array]:
        log_density, now = given
        possible = (now.predicted > LEAST) & jnp.isfinite(now.log_density)
        log = jnp.where(possible, log_density - jnp.where(possible, now.log_density, 0.0), -jnp.inf)
        weight = jnp.exp(log) * ahead
        return pull(weight)[0], weight

    last = jnp.ones_like(_law(solution))
    return jax.vmap(lambda *own: jax.lax.scan(period, last, own, reverse=True)[1])(densities, found)


@jax.custom_vjp
def series_loglikelihoods(solution: StationaryEquilibrium, densities: Array) -> Array:
    """``[n_units]``, of what `log_densities` returned."""
    return filter_states(solution, densities).log_density.sum(axis=1)


def _forward(solution: StationaryEquilibrium, densities: Array) -> tuple[Array, Any]:
    found = filter_states(solution, densities)
    return found.log_density.sum(axis=1), (solution, densities, found)


def _backward(residuals: Any, cotangent: Array) -> tuple[Any, Array]:
    """Fisher's identity: d ln p = sum_t E[d ln P(s_{t-1}, s_t) + d ln p(y_t | s_t) | all data]."""
    solution, densities, found = residuals
    weights = smoothing_weights(solution, densities, found)
    weights = weights * _over_states(cotangent, weights)
    states = _law(solution).shape
    before = found.filtered[:, :-1].reshape(-1, *states)

    def predict(own: StationaryEquilibrium) -> tuple[Array, Array]:
        return _law(own), jax.vmap(partial(_move, own))(before)

    _, pull = jax.vjp(predict, solution)
    (of_solution,) = pull((weights[:, 0].sum(axis=0), weights[:, 1:].reshape(-1, *states)))
    return of_solution, weights * found.predicted


series_loglikelihoods.defvjp(_forward, _backward)


def _law(solution: StationaryEquilibrium) -> Array:
    """The stationary distribution, which `HiddenMarkov.check_specification` asks for."""
    assert solution.distribution is not None
    return solution.distribution


def _move(solution: StationaryEquilibrium, distribution: Array) -> Array:
    return solution.specification.motion(distribution, solution, solution.params)


def _over_states(x: Array, like: Array) -> Array:
    """With axes of length one behind, as many as `like` has."""
    return x.reshape(*x.shape, *[1] * (like.ndim - x.ndim))


@impossible_if_not_finite
def _likelihood(solution: StationaryEquilibrium, data: SeriesData) -> Outcome:
    value, failed = over_types(solution, lambda own: series_loglikelihoods(own, log_densities(own, data)))
    return outcome(value, (failed == Status.OK, failed), (value > -jnp.inf, Status.IMPOSSIBLE_ROW.value))


_compiled = compiled_by_structure(_likelihood)
