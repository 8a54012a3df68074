"""A moving average given part of it: against the state space that it is of, and in an economy of households."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from small_models import coarse

import estim
from estim.analysis import forecast, sample_forecast, simulate
from estim.analysis.moving_average import sample_conditional
from estim.likelihood.state_space.smoothing import smooth
from estim.representations.linear import StateSpace
from estim.representations.moving_average import MovingAverage
from estim.results.over_draws import Estimated, forecast_over_draws, history_over_draws
from estim.status import SolutionError

HORIZON, PERIODS, AHEAD = 60, 12, 4
SPACE = StateSpace(
    transition=jnp.array([[0.5, 0.1], [0.0, 0.6]]),
    selection=jnp.array([[1.0, 0.2], [0.0, 0.5]]),
    state_cov=jnp.array([[1.0, 0.3], [0.3, 2.0]]),
    design=jnp.array([[1.0, 0.5], [0.0, 1.0]]),
    obs_intercept=jnp.array([0.5, -1.0]),
    obs_cov=jnp.array([[0.2, 0.05], [0.05, 0.1]]),
    status=jnp.array(0),
    obs_trend=jnp.array([0.1, 0.0]),
)


def as_moving_average(space):
    powers = [np.linalg.matrix_power(space.transition, h) for h in range(HORIZON)]
    responses = jnp.stack([space.design @ power @ space.selection for power in powers])
    return MovingAverage(responses, *space[2:3], *space[4:])


AVERAGE = as_moving_average(SPACE)
Y = np.array(simulate(SPACE, jax.random.key(0), PERIODS))
Y[3, 1] = Y[5] = np.nan
PATH = np.full((AHEAD, 2), np.nan)
PATH[1, 0], PATH[2, 1] = 3.0, -2.0


@pytest.mark.parametrize("path", [np.full((AHEAD, 2), np.nan), PATH], ids=["free", "imposed"])
def test_forecasts_are_those_of_the_state_space(path):
    found, want = forecast(AVERAGE, Y, path), forecast(SPACE, Y, path)
    np.testing.assert_allclose(found.mean, want.mean, atol=1e-10)
    np.testing.assert_allclose(found.cov, want.cov, atol=1e-10)


def test_draws_have_the_moments_of_the_forecast():
    keys = jax.random.split(jax.random.key(1), 4_000)
    draws = np.asarray(jax.vmap(lambda key: sample_forecast(key, AVERAGE, Y, PATH))(keys))
    want = forecast(AVERAGE, Y, PATH)
    deviations = np.sqrt(np.einsum("tii->ti", want.cov))
    free = np.isnan(PATH)
    errors = (draws.mean(axis=0) - want.mean)[free] / deviations[free] * np.sqrt(len(keys))
    assert np.abs(errors).max() < 4
    np.testing.assert_allclose(draws.std(axis=0)[free], deviations[free], rtol=4 / np.sqrt(2 * len(keys)))
    np.testing.assert_array_equal(draws[:, ~free], np.broadcast_to(PATH[~free], (len(keys), 2)))


def test_series_that_nobody_observes():
    """The smoothed shocks of the state space are those of a moving average with the shocks among its series."""
    shocks = jnp.zeros((HORIZON, 2, 2)).at[0].set(jnp.eye(2))
    series = AVERAGE._replace(
        impulse_responses=jnp.concatenate([AVERAGE.impulse_responses, shocks], axis=1),
        obs_intercept=jnp.pad(AVERAGE.obs_intercept, (0, 2)),
        obs_cov=jnp.pad(AVERAGE.obs_cov, ((0, 2), (0, 2))),
        obs_trend=jnp.pad(AVERAGE.obs_trend, (0, 2)),
    )
    keys = jax.random.split(jax.random.key(2), 4_000)
    draws = np.asarray(jax.vmap(lambda key: sample_conditional(key, series, Y))(keys))
    want = smooth(SPACE, Y).shocks
    deviations = np.sqrt(np.einsum("tii->ti", want.cov))
    errors = (draws[:, :, 2:].mean(axis=0) - want.mean) / deviations * np.sqrt(len(keys))
    assert np.abs(errors).max() < 4.5
    np.testing.assert_allclose(draws[:, :, 2:].std(axis=0), deviations, rtol=5 / np.sqrt(2 * len(keys)))
    seen = ~np.isnan(Y)
    np.testing.assert_allclose(draws[0, :, :2][seen], Y[seen], atol=1e-9)


def test_what_no_shock_can_bring_about_is_refused():
    tied = AVERAGE._replace(
        impulse_responses=AVERAGE.impulse_responses.at[:, 1].set(AVERAGE.impulse_responses[:, 0]),
        obs_cov=jnp.zeros((2, 2)),
    )
    path = np.full((AHEAD, 2), np.nan)
    path[1] = [1.0, 2.0]
    with pytest.raises(
        SolutionError, match="no shock can bring about what is imposed on period 2 of the path"
    ):
        forecast(tied, np.where([True, False], Y, np.nan), path)


def test_history_and_forecast_of_an_economy_of_households():
    model = coarse("krusell_smith_1998")
    y = np.asarray(simulate(estim.solve(model), jax.random.key(0), 40))
    dates = pd.period_range("1990Q1", periods=40, freq="Q")
    frame = pd.DataFrame(y, dates, model.observables._fields)
    posterior = estim.build_posterior(model, frame)
    params = np.array([[0.9, 0.4], [0.8, 0.5]])
    given = Estimated(model, posterior, frame, params)
    found = history_over_draws(given, jax.random.key(1))
    assert posterior.param_names == ("rho_Z", "sig_Z")
    p = model.params()
    Z_at_rest = (p.alpha / (p.r + p.delta)) ** -p.alpha
    for draw, (rho, sigma) in enumerate(params):
        here = found.isel(draw=draw)
        np.testing.assert_allclose(100 * (here["variables"].sel(variable="Y") - 1.0), y[:, 0], atol=1e-9)
        Z, e = (
            here["variables"].sel(variable="Z").values / Z_at_rest - 1,
            here["shocks"].sel(shock="eps_Z").values,
        )
        np.testing.assert_allclose(Z[1:] - rho * Z[:-1], sigma / 100 * e[1:], atol=1e-9)
    paths = forecast_over_draws(given, 3, {"Y": {"2000Q2": 1.0}}, jax.random.key(2))
    np.testing.assert_array_equal(paths.sel(date="2000Q2", observable="Y"), 1.0)
