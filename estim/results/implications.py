"""What a run's model says, computed when its draws are there: a file for each analysis that its solution has.

A new analysis is a function of `Implied` and its row in `ANALYSES`; a section of the report shows it. What the solution
of a run has no rule for is left out by name.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from estim.analysis.agents import of_agents
from estim.analysis.draws import bands
from estim.analysis.historical_decomposition import historical_decomposition
from estim.analysis.identification import local_identification
from estim.analysis.impulse_responses import impulse_responses
from estim.analysis.moments import sample_moments
from estim.analysis.one_step import one_step_ahead
from estim.analysis.predictive_checks import predictive_statistics
from estim.analysis.variance_decomposition import variance_decomposition
from estim.arguments import ArgumentError
from estim.data.datasets import DataError
from estim.observations import ANALYSED_TOGETHER, in_whole_blocks
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.representations.pruned import PrunedStateSpace
from estim.representations.stationary import StationaryEquilibrium
from estim.results.over_draws import Estimated, forecast_over_draws, history_over_draws
from estim.samplers.solutions import solutions
from estim.status import SolutionError, Status
from estim.typing import Array, Key

Arrays = dict[str, np.ndarray]

RESPONSES, DECOMPOSITIONS, ONE_STEP, HISTORY, FORECAST, CHECKS, IDENTIFICATION, AGENTS = (
    *("impulse_responses", "decompositions", "one_step_ahead", "history", "forecast"),
    *("predictive_checks", "identification", "agents"),
)
QUANTILES = (0.05, 0.16, 0.5, 0.84, 0.95)
_RESPONSE_PERIODS, _FORECAST_PERIODS = 24, 12
_SHARE_PERIODS = (1, 4, 20, float("inf"))
_TOGETHER = {StateSpace: ANALYSED_TOGETHER}  # periods, where empty ones behind a sample cost next to nothing


class Implied:
    """What an analysis reads.

    Attributes:
        estimated: the model, its posterior, the data, and draws of the route that counts most.
        positions: by route, unconstrained draws ``[n, dim]``, as many of each; the first is that of `estimated`.
        prior: unconstrained draws of the prior ``[n, dim]``.
        rng_key: of what is drawn.
    """

    def __init__(
        self, estimated: Estimated, positions: Mapping[str, np.ndarray], prior: np.ndarray, rng_key: Key
    ):
        self.estimated, self.positions, self.prior, self.rng_key = estimated, positions, prior, rng_key

    @cached_property
    def at_routes(self) -> Any:
        """The solutions at the draws of all routes, one after another, and at the mean of the first."""
        first = next(iter(self.positions.values()))
        mean = np.asarray(first, float).mean(axis=0)
        return solutions(self.estimated.posterior, np.vstack([*self.positions.values(), mean]))

    @property
    def at_draws(self) -> Any:
        """The solutions at the draws of the first route ``[n]``."""
        n = len(next(iter(self.positions.values())))
        return jax.tree.map(lambda leaf: leaf[:n], self.at_routes)

    @property
    def at_mean(self) -> Any:
        """The solution at the posterior mean."""
        return jax.tree.map(lambda leaf: leaf[-1], self.at_routes)

    @property
    def rows(self) -> np.ndarray:
        """The data; with empty periods behind where a quarter more should need no new program."""
        return in_whole_blocks(self.estimated.observations, _TOGETHER.get(type(self.at_mean), 1))


def _responses(given: Implied) -> Arrays:
    """By route: of the observables to one standard deviation of each shock, ``[n, horizon, n_obs, n_shocks]``."""
    found = given.at_routes
    respond = jax.jit(jax.vmap(partial(impulse_responses, horizon=_RESPONSE_PERIODS)))
    responses = _where_solved(found, respond(found))[:-1]
    return dict(zip(given.positions, np.split(responses, len(given.positions)), strict=True))


def _decompositions(given: Implied) -> Arrays:
    """Where movements come from.

    ``shares`` ``[n, n_horizons, n_obs, n_shocks + 1]`` of the variance of the error of forecasting so many periods
    ahead (``horizons``), the last for measurement error; ``history`` ``[n_periods, n_obs, n_shocks + 2]`` at the
    posterior mean: what each shock, the state before the sample and measurement error did.
    """
    found = given.at_draws
    shares = jax.jit(jax.vmap(partial(variance_decomposition, horizons=_SHARE_PERIODS)))(found)
    parts = jax.jit(historical_decomposition)(given.at_mean, jnp.asarray(given.rows))
    history = np.concatenate(
        [parts.shocks, np.stack([parts.initial, parts.measurement_error], axis=2)], axis=2
    )
    return {
        "horizons": np.array(_SHARE_PERIODS),
        "shares": _where_solved(found, shares),
        "history": history[: len(given.estimated.data)],
    }


def _one_step(given: Implied) -> Arrays:
    """At the posterior mean: ``mean`` and ``sd`` of what was to be expected, ``[n_periods, n_obs]``."""
    found = one_step_ahead(given.at_mean, jnp.asarray(given.rows))
    sd = np.sqrt(np.diagonal(found.cov, axis1=1, axis2=2))
    n = len(given.estimated.data)
    return {"mean": np.asarray(found.mean)[:n], "sd": sd[:n]}


def _history(given: Implied) -> Arrays:
    """Bands ``[n_quantiles, n_periods, ...]`` of all ``variables``, in levels, and of all ``shocks``."""
    found = history_over_draws(given.estimated, given.rng_key)
    return {str(name): bands(jnp.asarray(values.to_numpy()), QUANTILES) for name, values in found.items()}


def _forecast(given: Implied) -> Arrays:
    """``bands`` ``[n_quantiles, horizon, n_obs]`` of the observables after the sample, and the ``periods``."""
    found = forecast_over_draws(given.estimated, _FORECAST_PERIODS, None, given.rng_key)
    return {
        "bands": bands(jnp.asarray(found.to_numpy()), QUANTILES),
        "periods": found["date"].to_numpy().astype(str),
    }


def _checks(given: Implied) -> Arrays:
    """STATISTICS (`estim.results.contents`) ``[..., n_statistics, n_obs]`` of the ``data``, and of samples simulated at
    draws of the ``posterior`` and of the ``prior``."""
    y = jnp.asarray(given.rows)
    drawn = {"posterior": given.at_draws, "prior": solutions(given.estimated.posterior, given.prior)}
    simulated = {
        name: np.asarray(predictive_statistics(given.rng_key, found, _statistics, y))
        for name, found in drawn.items()
    }
    return {"data": np.asarray(_statistics(y))} | simulated


def _statistics(y: Array) -> Array:
    moments = sample_moments(y, 1)
    return jnp.stack([moments.mean, moments.sd, jnp.diagonal(moments.autocorrelation[1])])


def _identification(given: Implied) -> Arrays:
    """At the posterior mean: see `estim.analysis.Identification`."""
    model, posterior = given.estimated.model, given.estimated.posterior
    solver: Any = posterior.likelihood.solver
    mean = dict(zip(posterior.param_names, given.estimated.params.mean(axis=0), strict=True))
    found = local_identification(lambda values: solver.solve(model, model.params(values)), mean)
    return {
        "rank": np.asarray(found.rank),
        "singular_values": found.singular_values,
        "directions": found.directions,
        "sensitivity": found.sensitivity,
    }


def _agents(given: Implied) -> Arrays:
    """Bands ``[n_quantiles, *states]`` of values, policies and the distribution: see `estim.analysis.of_agents`."""
    found = given.at_draws
    by_name = jax.jit(jax.vmap(of_agents))(found)
    return {name: np.nanquantile(_where_solved(found, x), QUANTILES, axis=0) for name, x in by_name.items()}


class Analysis(NamedTuple):
    """What is computed, and of which representations; ``asked``, whether one would expect it of any other."""

    say: Callable[[Implied], Arrays]
    reads: tuple[type, ...]
    asked: bool = True

    def concerns(self, solution: Any) -> bool:
        return self.asked or isinstance(solution, self.reads)


_LINEAR = (StateSpace, MovingAverage)
ANALYSES = {  # the longest to compile first
    HISTORY: Analysis(_history, _LINEAR),
    FORECAST: Analysis(_forecast, _LINEAR),
    DECOMPOSITIONS: Analysis(_decompositions, _LINEAR),
    ONE_STEP: Analysis(_one_step, _LINEAR),
    CHECKS: Analysis(_checks, _LINEAR),
    IDENTIFICATION: Analysis(_identification, (StateSpace,)),
    RESPONSES: Analysis(_responses, (*_LINEAR, PrunedStateSpace)),
    AGENTS: Analysis(_agents, (StationaryEquilibrium,), asked=False),
}


def implications(given: Implied) -> Iterator[tuple[str, Arrays | str]]:
    """Each analysis by its name: arrays, or why it is left out. Two at a time: most of their time is compilation."""
    names = [name for name, analysis in ANALYSES.items() if analysis.concerns(given.at_mean)]
    threads = ThreadPoolExecutor(2)
    try:
        asked = {name: threads.submit(copy_context().run, _answer, given, name) for name in names}
        yield from ((name, future.result()) for name, future in asked.items())
    finally:
        threads.shutdown(cancel_futures=True)


def _answer(given: Implied, name: str) -> Arrays | str:
    say, reads, _ = ANALYSES[name]
    if not isinstance(given.at_mean, reads):
        return f"there is no rule for a {type(given.at_mean).__name__}"
    try:
        return say(given)
    except (ArgumentError, DataError, SolutionError) as error:
        return str(error)


def _where_solved(found: Any, values: Any) -> np.ndarray:
    """NaN where a draw has no solution."""
    values = np.array(values)
    status = np.asarray(found.status).reshape(len(values), -1)  # of agents who differ, one of each type
    values[(status != Status.OK).any(axis=1)] = np.nan
    return values
