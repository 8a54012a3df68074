"""What a model says at draws of its posterior, as labelled arrays: responses, history, forecasts."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr

from estim.analysis.draws import solve_draws
from estim.analysis.forecasts import sample_forecast
from estim.analysis.historical_decomposition import historical_decomposition
from estim.analysis.impulse_responses import impulse_responses
from estim.analysis.moving_average import sample_conditional
from estim.arguments import ArgumentError, did_you_mean
from estim.devices import over
from estim.likelihood.state_space.smoothing import sample_smoothed
from estim.observations import ANALYSED_TOGETHER, in_whole_blocks
from estim.periods import labels_of, periods_after, place_of
from estim.posterior import Posterior
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.samplers.constrain import unconstrain
from estim.samplers.solutions import solutions
from estim.solution.sequence_space.all_series import solve_all_series
from estim.status import Status
from estim.typing import Array, Key


class Estimated(NamedTuple):
    """A model, its posterior, its data, and draws of its parameters ``[n, n_params]`` in the model's units."""

    model: Any
    posterior: Posterior
    data: pd.DataFrame
    params: np.ndarray

    @property
    def observables(self) -> list[str]:
        return list(self.model.observables._fields)

    @property
    def shocks(self) -> list[str]:
        return list(self.model.shocks._fields)

    @property
    def observations(self) -> np.ndarray:
        return self.data[self.observables].to_numpy()

    @property
    def values(self) -> dict[str, Array]:
        """The draws ``[n]`` of each parameter by name."""
        return {
            n: jnp.asarray(x, float) for n, x in zip(self.posterior.param_names, self.params.T, strict=True)
        }

    def keys(self, rng_key: Key) -> Array:
        return jax.random.split(rng_key, len(self.params))

    def solutions(self) -> Any:
        return solutions(self.posterior, unconstrain(self.posterior, self.params))


def responses_over_draws(given: Estimated, horizon: int) -> xr.DataArray:
    """Responses of the observables to one standard deviation of each shock: draw, horizon, observable, shock."""
    solved = given.solutions()
    respond = jax.jit(jax.vmap(partial(impulse_responses, horizon=horizon)))
    coords = {"horizon": np.arange(horizon), "observable": given.observables, "shock": given.shocks}
    return _labelled(respond(solved), solved.status, coords)


def history_over_draws(given: Estimated, rng_key: Key) -> xr.Dataset:
    """A draw of all variables, in levels, and of the shocks over the sample for each draw of the parameters."""
    gives = given.posterior.likelihood.solver.gives
    if gives not in _HISTORIES:
        raise ArgumentError(
            f"there is no smoother over draws for a {gives.__name__}: see estim.analysis.smoothed_history"
        )
    variables, shocks, status = _HISTORIES[gives](given, given.keys(rng_key))
    date = {"date": labels_of(given.data.index)}
    names = {"variable": list(given.model.variables._fields)}
    return xr.Dataset(
        {
            "variables": _labelled(variables, status, date | names),
            "shocks": _labelled(shocks, status, date | {"shock": given.shocks}),
        }
    )


def _history_of_state_spaces(given: Estimated, keys: Array) -> tuple[Array, Array, Array]:
    state_spaces, rules = solve_draws(given.model, given.values)
    n_periods = len(given.observations)
    scales = getattr(given.posterior.likelihood.solver, "shock_scales", None)

    @jax.jit
    @partial(jax.vmap, in_axes=(0, 0, 0, None))
    def smooth(key: Key, state_space: Any, rule: Any, y: Array) -> tuple[Array, Array]:
        if scales:
            state_space = state_space._replace(shock_scales=jnp.asarray(scales))
        states, shocks = sample_smoothed(key, state_space, y)
        return states @ rule.policy.T + rule.steady_state[None], shocks

    rows = jnp.asarray(in_whole_blocks(given.observations, ANALYSED_TOGETHER))
    variables, shocks = smooth(keys, state_spaces, rules, rows)
    return variables[:, :n_periods], shocks[:, :n_periods], rules.status


def _history_of_moving_averages(given: Estimated, keys: Array) -> tuple[Array, Array, Array]:
    """Of all series together, the observables first; one draw after another."""
    model, solver = given.model, given.posterior.likelihood.solver
    household = None if solver.slow(model) else solver.at_defaults(model)

    @jax.jit
    def smooth(keys: Array, values: Mapping[str, Array], y: Array) -> tuple[Array, Array, Array]:
        def one(draw: tuple[Key, Mapping[str, Array]]) -> tuple[Array, Array, Array]:
            key, params = draw[0], model.params(draw[1])
            own = solver.prepare(model, params, None) if household is None else household
            solution = solve_all_series(model, params, own)
            _, variables, shocks = jnp.split(sample_conditional(key, solution, y), ends, axis=1)
            return variables, shocks, solution.status

        return jax.lax.map(one, (keys, values))

    ends = np.cumsum([len(given.observables), len(model.variables._fields)])
    return smooth(keys, given.values, jnp.asarray(given.observations))


