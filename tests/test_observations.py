"""Frames of observations: regular dates of every kind are taken, irregular ones and what is no number are refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estim.data.datasets import DataError, select_observables

QUARTERS = pd.period_range("1990Q1", periods=12, freq="Q")
MONTHS = pd.period_range("1990-01", periods=12, freq="M")

# Index by what it is, and whether a period that is left out shows.
REGULAR = {
    "quarters": QUARTERS,
    "months": MONTHS,
    "first days of quarters": QUARTERS.to_timestamp(),
    "last days of quarters": QUARTERS.to_timestamp(how="end"),
    "days with a time zone": MONTHS.to_timestamp().tz_localize("UTC"),
    "half years": pd.period_range("1990Q1", periods=12, freq="2Q"),
    "ends of years": pd.date_range("1990", periods=12, freq="YE"),
    "Sundays": pd.date_range("1990-01-07", periods=12, freq="W"),
    "texts of quarters": pd.Index([str(q) for q in QUARTERS]),
    "texts of months": pd.Index([str(m) for m in MONTHS]),
    "texts of months with an M": pd.Index([f"{m.year}M{m.month}" for m in MONTHS]),
    "texts of days": pd.Index([f"{d:%Y-%m-%d}" for d in QUARTERS.to_timestamp()]),
    "years": pd.Index(range(1990, 2002)),
    "decimal quarters": pd.Index(1990 + np.arange(12) / 4),
    "decimal months, rounded": pd.Index((1990 + np.arange(12) / 12).round(2)),
    "numbers of quarters": pd.Index([int(f"{q.year}0{q.quarter}") for q in QUARTERS]),
    "numbers of months": pd.Index([int(f"{m.year}{m.month:02d}") for m in MONTHS]),
    "rows": pd.RangeIndex(12),
    "rows from 5": pd.RangeIndex(5, 17),
}


def observed(index, values=None):
    values = np.arange(len(index)) + 0.5 if values is None else values
    return select_observables(pd.DataFrame({"x": values}, index=index), ("x",), "m")


def place(label):
    return str(label).split(" ")[0]


@pytest.mark.parametrize("kind", REGULAR)
def test_dates_that_follow_one_another_are_taken(kind):
    assert len(observed(REGULAR[kind])) == 12
    assert len(observed(REGULAR[kind][:1])) == 1


@pytest.mark.parametrize("kind", REGULAR)
def test_dates_that_do_not_are_refused_by_the_first(kind):
    index = REGULAR[kind]
    with pytest.raises(
        DataError, match=rf"the data of m: {place(index[10])}.* comes after {place(index[11])}"
    ):
        observed(index[::-1])
    with pytest.raises(DataError, match=rf"{place(index[2])}.* comes after {place(index[3])}"):
        observed(index[[0, 1, 3, 2, 4, 5]])
    with pytest.raises(DataError, match=rf"{place(index[2])}.* comes twice"):
        observed(index[[0, 1, 2, 2, 3]])
    with pytest.raises(DataError, match=rf"missing between {place(index[2])}.* and {place(index[5])}"):
        observed(index.delete([3, 4]))


def test_other_labels_only_have_to_differ():
    assert len(observed(pd.Index(list("cab")))) == 3
    with pytest.raises(DataError, match="a comes twice"):
        observed(pd.Index(list("aab")))
    assert len(observed(pd.bdate_range("1990-01-01", periods=20))) == 20  # weekends are no gaps


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (pd.DatetimeIndex(["1990-01-01", None, "1990-07-01"]), "row 2 has no date"),
        (
            pd.MultiIndex.from_product([[1, 2], [1, 2]], names=["country", "date"]),
            "several labels, country, date",
        ),
    ],
)
def test_an_index_that_is_none(index, words):
    with pytest.raises(DataError, match=words):
        observed(index)


@pytest.mark.parametrize(
    "values",
    [
        [1, None, 3],
        pd.array([1, None, 3], dtype="Int64"),
        pd.array([1.0, None, 3.0], dtype="Float64"),
        np.array([1.0, np.nan, 3.0], dtype="float16"),
        pd.Series([1, pd.NA, 3], dtype=object),
    ],
    ids=lambda v: str(getattr(v, "dtype", "list")),
)
def test_numbers_are_float64_whatever_they_were(values):
    np.testing.assert_array_equal(observed(pd.RangeIndex(3), values)["x"], np.array([1.0, np.nan, 3.0]))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1", "2", "3"], "column x does not hold numbers but .*: '1' in 0"),
        ([1.0, "high", 3.0], "column x does not hold numbers but object: 'high' in 1"),
        ([1.0, 2j, 3.0], "column x does not hold numbers but complex128"),
        ([True, False, True], "column x does not hold numbers but bool"),
        (pd.to_datetime(["1990", "1991", "1992"]), "column x does not hold numbers but datetime64"),
        ([[1], [2], [3]], r"\[1\] in 0"),
        ([1.0, -np.inf, 3.0], "column x, 1: -inf is not a finite number"),
        (pd.Series([1, 10**400, 3], dtype=object), "column x, 1: inf is not a finite number"),
        ([np.nan] * 3, "the observables of m: every number is missing in 0, 1, 2"),
    ],
    ids=str,
)
def test_what_is_no_number_is_named_by_column_and_row(values, words):
    with pytest.raises(DataError, match=words):
        observed(pd.RangeIndex(3), values)


def test_a_period_or_a_column_may_be_empty():
    frame = pd.DataFrame({"x": [np.nan, 1.0, np.nan], "y": [np.nan] * 3})
    assert select_observables(frame, ("x", "y")).shape == (3, 2)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (None, "must be a DataFrame of pandas, not NoneType"),
        ({"x": [1.0]}, "must be a DataFrame of pandas, not dict"),
        (np.ones((2, 1)), "must be a DataFrame of pandas, not ndarray"),
        (pd.Series([1.0], name="x"), r"must be a DataFrame of pandas, not Series .*write data\.to_frame\(\)"),
        (pd.DataFrame({"x": []}), "the data of m have no rows"),
        (pd.DataFrame([[1.0, 2.0]], columns=["x", "x"]), "column x comes twice"),
        (pd.DataFrame({"xx": [1.0]}), "m observes x, which the data lack; they have xx"),
        (
            pd.DataFrame([[1.0]], columns=pd.MultiIndex.from_tuples([("x", "a")])),
            "columns of the data have several",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_is_no_frame_of_the_observables(frame, words):
    with pytest.raises(DataError, match=words):
        select_observables(frame, ("x",), "m")


CELLS = st.one_of(
    st.none(), st.floats(), st.integers(), st.text(max_size=3), st.booleans(), st.complex_numbers()
)
LABELS = st.one_of(st.integers(-3, 3), st.text(max_size=6), st.dates(), st.floats(), st.none())


@settings(max_examples=60)
@given(rows=st.lists(st.tuples(LABELS, CELLS), max_size=5))
def test_any_frame_is_taken_as_finite_numbers_or_refused_in_our_words(rows):
    frame = pd.DataFrame({"x": pd.Series([cell for _, cell in rows], dtype=object)})
    frame.index = pd.Index([label for label, _ in rows], dtype=object)
    try:
        found = select_observables(frame, ("x",)).to_numpy()
    except DataError:
        return
    assert found.dtype == float and not np.isinf(found).any() and np.isfinite(found).any()
