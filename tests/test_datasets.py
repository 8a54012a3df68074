"""Shipped data: rebuilt from what they derive from, described column by column; and bad data in words."""

import importlib.util
import re
import struct
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estim.data.datasets import (
    FOLDER,
    DataError,
    describe,
    growth,
    list_data,
    load_data,
    select_observables,
)

specification = importlib.util.spec_from_file_location(
    "build", Path(__file__).parents[1] / "tools" / "build_data.py"
)
build = importlib.util.module_from_spec(specification)
specification.loader.exec_module(build)

each_data_set = pytest.mark.parametrize("name", list_data())


@each_data_set
def test_every_column_is_described_and_every_source_has_its_rights(name):
    about = describe(name)
    assert list(about.columns) == list(load_data(name).columns)
    assert {source for _, _, source, _, _ in about.columns.values()} == set(about.rights)
    for column in about.columns:
        assert re.search(rf"^  {column} +\S.* \[.+; \w+", str(about), flags=re.MULTILINE)


def test_every_file_is_listed():
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(list_data())


def test_the_wheel_carries_every_file():
    settings = tomllib.loads((FOLDER.parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["estim"]
    carried = {path for pattern in patterns for path in FOLDER.parent.glob(pattern)}
    assert {path for path in FOLDER.iterdir() if path.suffix in (".csv", ".toml", ".md")} <= carried


@pytest.mark.parametrize("name", build.DERIVED)
def test_derived_files_follow_from_the_shipped_levels(name):
    pd.testing.assert_frame_equal(load_data(name), build.derive(name), check_exact=True)


def test_the_readme_is_what_the_catalogue_says():
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == build.readme()


def test_plausible_numbers():
    levels = load_data("us_quarterly_2022")
    assert growth(levels["GDPC1"])["1966Q1":"2019Q4"].mean() == pytest.approx(0.695, abs=0.005)
    assert growth(levels["GDPC1"])["2008Q4"] == pytest.approx(-2.21, abs=0.01)
    assert levels["FEDFUNDS"]["1981Q2"] == pytest.approx(17.78, abs=0.005)


@pytest.mark.parametrize(
    ("series", "correlation"),
    [
        ("dy", 0.98),
        ("dc", 0.98),
        ("dinve", 0.98),
        ("labobs", 0.98),
        ("pinfobs", 0.98),
        ("dw", 0.85),
        ("robs", 0.999),
    ],
)
def test_the_recipe_reproduces_the_authors_series(series, correlation):
    """Later vintages are revised, wages most of all."""
    sample = {"start": "1966Q1", "end": "2004Q4"}
    ours, theirs = (load_data(name, **sample)[series] for name in ("us_sw07", "us_sw07_authors"))
    assert ours.corr(theirs) > correlation


@pytest.mark.parametrize(
    ("series", "deviation", "revision"),
    [("YGR", 0.579923, 0.05), ("INFL", 1.470832, 0.01), ("INT", 2.237937, 1e-6)],
)
def test_the_series_vary_as_those_of_herbst_and_schorfheide(series, deviation, revision):
    """The standard deviations are in their programs, whose measurement errors are a fifth of them."""
    frame = load_data("us_nk_cpi", start="1983Q1", end="2002Q4")
    assert frame[series].std() == pytest.approx(deviation, rel=revision)


def test_a_sample_by_its_ends():
    frame = load_data("us_nk", start="1966Q1", end="2019Q4")
    expected = pd.period_range("1966Q1", "2019Q4", freq="Q", name="date")
    pd.testing.assert_index_equal(frame.index, expected)
    assert list(frame) == ["YGR", "INFL", "INT"]
    assert set(frame.dtypes) == {np.dtype(float)}


def test_the_gretl_database_reader():
    """Two series written by hand in the documented format, one with a missing value."""
    index = (
        "# a comment\ngdpx  Some product, Bil. of $\nQ  1999.4 - 2000.2  n = 3\n"
        "old  Annual\nA  1999 - 2000  n = 2\nrate  A rate, %\nM  1999.12 - 2000.01  n = 2\n"
    )
    series = build.read_gretl_database(index, struct.pack("<7f", 1.1, -999.0, 3.3, 8.0, 9.0, 0.25, 5.26))
    assert set(series) == {"GDPX", "RATE"}
    quarters, months = (
        pd.period_range("1999Q4", "2000Q2", freq="Q"),
        pd.period_range("1999-12", "2000-01", freq="M"),
    )
    pd.testing.assert_series_equal(series["GDPX"], pd.Series([1.1, np.nan, 3.3], quarters))
    pd.testing.assert_series_equal(series["RATE"], pd.Series([0.25, 5.26], months))


def test_a_quarterly_mean_needs_three_months():
    months = pd.period_range("2000-01", "2000-06", freq="M")
    mean = build.quarterly_mean(pd.Series([1.0, 2.0, 6.0, 1.0, np.nan, 1.0], months))
    np.testing.assert_array_equal(mean, [3.0, np.nan])


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "date,a,b\n1999Q4,1,2.5\n2000Q1,.,3\n",
        "observation_date,a,b\n1999-10-01,1,2.5\n2000-01-01,,3\n",
        "when,a,b\n1999-10,1,2.5\n2000-01,NA,3\n",
        "a,b,Date\n1,2.5,1999-Q4\nNaN,3,2000-Q1\n",
        "date, a, b\r\n1999q4, 1, 2.5\r\n2000q1, , 3\r\n",
    ],
)
def test_a_users_file(tmp_path, text):
    index = pd.period_range("1999Q4", "2000Q1", freq="Q", name="date")
    expected = pd.DataFrame({"a": [1.0, np.nan], "b": [2.5, 3.0]}, index=index)
    pd.testing.assert_frame_equal(load_data(write(tmp_path, text)), expected)