_HISTORIES = {StateSpace: _history_of_state_spaces, MovingAverage: _history_of_moving_averages}


def forecast_over_draws(given: Estimated, horizon: int, imposed: Any, rng_key: Key) -> xr.DataArray:
    """A path of the observables after the sample for each draw of the parameters: draw, date, observable.

    Raises:
        ArgumentError: what is imposed is no number of an observable in a period of the forecast.
    """
    dates = periods_after(given.data.index, horizon)
    path, y = _imposed(imposed, dates, given.observables), given.observations
    # What is left of the sample joins the path, whose length is always the same.
    rest = len(y) % ANALYSED_TOGETHER
    empty = np.full((ANALYSED_TOGETHER - rest, y.shape[1]), np.nan)
    sample, path = y[: len(y) - rest], np.concatenate([y[len(y) - rest :], path, empty])
    solved = given.solutions()

    @jax.jit
    def paths(keys: Array, solved: Any, sample: Array, path: Array) -> Array:
        one = lambda key, solution: sample_forecast(key, solution, sample, path)
        return over(one, given.posterior.sequential)(keys, solved)

    drawn = paths(given.keys(rng_key), solved, jnp.asarray(sample), jnp.asarray(path))
    drawn = drawn[:, rest : rest + horizon]
    return _labelled(drawn, solved.status, {"date": labels_of(dates), "observable": given.observables})


def decomposition_over_draws(
    given: Estimated, groups: Mapping[str, Sequence[str]] | None = None
) -> xr.DataArray:
    """What each shock, or group of them, did to the observables: draw, date, observable, part.

    The parts "initial" (the state before the sample) and "measurement error" come last; all of them add up to the data
    less their trend and mean.

    Raises:
        ArgumentError: a group has a shock that is none of the model's, or of an earlier group.
    """
    names, membership = _grouped(groups, given.shocks)
    solved, y = given.solutions(), jnp.asarray(given.observations)
    parts = jax.jit(jax.vmap(lambda solution: historical_decomposition(solution, y)))(solved)
    rest = jnp.stack([parts.initial, parts.measurement_error], axis=-1)
    whole = jnp.concatenate([parts.shocks @ membership, rest], axis=-1)
    coords = {
        "date": labels_of(given.data.index),
        "observable": given.observables,
        "part": [*names, "initial", "measurement error"],
    }
    return _labelled(whole, solved.status, coords)


def _labelled(values: Any, status: Any, coords: Mapping[str, Any]) -> xr.DataArray:
    """With the dimension "draw" before the others; draws without a solution are left out."""
    solved = np.asarray(status) == Status.OK
    coords = {"draw": np.flatnonzero(solved)} | {name: np.asarray(at) for name, at in coords.items()}
    return xr.DataArray(np.asarray(values)[solved], coords, list(coords))


def _imposed(given: Any, dates: pd.Index, observables: Sequence[str]) -> np.ndarray:
    """The path ``[horizon, n_obs]`` of a frame or mapping, NaN where nothing is imposed."""
    path = pd.DataFrame(np.nan, dates, list(observables))
    if given is None:
        return path.to_numpy()
    try:
        frame = pd.DataFrame(given)
        frame.index = pd.Index([place_of(period, dates) for period in frame.index])
        frame = frame.astype(float)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"given: a frame of numbers with the observables as columns and periods as rows: {error}"
        ) from error
    for name in frame.columns:
        if name not in path.columns:
            known = list(observables)
            raise ArgumentError(
                f"given: {name!r} is no observable; they are {known}{did_you_mean(str(name), known)}"
            )
    if outside := [str(period) for period in frame.index if period not in dates]:
        raise ArgumentError(
            f"given: {outside[0]} is not among the periods of the forecast, {dates[0]} to {dates[-1]}"
        )
    path.loc[frame.index, list(frame.columns)] = frame.to_numpy()
    return path.to_numpy()


def _grouped(
    groups: Mapping[str, Sequence[str]] | None, shocks: Sequence[str]
) -> tuple[list[str], np.ndarray]:
    """Names of the parts, and which shocks ``[n_shocks, n_parts]`` belong to each; what is in no group is "others"."""
    groups = {name: [name] for name in shocks} if groups is None else {n: list(g) for n, g in groups.items()}
    seen: set[str] = set()
    for group, members in groups.items():
        for name in members:
            if name not in shocks:
                raise ArgumentError(
                    f"groups: {name!r} of {group!r} is no shock; they are {list(shocks)}{did_you_mean(name, shocks)}"
                )
            if name in seen:
                raise ArgumentError(f"groups: the shock {name!r} is in two groups")
            seen.add(name)
    if left := [name for name in shocks if name not in seen]:
        groups["others"] = [*groups.get("others", []), *left]
    return list(groups), np.array([[float(s in g) for g in groups.values()] for s in shocks])
