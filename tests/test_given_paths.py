"""Shocks and levels as users give them, right and wrong: what is taken, and the words of what is not."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from small_models import ar1

import estim
from estim.arguments import ArgumentError
from estim.given_paths import levels_by_name, rows_of

NAMES = ("e", "u")
QUARTERS = pd.period_range("2000Q1", periods=3, freq="Q")


def frame(**columns):
    return pd.DataFrame(columns, index=QUARTERS)


@pytest.mark.parametrize(
    "given",
    [
        frame(e=[1, 2, 3]),
        frame(e=pd.array([1.0, 2.0, 3.0], dtype="Float64")),
        frame(e=[np.float32(1), 2, 3.0]).astype(object),
        {"e": [1, 2, 3]},
        {"e": np.arange(1, 4)},
        np.array([[1, 0], [2, 0], [3, 0]]),
        xr.DataArray(
            [[1.0], [2.0], [3.0]], {"period": QUARTERS.astype(str), "shock": ["e"]}, ("period", "shock")
        ),
    ],
)
def test_forms_of_one_path(given):
    np.testing.assert_array_equal(rows_of("shocks", given, NAMES)[0], [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])


TWICE = pd.DataFrame([[1.0, 2.0]], columns=["e", "e"])
WRONG = [
    (frame(ee=[1.0, 2.0, 3.0]), r"give 'ee', which is not in \(e, u\); did you mean 'e'"),
    (pd.DataFrame([[1.0, 2.0]]), r"give 0, which is not in \(e, u\)"),
    (TWICE, "there are 2 columns 'e'"),
    (frame(e=[1.0, np.nan, 2.0]), "'e' is no path of finite numbers"),
    (frame(e=pd.array([1.0, None, 2.0], dtype="Float64")), "'e' is no path of finite numbers"),
    (frame(e=[1.0, np.inf, 2.0]), "column e, 2000Q2: inf is not a finite number"),
    (frame(e=["1", "2", "3"]), "column e does not hold numbers but .*'1' in 2000Q1"),
    (frame(e=[True, False, True]), "column e does not hold numbers but bool"),
    (frame(e=[1 + 2j, 0, 0]), "column e does not hold numbers but complex"),
    (frame(e=[1.0, 2.0, 3.0]).iloc[::-1], "2000Q2 comes after 2000Q3; sort the rows by date"),
    (frame(e=[1.0, 2.0, 3.0]).iloc[[0, 0, 1]], "2000Q1 comes twice"),
    (
        pd.DataFrame(
            {"e": [1.0] * 4}, index=pd.PeriodIndex(["2000Q1", "2000Q2", "2000Q3", "2001Q1"], freq="Q")
        ),
        "missing between 2000Q3 and 2001Q1; a period without numbers is a row of zeros",
    ),
    (pd.DataFrame({"e": [1.0]}, index=pd.MultiIndex.from_tuples([(1, 2)])), "the rows have several labels"),
    (pd.DataFrame({"e": []}), "'e' is no path of finite numbers"),
    (pd.DataFrame(), "a row for each period, and there are none"),
    ({"e": [1.0, 2.0], "u": [1.0]}, r"a number for each period: the paths have \[1, 2\]"),
    ({"e": ["a"]}, r"must be numbers, not \['a'\]"),
    ({"e": [True]}, r"must be numbers, not \[True\]"),
    ({"e": [[1.0], [2.0, 3.0]]}, "must be numbers, not"),
    ({"e": [1j]}, "must be numbers, not"),
    (np.zeros((2, 3)), r"a column for each of \(e, u\), not the shape \(2, 3\)"),
    ("e", "must be numbers, not 'e'"),
]


@pytest.mark.parametrize(("given", "words"), WRONG)
def test_what_is_no_path(given, words):
    with pytest.raises(ArgumentError, match=words):
        rows_of("shocks", given, NAMES)


def test_levels_by_name():
    read = lambda given: levels_by_name("start", given, NAMES, "no variable")
    assert read(None) == {}
    for given in ({"e": 1}, pd.Series({"e": 1.0}), xr.DataArray([1.0], {"variable": ["e"]}, ("variable",))):
        assert read(given) == {"e": 1.0}
    for given, words in (
        ({"ee": 1.0}, "start gives 'ee', no variable; did you mean 'e'"),
        ({"e": np.nan}, "the level of 'e' is nan, no finite number"),
        ({"e": "a"}, "the level of 'e' is 'a', no finite number"),
        ({"e": [1.0, 2.0]}, r"the level of 'e' is \[1.0, 2.0\], no finite number"),
        ({"e": None}, "the level of 'e' is None"),
        ([1.0], r"start must be levels by name, not \[1.0\]"),
        (1.0, "start must be levels by name, not 1.0"),
    ):
        with pytest.raises(ArgumentError, match=words):
            read(given)


def test_a_path_goes_on_from_where_another_ended():
    """A row of a path is a start; variables left out are at rest."""
    whole = estim.simulate(ar1(), None, {"e": [1.0, 0.5, 0.0, 0.0]})
    rest = estim.simulate(ar1(), None, {"e": [0.0, 0.0]}, start=whole[1])
    np.testing.assert_allclose(rest, whole[2:], atol=1e-15)
    with pytest.raises(ArgumentError, match="simulate: start: the level of 'x' is nan"):
        estim.simulate(ar1(), None, {"e": [0.0]}, start={"x": np.nan})


def test_a_likelihood_is_an_object_and_no_class():
    with pytest.raises(ArgumentError, match=r"such as estim.Kalman\(...\), not <class 'estim.*Inversion'>"):
        estim.loglikelihood(ar1(), {}, pd.DataFrame({"X": [0.0, 1.0]}), likelihood=estim.Inversion)