def test_a_frame_survives_its_csv(tmp_path):
    frame = load_data("us_nk", start="2000Q1")
    frame.to_csv(tmp_path / "copy.csv")
    pd.testing.assert_frame_equal(load_data(str(tmp_path / "copy.csv")), frame)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("date,a\n1999Q4,1\n2000Q1,high\n", r"mine.csv, column a, 2000Q1: 'high' is not a number"),
        ("date,a\n1999Q4,inf\n", r"column a, 1999Q4: 'inf' is not a number"),
        (
            "date,a\n1999Q4,1\n01/01/2000,2\n",
            r"mine.csv, line 3: '01/01/2000' in column date is not a date like",
        ),
        ("a,b\nspring,2\n", r"mine.csv, line 2: 'spring' in column a is not a date"),
        ("date,a\n1999-13-01,1\n", r"line 2: '1999-13-01'"),
        ("date,a\n1999Q1,1\n1999Q4,2\n", r"line 3: quarters are missing, 1999Q2 to 1999Q3"),
        ("date,a\n1999Q1,1\n1999Q1,2\n", r"line 3: 1999Q1 comes twice"),
        ("date,a\n1999-01-01,1\n1999-02-01,2\n", r"1999Q1 comes twice; average a monthly series"),
        ("date,a\n1999Q2,1\n1999Q1,2\n", r"line 3: 1999Q1 comes after 1999Q2; sort"),
        ("date,a,b\n1999Q1,,\n1999Q2,,\n", r"mine.csv: every number is missing in 1999Q1, 1999Q2"),
        ("date,a,a\n1999Q1,1,2\n", r"mine.csv: column a comes twice"),
        ("date,a\n1999Q1,1,2\n", r"mine.csv, line 2: 3 fields, where the header has 2"),
        ("date,a\n\n1999Q1,1\n\n1999Q2,x\n2000Q1,1\n", r"line 6: quarters are missing, 1999Q3 to 1999Q4"),
        ("date\n1999Q1\n", r"mine.csv: there is no column besides the dates"),
        ("date,a\n", r"mine.csv: the file has no rows"),
        ("", r"mine.csv: the file has no rows"),
    ],
)
def test_bad_files_in_words(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        load_data(write(tmp_path, text))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"name": "us_nkk"},
            "unknown data set 'us_nkk'; shipped are us_nk, us_nk_cpi, us_cia, us_sw07",
        ),
        ({"name": "none.csv"}, "no such file: none.csv"),
        ({"name": "us_nk", "start": "1950Q1"}, "start=1950Q1 lies outside us_nk, 1954Q3 to 2026Q1"),
        ({"name": "us_nk", "end": "2030Q1"}, "end=2030Q1 lies outside"),
        ({"name": "us_nk", "start": "1990Q1", "end": "1980Q1"}, "start=1990Q1 comes after end=1980Q1"),
        ({"name": "us_nk", "start": "spring 1990"}, "start='spring 1990' is not a quarter like 1966Q1"),
    ],
)
def test_bad_requests_in_words(arguments, words):
    with pytest.raises(DataError, match=words):
        load_data(**arguments)


def test_an_unknown_data_set_is_not_described():
    with pytest.raises(DataError, match="unknown data set 'mine'"):
        describe("mine")


def test_observables_come_in_the_models_order():
    frame = load_data("us_nk", start="2000Q1", end="2000Q4")
    assert list(select_observables(frame, ("INT", "YGR"))) == ["INT", "YGR"]


def test_bad_observables_in_words():
    frame = load_data("us_nk", start="2000Q1", end="2000Q4")
    with pytest.raises(DataError, match="rbc observes C, which the data lack; they have YGR, INFL, INT"):
        select_observables(frame, ("YGR", "C"), "rbc")
    with pytest.raises(DataError, match="column YGR does not hold numbers"):
        select_observables(frame.astype({"YGR": str}), ("YGR",))
    frame.loc["2000Q2", ["YGR", "INFL"]] = np.nan
    assert select_observables(frame, ("YGR", "INFL"), "rbc").isna().sum().sum() == 2
    with pytest.raises(DataError, match="observables of rbc: every number is missing in 2000Q1, 2000Q2"):
        select_observables(frame * np.nan, ("YGR", "INFL"), "rbc")
    assert select_observables(frame, ("YGR", "INT"), "rbc").isna().sum().sum() == 1


def test_a_period_in_which_nothing_is_observed_is_legal(tmp_path):
    frame = load_data(write(tmp_path, "date,a,b\n1999Q1,1,2\n1999Q2,,\n1999Q3,1,2\n"))
    assert select_observables(frame, ("b",)).isna().to_numpy().ravel().tolist() == [False, True, False]
