"""Analyses take frames for arrays, and refuse what is neither by the argument's name."""

import jax
import numpy as np
import pandas as pd
import pytest
from small_models import ar1

import estim
from estim.analysis.draws import bands, solve_draws
from estim.analysis.forecasts import forecast, sample_forecast
from estim.analysis.historical_decomposition import historical_decomposition
from estim.analysis.impulse_responses import impulse_responses
from estim.analysis.marginal_likelihood import model_probabilities, modified_harmonic_mean
from estim.analysis.moments import sample_moments, theoretical_moments
from estim.analysis.variance_decomposition import variance_decomposition
from estim.arguments import ArgumentError
from estim.solution.simulate import simulate

SOLUTION = estim.solve(ar1())
DATA = pd.DataFrame({"X": [0.3, 0.5, -0.2, 0.9]})
KEY = jax.random.key(0)

WRONG = [
    (
        lambda: forecast(ar1(), DATA, DATA),
        "forecast: solution must be a StateSpace or a MovingAverage, not Model",
    ),
    (
        lambda: forecast(SOLUTION, "here", DATA),
        "forecast: observations must be an array of numbers, not 'here'",
    ),
    (lambda: sample_forecast(0, SOLUTION, DATA, DATA), "sample_forecast: rng_key must be a random key"),
    (
        lambda: historical_decomposition(None, DATA),
        "solution must be a StateSpace or a MovingAverage, not None",
    ),
    (lambda: impulse_responses(SOLUTION, 0), "horizon must be a whole number from 1 on, not 0"),
    (lambda: variance_decomposition(SOLUTION, [0]), r"horizons\[0\] must be a number from 1 on, not 0"),
    (lambda: variance_decomposition(SOLUTION, "all"), "horizons must be a list, not 'all'"),
    (lambda: theoretical_moments(SOLUTION, -1), "num_lags must be a whole number from 0 on"),
    (lambda: sample_moments(None, 1), "observations must be an array of numbers, not None"),
    (
        lambda: modified_harmonic_mean(np.ones((2, 9, 1)), np.ones((2, 9)), [1.0]),
        r"truncations\[0\] must be a number",
    ),
    (
        lambda: model_probabilities([1.0, 2.0]),
        r"log_marginal_likelihood must be a mapping, not \[1\.0, 2\.0\]",
    ),
    (lambda: bands(np.ones((4, 2)), (1.5,)), r"probabilities\[0\] must be a number from 0 to 1"),
    (lambda: solve_draws("ar1", {}), "solve_draws: model must be a Model, not 'ar1'"),
    (lambda: simulate(SOLUTION, KEY, 0), "simulate: num_periods must be a whole number from 1 on"),
]


@pytest.mark.parametrize(("call", "words"), WRONG)
def test_an_argument_of_a_wrong_kind_is_named(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()


def test_a_frame_is_its_numbers():
    ahead = pd.DataFrame({"X": [np.nan, 0.5]})
    ours, theirs = forecast(SOLUTION, DATA, ahead), forecast(SOLUTION, DATA.to_numpy(), ahead.to_numpy())
    np.testing.assert_array_equal(ours.mean, theirs.mean)
