"""Figures of a report: what their labels say is what was drawn."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import estim  # noqa: F401
from estim.results.figures import data_figure, history_figure, shares_figure, surrogate_fit_figure
from estim.results.figures.style import SURROGATE, part_styles, route_styles, to_svg


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


@pytest.mark.parametrize("num", [1, 6, 12, 25])
def test_any_number_of_routes_can_be_told_apart(num):
    styles = route_styles([*(f"route-{i}" for i in range(num)), "surrogate"])
    assert len({(s["color"], s["linestyle"]) for s in styles.values()}) == num + 1
    assert [name for name, s in styles.items() if s["color"] == SURROGATE] == ["surrogate"]


@pytest.mark.parametrize("num", [1, 11, 40])
def test_any_number_of_shocks_can_be_told_apart(num):
    """Nine shocks, the initial state and a measurement error are eleven parts."""
    names = [f"shock {i}" for i in range(num)]
    parts = np.random.default_rng(0).standard_normal((8, 1, num))
    styles = part_styles(num)
    assert len({(s["facecolor"], s["hatch"]) for s in styles}) == num
    history = history_figure(parts, parts.sum(axis=2), list(range(8)), ["y"], names)
    shares = shares_figure(np.full((2, 1, num), 1 / num), [1, 4], ["y"], names)
    for figure in (history, shares):
        assert [text.get_text() for text in figure.legends[0].get_texts()] == names
        assert "shock 0" in to_svg(figure, "Parts")


def test_a_notebook_shows_a_figure():
    """IPython asks for this method; a figure of a report is none of pyplot's, which it would show by itself."""
    figure = data_figure(pd.DataFrame({"x": [1.0, 2.0]}))
    assert figure._repr_png_().startswith(b"\x89PNG")
