"""Figures of the analyses show the numbers that they are given."""

import numpy as np

import estim  # noqa: F401
from estim.results import figures

OBSERVABLES, SHOCKS = ("y", "pi"), ("e", "u", "v")


def test_responses_has_a_panel_for_each_pair_and_draws_the_median():
    bands = np.sort(np.random.default_rng(0).normal(size=(3, 6, 2, 3)), axis=0)
    figure = figures.responses_figure(bands, OBSERVABLES, SHOCKS)
    assert len(figure.axes) == 6
    median = figure.axes[5].get_lines()[-1].get_ydata()  # second observable, third shock
    np.testing.assert_array_equal(median, bands[1, :, 1, 2])
    assert [figure.axes[j].get_title(loc="left") for j in range(3)] == [f"shock {e}" for e in SHOCKS]
    lines = (
        figures.responses_figure(bands, OBSERVABLES, SHOCKS, {"a": bands[1], "b": bands[0]})
        .axes[0]
        .get_lines()
    )
    np.testing.assert_array_equal(lines[-1].get_ydata(), bands[0, :, 0, 0])


def test_shares_are_stacked_to_one():
    shares = np.random.default_rng(1).dirichlet(np.ones(4), size=(2, 2))
    figure = figures.shares_figure(shares, (1, float("inf")), OBSERVABLES, (*SHOCKS, "error"))
    tops = [bar.get_y() + bar.get_height() for bar in figure.axes[0].patches[-2:]]
    np.testing.assert_allclose(tops, 1.0)


def test_history_areas_add_up_to_the_line():
    parts = np.random.default_rng(2).normal(size=(5, 2, 3))
    figure = figures.history_figure(parts, parts.sum(axis=2), list("abcde"), OBSERVABLES, SHOCKS)
    ax = figure.axes[1]
    areas = [area.get_paths()[0].vertices for area in ax.collections]  # three above zero, three below
    at = lambda area, x: area[np.isclose(area[:, 0], x), 1]
    line = ax.get_lines()[0].get_ydata()
    for x in (0, 4):  # the first and the last date, where the areas have corners
        heights = [at(area, x) for area in areas]
        np.testing.assert_allclose(max(map(np.max, heights)) + min(map(np.min, heights)), line[x], atol=1e-12)


def test_the_fan_begins_at_the_last_number_observed():
    observed, fan = np.arange(8.0).reshape(4, 2), np.zeros((5, 3, 2))
    figure = figures.forecast_figure(observed, fan, list("abcdefg"), OBSERVABLES)
    median = figure.axes[1].get_lines()[-1].get_ydata()
    np.testing.assert_array_equal(median, [7.0, 0.0, 0.0, 0.0])


def test_autocorrelations_of_the_data_are_dots():
    data = np.random.default_rng(3).uniform(-1, 1, size=(4, 2, 2))
    figure = figures.autocorrelation_figure(np.zeros((3, 4, 2, 2)), data, OBSERVABLES)
    np.testing.assert_array_equal(figure.axes[1].get_lines()[-1].get_ydata(), data[:, 0, 1])
