"""Figures of a report: what their labels say is what was drawn."""

import re

import numpy as np
from matplotlib.figure import Figure

import estim  # noqa: F401
from estim.results.figures import surrogate_fit_figure
from estim.results.style import to_svg


def test_coordinates_are_rounded_and_labels_are_not():
    figure = Figure()
    figure.subplots().set_title("at 0.12345")
    svg = to_svg(figure, "Labels")
    assert "at 0.12345" in svg
    assert not [tag for tag in re.findall(r"<[^>]*>", svg) if re.search(r"\d\.\d{3}", tag)]


def test_errors_of_points_that_ran_away_are_counted_and_do_not_set_the_scale():
    error = np.concatenate([np.random.default_rng(0).normal(0, 0.1, 990), np.full(10, 5000.0)])
    history = {"train": np.ones(3), "validation": np.ones(3)}
    *_, right = surrogate_fit_figure(history, np.zeros(1000), error).axes
    assert right.get_title(loc="left").endswith("log points, 1.0 % far beyond")
    assert right.get_xlim()[1] < 1
