"""`CrossSection`: the likelihood of agents who are each seen once, drawn from the stationary distribution."""

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
from estim.likelihood.rows import row_probabilities
from estim.representations.stationary import StationaryEquilibrium
from estim.status import Status
from estim.tables import DataError
from estim.typing import Array


class CrossSectionData(NamedTuple):
    """Numbers ``[n_agents, n_obs]``, missing ones zero, and which are not missing."""

    rows: Array
    seen: Array


@dataclass(frozen=True)
class CrossSection(Likelihood):
    """The density of agents' individual states, each agent another one of the stationary distribution D.

        log p(data) = sum_i log sum_s D(s) prod_j N(y_ij; m_j(s), sigma_j^2),

    where m is what the model's ``measurement`` says of the state s, and sigma the standard deviations of its
    ``measurement_error``; a number that is missing is left out. A model that has a density of its own, as where states
    are not on a grid, gives it as ``log_probability`` and has no ``measurement``.
    """

    reads: ClassVar[type] = StationaryEquilibrium
    noisy: ClassVar[bool] = False
    gradient: ClassVar[Gradient] = "exact"

    def check_specification(self, spec: Any) -> None:
        """
        Raises:
            ArgumentError: the model says neither what is measured of a state, nor a density; or agents are of types.
        """
        if spec.types is not None:
            raise ArgumentError(
                f"likelihood CrossSection does not read {spec.name}, whose agents are of types: a stationary "
                "distribution can have a state for these"
            )
        if spec.measurement is None and spec.log_probability is None:
            raise ArgumentError(
                f"likelihood CrossSection needs {spec.name} to have measurement, (solution, params) -> observables in "
                "each state, with measurement_error; or log_probability, (row, solution, params) -> log-density"
            )
        if spec.measurement is not None and spec.measurement_error is None:
            raise ArgumentError(
                f"likelihood CrossSection needs {spec.name} to have measurement_error, params -> standard deviations: "
                "without errors a number between the points of a grid is impossible"
            )

    def select(self, spec: Any, data: Any) -> np.ndarray:
        """The observables ``[n_agents, n_obs]`` of a frame whose rows are agents, in any order.

        Raises:
            DataError: a column is missing or no number, or an agent has no number at all.
        """
        table = select_columns(data, spec.observables._fields, spec.name).to_numpy()
        if (empty := np.isnan(table).all(axis=1)).any():
            raise DataError(f"{spec.name}: row {int(np.argmax(empty))} of the data has no number")
        return table

    def for_data(self, observations: Array) -> tuple["CrossSection", CrossSectionData]:
        """Numbers, and which are there.

        Args:
            observations: what `select` returned.
        """
        table = jnp.asarray(observations, float)
        return self, CrossSectionData(jnp.nan_to_num(table), ~jnp.isnan(table))

    def loglikelihood(self, solution: StationaryEquilibrium, data: CrossSectionData) -> Outcome:
        """Log-density of all rows, and its status."""
        return _compiled(solution, data)


def log_densities(solution: StationaryEquilibrium, data: CrossSectionData) -> Array:
    """Of each row ``[n_agents]``."""
    spec, params = solution.specification, solution.params
    if spec.measurement is None:
        return row_probabilities(solution, data.rows, data.seen)
    assert solution.distribution is not None
    shape = solution.distribution.shape
    means = [jnp.broadcast_to(m, shape).reshape(-1) for m in spec.measurement(solution, params)]
    # Mass that is zero, or below it by rounding, has no logarithm: these states count for nothing.
    mass = solution.distribution.reshape(-1)
    there = mass > 1e-300
    log_mass = jnp.where(there, jnp.log(jnp.where(there, mass, 1.0)), -jnp.inf)

    def one(row: Array, seen: Array) -> Array:
        terms = log_mass
        for y, known, m, sd in zip(row, seen, means, spec.measurement_error(params), strict=True):
            terms = terms + jnp.where(known, jax.scipy.stats.norm.logpdf(y, m, sd), 0.0)
        return jax.nn.logsumexp(terms)

    return jax.lax.map(lambda pair: one(*pair), (data.rows, data.seen), batch_size=64)


@impossible_if_not_finite
def _likelihood(solution: StationaryEquilibrium, data: CrossSectionData) -> Outcome:
    value, failed = log_densities(solution, data).sum(), solution.status
    return outcome(value, (failed == Status.OK, failed), (value > -jnp.inf, Status.IMPOSSIBLE_ROW.value))


_compiled = compiled_by_structure(_likelihood)
